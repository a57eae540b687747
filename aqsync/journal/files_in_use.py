"""Whether the files that a writer has open are still the files at their paths.

A deleted or replaced file can still be written to, and nobody reads what is written; meanwhile
another process may start a new journal at the path.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple

from aqsync.journal.lock import JournalLock


class _Seen(NamedTuple):
    size: int
    mtime_ns: int


class FilesInUse:
    """The files of an open journal.

    Args:
        journal: Its path; what SQLite keeps beside it counts too.
        lock: Held by this process.
    """

    def __init__(self, journal: Path, lock: JournalLock) -> None:
        self._journal = journal
        self._lock = lock
        self._paths = [journal.with_name(journal.name + suffix) for suffix in ("", "-wal", "-shm")]
        self._known = {path: _identity(path) for path in self._paths}
        self._content: _Seen | None = None
        self._changes = -1

    def problem(self, changes: int) -> str | None:
        """What has happened to the files; None: nothing.

        Args:
            changes: Counts what this process has done that may have written to the journal's
                file. While it does not grow, every change of the file is another program's.
        """
        for path in self._paths:
            identity = _identity(path)
            if self._known[path] is None:
                self._known[path] = identity  # SQLite makes them when they are needed
            elif identity is None:
                return f"{path} was deleted while it was in use"
            elif identity != self._known[path]:
                return f"{path} was replaced while it was in use"
        if not self._lock.in_place():
            return f"{self._lock.path} was deleted or replaced while it was in use"
        return self._overwritten(changes)

    def _overwritten(self, changes: int) -> str | None:
        status = self._journal.stat()
        seen, before = _Seen(status.st_size, status.st_mtime_ns), self._content
        still = changes == self._changes
        self._content, self._changes = seen, changes
        if still and before is not None and seen != before:
            return f"{self._journal} was written to by another program while it was in use"
        return None


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        status = os.stat(path)  # noqa: PTH116 - as of the lock's descriptor
    except (FileNotFoundError, NotADirectoryError):
        return None
    return status.st_dev, status.st_ino
