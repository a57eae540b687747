"""The web page for people: lists, searches, shows, gives out and takes files.

Made on the server, in plain HTML; only the progress of an upload needs JavaScript.
"""
