"""Databases as real writers leave them on the disk, step by step.

A real SQLite writes, once in a process; what its files hold after each step is kept. Histories play
such a tape on the made-up disk. Each row that is committed has the next number.
"""

from __future__ import annotations

import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing
from functools import cache, lru_cache
from pathlib import Path
from typing import NamedTuple

from aqsync.local.sqlite_files import JOURNAL, LOG
from tests.simulation.fake_disk import FakeDisk

KINDS = ("often checkpointed", "truncated", "vacuumed", "rolled back")
_PAGE = 512
_FILL = 150
"""Bytes of a row, besides its number."""


class Frame(NamedTuple):
    """What the files of a database hold at one moment."""

    database: bytes
    log: bytes | None
    journal: bytes | None
    committed: int
    """The number of the last row that is committed."""


@cache
def tape(kind: str) -> tuple[Frame, ...]:
    """What a writer of this kind leaves, step by step; at the end it closes its database."""
    with tempfile.TemporaryDirectory() as folder:
        return tuple(_in_pieces(list(_recorded(Path(folder) / "database", kind))))


def _recorded(place: Path, kind: str) -> Iterator[Frame]:
    with closing(sqlite3.connect(place, isolation_level=None)) as writer:
        for line in (f"page_size = {_PAGE}", "cache_size = 2", "synchronous = FULL"):
            writer.execute(f"PRAGMA {line}")
        mode = "DELETE" if kind == "rolled back" else "WAL"
        writer.execute(f"PRAGMA journal_mode = {mode}").fetchall()
        writer.execute(f"PRAGMA wal_autocheckpoint = {5 if kind == 'often checkpointed' else 1000}")
        writer.execute("CREATE TABLE row (number INTEGER PRIMARY KEY, fill BLOB)")
        for number in range(1, 13):
            writer.execute("BEGIN")
            writer.execute("INSERT INTO row VALUES (?, ?)", (number, bytes([number]) * _FILL))
            if kind == "rolled back" and number > 4:
                # More than fits into the cache: it is in the file before it is committed.
                writer.execute("UPDATE row SET fill = ?", (bytes([100 + number]) * _FILL,))
                yield _frame(place, number - 1)
            writer.execute("COMMIT")
            yield _frame(place, number)
            if number % 4 == 0:
                if kind == "truncated":
                    writer.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
                elif kind == "vacuumed":
                    writer.execute("DELETE FROM row WHERE number % 2")
                    writer.execute("VACUUM")
                    writer.execute("PRAGMA wal_checkpoint(FULL)").fetchall()
                yield _frame(place, number)
    yield _frame(place, 12)


def _frame(place: Path, committed: int) -> Frame:
    def held(part: str) -> bytes | None:
        file = place.with_name(place.name + part)
        return file.read_bytes() if file.exists() else None

    return Frame(held("") or b"", held(LOG), held(JOURNAL), committed)


def _in_pieces(frames: list[Frame]) -> Iterator[Frame]:
    """The frames, with what lies between them: a log is written before its pages are copied."""
    before = frames[0]
    yield before
    for frame in frames[1:]:
        # Only what a log that stays whole holds may be half copied.
        if before.log and frame.database != before.database and not frame.journal:
            whole = frame.log or before.log
            committed = frame.committed if frame.log else before.committed
            yield Frame(before.database, whole, None, committed)
            yield Frame(_half_copied(before.database, frame.database), whole, None, committed)
            yield Frame(frame.database, whole, None, committed)
        yield frame
        before = frame


def _half_copied(old: bytes, new: bytes) -> bytes:
    """Every second page of those that a checkpoint copies."""
    size = max(len(old), len(new))
    old, new = old.ljust(size, b"\0"), new.ljust(size, b"\0")
    pages = range(0, size, _PAGE)
    return b"".join((new if at // _PAGE % 2 else old)[at : at + _PAGE] for at in pages)


class WrittenDatabase:
    """A database on the made-up disk, and its writer.

    Args:
        disk: The disk.
        place: Where its file is.
        kind: How its writer goes about it.

    Attributes:
        eager: So many steps come while it is read.
        spoiled: Others have changed its files, so its content proves nothing any more.
    """

    def __init__(self, disk: FakeDisk, place: str, kind: str) -> None:
        self.eager = 0
        self.spoiled = False
        self.place = place
        self._disk = disk
        self._frames = tape(kind)
        self._at = 0
        self._write(None, self._frames[0])

    @property
    def committed(self) -> int:
        """The number of the last row that is committed."""
        return self._frames[self._at].committed

    def is_there(self) -> bool:
        """Whether all its files are as the writer left them; others may have spoiled it."""
        frame = self._frames[self._at]
        if not self._disk.exists(self.place):
            return False
        parts = ("", frame.database), (LOG, frame.log), (JOURNAL, frame.journal)
        self.spoiled = self.spoiled or any(self._held(part) != held for part, held in parts)
        return not self.spoiled

    def go_on(self) -> list[str]:
        """The writer's next step; returns the places of what it has written."""
        if self._at + 1 == len(self._frames) or not self.is_there():
            raise FileNotFoundError(self.place)
        before, frame = self._frames[self._at], self._frames[self._at + 1]
        self._at += 1
        return self._write(before, frame)

    def _write(self, before: Frame | None, frame: Frame) -> list[str]:
        written = []
        for part, held, was in (
            (LOG, frame.log, before and before.log),
            (JOURNAL, frame.journal, before and before.journal),
            ("", frame.database, before and before.database),
        ):
            if held == was:
                continue
            written.append(f"{self.place}{part}")
            if held is None:
                self._disk.remove(written[-1])
            else:
                self._disk.write(written[-1], held)
        return written

    def _held(self, part: str) -> bytes | None:
        place = f"{self.place}{part}"
        return self._disk.content(place) if self._disk.exists(place) else None


@lru_cache(10_000)
def number_in(content: bytes) -> int | None:
    """The number of the last row in a database; None: it is damaged, or cannot be opened."""
    # In memory there is no log, so the header must not ask for one.
    content = content[:18] + b"\1\1" + content[20:]
    try:
        with closing(sqlite3.connect(":memory:")) as reader:
            reader.deserialize(content)
            [(verdict,), *_] = reader.execute("PRAGMA integrity_check").fetchall()
            [(number,)] = reader.execute("SELECT max(number) FROM row").fetchall()
    except sqlite3.Error:
        return None
    return int(number or 0) if verdict == "ok" else None
