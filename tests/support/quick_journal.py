"""Real journals for tests by the hundred: begun once, and never waiting for the disk."""

from __future__ import annotations

import tempfile
from functools import cache
from pathlib import Path

from aqsync.journal import Journal
from aqsync.journal.lock import JournalLock


def open_quickly(path: Path, now_ns: int) -> Journal:
    """Open a journal for writing, begun if it is not there; no test of it cuts the power."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(_begun())
        # As its writer would leave it: what was closed in good order is not read through.
        JournalLock(path).release(in_good_order=True)
    journal = Journal.open_for_writing(path, now_ns)
    with journal._database.reading() as connection:
        connection.execute("PRAGMA synchronous = OFF")
    journal._durable = None
    return journal


@cache
def _begun() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "journal.db"
        Journal.open_for_writing(path, 1).close()
        return path.read_bytes()
