"""The embedded server: a small Aqueduct for a lab without one, and for demo and tests.

It imports nothing of the rest of aqsync, and needs the extra ``[server]``. Code that offers it to
users imports `aqsync.server.run`; an `ImportError` means that the extra is not installed. This
package and `aqsync.server.errors` can be imported without it.
"""
