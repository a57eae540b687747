"""SQLite databases as instruments' programs leave them, for tests."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path

MAGIC = b"SQLite format 3\0"


def open_database(
    place: Path, mode: str = "WAL", *, autocheckpoint: int = 1000
) -> sqlite3.Connection:
    """A connection that writes as many programs do; each statement is a transaction."""
    place.parent.mkdir(parents=True, exist_ok=True)
    connection = sqlite3.connect(place, isolation_level=None)
    connection.execute(f"PRAGMA journal_mode = {mode}")
    connection.execute(f"PRAGMA wal_autocheckpoint = {autocheckpoint}")
    connection.execute("PRAGMA synchronous = OFF")
    connection.execute("CREATE TABLE IF NOT EXISTS row (n INTEGER PRIMARY KEY, data)")
    return connection


def add_rows(connection: sqlite3.Connection, count: int = 1, size: int = 100) -> int:
    """Commit so many rows, one by one; returns the number of the last."""
    for _ in range(count):
        connection.execute("INSERT INTO row (data) VALUES (randomblob(?))", (size,))
    return int(connection.execute("SELECT max(n) FROM row").fetchone()[0])


def rows_in(content: bytes, folder: Path) -> int:
    """How many rows a database has, without any gap; it must pass SQLite's own check."""
    place = folder / "opened.db"
    place.write_bytes(content)
    connection = sqlite3.connect(place)
    try:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        count, last = connection.execute("SELECT count(*), coalesce(max(n), 0) FROM row").fetchone()
    finally:
        connection.close()
        for path in folder.glob("opened.db*"):
            path.unlink()
    assert count == last
    return int(count)


def listed(folder: Path) -> dict[str, tuple[int, int, int, int]]:
    """Every entry below a folder: its size, mtime, ctime and inode."""
    found = {}
    for path in sorted(folder.rglob("*")):
        status = path.lstat()
        found[os.fspath(path.relative_to(folder))] = (
            *(status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino),
        )
    return found
