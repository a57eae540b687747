"""A database on the user's disk, with its log and journal: looked at and read from outside."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from aqsync.errors import FileUnreadable, FileVanished
from aqsync.local.disk import Disk, Seen
from aqsync.local.found_databases import first_bytes
from aqsync.local.reader import CHUNK, explained
from aqsync.local.sqlite_files import JOURNAL, LOG, holds_something, log_number
from aqsync.model import EntryKind, Signature

GoesOn = Callable[[], None]
"""Called often while a snapshot is made; it raises to break off."""


class DatabaseState(NamedTuple):
    """A database and its parts, as seen one after the other; None for a part that is empty."""

    database: Seen
    log: Seen | None
    journal: Seen | None

    @property
    def signature(self) -> Signature:
        """The database's."""
        return Signature(*self.database[1:], log_number(self.log, self.journal))

    @property
    def committed_ns(self) -> int:
        """When something was last committed to it, as far as its times tell."""
        parts = (self.database, self.log)
        return max(part[2] for part in parts if part is not None)

    @property
    def newest_ns(self) -> int:
        """When anything of it was last written to."""
        parts = (self.database, self.log, self.journal)
        return max(max(part[2:4]) for part in parts if part is not None)


class DatabaseSource:
    """What a snapshot is made from.

    Every method raises `FileUnreadable` where the disk does not deliver.

    Args:
        disk: Where the database is.
        root: The mapping's directory.
        path: The database's path below it.
        goes_on: Called for each piece that is read.
    """

    def __init__(self, disk: Disk, root: Path, path: str, goes_on: GoesOn) -> None:
        self._disk, self._root, self._path = disk, root, path
        self.goes_on = goes_on
        self.place = root / path

    def look(self) -> DatabaseState:
        """What it is now.

        Raises:
            FileVanished: The database is gone.
        """
        database = self._look("")
        if database is None or database[0] is None:
            raise FileVanished(f"{self.place} is gone, or no longer a regular file")
        if database[0] is not EntryKind.FILE:
            raise FileUnreadable(
                f"{self.place} is no file that may be read", hint="it is looked at again"
            )
        return DatabaseState(database, self._part(LOG), self._part(JOURNAL))

    def _part(self, part: str) -> Seen | None:
        seen = self._look(part)
        if not holds_something(seen):
            return None
        if seen is not None and seen[0] is EntryKind.OTHERS:
            raise FileUnreadable(
                f"{self.place}{part} belongs to a user whom `require_owner` does not name",
                hint="name its owner in `require_owner`: without it the database is not whole",
            )
        return seen

    def _look(self, part: str) -> Seen | None:
        with self._translated(part):
            try:
                return self._disk.look(self._root, self._path + part)
            except (FileNotFoundError, NotADirectoryError):
                return None

    def in_the_midst(self) -> bool:
        """Whether a transaction is under way that nothing on the disk would undo.

        So it is with the journal modes MEMORY and OFF: its pages go into the database at once. Its
        writer holds a lock until it ends, which the system tells as `Disk` says.
        """
        if self._look(LOG) is not None or self._look(JOURNAL) is not None:
            return False
        with self._translated(""):
            try:
                file = self._disk.open(self._root, self._path)
            except (FileNotFoundError, NotADirectoryError):
                return False
            try:
                return file.locked_for_writing()
            finally:
                file.close()

    def first_bytes(self, part: str, size: int) -> bytes:
        """The first bytes of the database or of a part of it; none where there is no such part."""
        if part and self._part(part) is None:
            return b""
        with self._translated(part):
            try:
                return first_bytes(self._disk, self._root, self._path + part, size)
            except (FileNotFoundError, NotADirectoryError):
                return b""

    def copy(self, part: str, to: Path, promise: Callable[[int], None]) -> bool:
        """Copy the bytes that are there now, sharing them if the file system can.

        Args:
            part: Which.
            to: The new file, private.
            promise: Called with the number of bytes before so many are written.

        Returns:
            Whether there was anything to copy; false: it has gone meanwhile.
        """
        with self._translated(part):
            try:
                source = self._disk.open(self._root, self._path + part)
            except (FileNotFoundError, NotADirectoryError):
                return False
            try:
                copy = os.open(to, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            except BaseException:
                source.close()
                raise
        try:
            with self._translated(part):
                size = source.look()[1]
                shared = source.cloned_into(copy)
            if shared:
                return True
            promise(size)
            while size > 0:
                self.goes_on()
                with self._translated(part):
                    piece = source.read(min(CHUNK, size))
                if not piece:
                    break  # it became shorter; whether that matters shows afterwards
                size -= len(piece)
                _write(copy, piece)
        finally:
            os.close(copy)
            source.close()
        return True

    @contextmanager
    def _translated(self, part: str) -> Iterator[None]:
        try:
            yield
        except OSError as exc:
            raise explained(exc, Path(f"{self.place}{part}")) from exc


def _write(copy: int, piece: bytes) -> None:
    rest = memoryview(piece)
    while rest:
        rest = rest[os.write(copy, rest) :]
