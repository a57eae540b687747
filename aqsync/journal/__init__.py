"""The journal: what was observed, in SQLite. `Journal` is the way in."""

from aqsync.journal.journal import Journal

__all__ = ["Journal"]
