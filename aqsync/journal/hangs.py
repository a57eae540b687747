"""Which file systems do not answer, as the process that writes the journal observes it."""

from __future__ import annotations

import threading
from typing import NamedTuple

from aqsync.journal.database import Database
from aqsync.journal.rows import loaded, stored

LOOK = ""
"""Instead of a file's path: a look at the directory hangs."""


class Hanging(NamedTuple):
    """A call of the system that does not come back."""

    since_ns: int
    blocks: bool
    """A second attempt hangs too: no job of the mapping starts until a call has answered."""


class Hangs:
    """The table of what hangs, by mapping and path.

    It is also kept in memory: every decision reads it, and only this process changes it.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._lock = threading.Lock()
        self._known: dict[str, dict[str, Hanging]] | None = None

    def of(self, mapping: str) -> dict[str, Hanging]:
        """What hangs in a mapping, by path: a file's, or `LOOK`."""
        with self._lock:
            if self._known is None:
                self._known = self._read()
            return self._known.get(mapping, {})

    def set(self, mapping: str, hanging: dict[str, Hanging]) -> None:
        """Record what hangs in a mapping now; everything else answers."""
        if self.of(mapping) == hanging:
            return
        with self._database.writing() as connection:
            connection.execute("DELETE FROM hang WHERE mapping = ?", (mapping,))
            connection.executemany(
                "INSERT INTO hang (mapping, path, since_ns, blocks) VALUES (?, ?, ?, ?)",
                (
                    (mapping, stored(path), item.since_ns, item.blocks)
                    for path, item in hanging.items()
                ),
            )
        with self._lock:
            assert self._known is not None  # noqa: S101 - it was read above
            self._known[mapping] = dict(hanging)

    def clear(self) -> None:
        """Called when a process starts: nothing hangs for it yet."""
        if not self._read():
            return
        self._database.write("DELETE FROM hang")
        with self._lock:
            self._known = {}

    def _read(self) -> dict[str, dict[str, Hanging]]:
        rows = self._database.rows("SELECT mapping, path, since_ns, blocks FROM hang")
        known: dict[str, dict[str, Hanging]] = {}
        for mapping, path, since_ns, blocks in rows:
            known.setdefault(mapping, {})[loaded(path)] = Hanging(since_ns, bool(blocks))
        return known
