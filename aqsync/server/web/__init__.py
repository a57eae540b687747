"""The web page: lists and searches experiments, shows files, takes uploads.

The server makes plain HTML; only the progress of an upload needs JavaScript.
"""
