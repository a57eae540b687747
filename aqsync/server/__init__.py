"""The embedded server: a small Aqueduct for a lab without one, and for demo and tests.

It stands apart: it imports nothing of the rest of aqsync, and needs the extra ``[server]``.
Whoever offers it to users imports `aqsync.server.run` and takes an `ImportError` as "the extra
is not installed"; this package and `aqsync.server.errors` can be imported without it.
"""
