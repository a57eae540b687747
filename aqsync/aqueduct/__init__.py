"""The client library: everything an Aqueduct server offers, from Python.

``server.py`` is the thin, thread-safe lower layer: one method per thing the server does.
``api.py`` and ``experiment.py`` are the objects that people work with in scripts and notebooks.
Nothing here knows about syncing.
"""
