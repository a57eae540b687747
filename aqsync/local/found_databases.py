"""Whether a file that has the parts of a database beside it is one: its first bytes tell."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from aqsync.local.disk import Disk, Seen
from aqsync.local.sqlite_files import (
    HEADER,
    JOURNAL,
    LOG,
    begins_database,
    begins_journal,
    begins_log,
    holds_something,
)
from aqsync.model import EntryKind


def looks_like_database(
    disk: Disk, root: Path, path: str, seen: Seen, logs: Sequence[Seen | None]
) -> bool | None:
    """Whether a file is a SQLite database.

    Args:
        disk: Where it is.
        root: The mapping's directory.
        path: The file's path below it.
        seen: What was seen of it.
        logs: What was seen of its log and of its journal: before the first transaction has ended,
            the file itself is empty.

    Returns:
        None: it cannot be read.
    """
    if seen[0] is not EntryKind.FILE:
        return False
    try:
        if seen[1]:
            return begins_database(first_bytes(disk, root, path, HEADER))
        begins = (LOG, begins_log), (JOURNAL, begins_journal)
        return any(
            holds_something(part) and is_one(first_bytes(disk, root, path + name, HEADER))
            for part, (name, is_one) in zip(logs, begins, strict=True)
        )
    except OSError:
        return None


def first_bytes(disk: Disk, root: Path, path: str, size: int) -> bytes:
    """The first bytes of a file; fewer where it has no more.

    Raises:
        OSError: It cannot be opened or read.
    """
    file = disk.open(root, path)
    try:
        found = b""
        while len(found) < size and (more := file.read(size - len(found))):
            found += more
        return found
    finally:
        file.close()
