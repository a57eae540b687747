"""Lines of manifests that were read from the server, in a file of their own without a name.

SQLite keeps a small part of it in memory and the rest on the disk for temporary files, where it
goes with the process. What stands in the lines was written by others.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from typing import Any, NamedTuple

from aqsync.errors import LocalError
from aqsync.journal.rows import loaded, stored

_TABLES = """
PRAGMA journal_mode = OFF;
PRAGMA synchronous = OFF;
PRAGMA cache_size = -8000;
CREATE TABLE line (
    manifest INTEGER NOT NULL,
    name TEXT NOT NULL,
    source INTEGER NOT NULL,
    path NOT NULL,
    size INTEGER NOT NULL,
    sha256 BLOB NOT NULL,
    mtime_ns INTEGER NOT NULL,
    modified_at TEXT NOT NULL,
    state TEXT NOT NULL,
    complete INTEGER,
    freed_at TEXT,
    PRIMARY KEY (manifest, name)
) WITHOUT ROWID;
"""
_COLUMNS = (
    "manifest, name, source, path, size, sha256, mtime_ns, modified_at, state, complete, freed_at"
)
_AT_ONCE = 1000


class ManifestLine(NamedTuple):
    """What a manifest says of one file on the server."""

    manifest: int
    """Which manifest: the number that the reader of it has given."""
    name: str
    """The file's name on the server."""
    source: int
    """Which of the manifest's sources, counted from 0."""
    path: str
    """Relative to that source's directory."""
    size: int
    sha256: bytes
    mtime_ns: int
    modified_at: str
    """The server's time of the version; empty if it was not known."""
    state: str
    complete: bool | None
    freed_at: str | None


class ManifestLines:
    """The lines; usable from several threads.

    Every method raises `LocalError` if the disk for temporary files has no room.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._connection: sqlite3.Connection | None = None

    def close(self) -> None:
        """Forget everything."""
        with self._lock:
            if self._connection is not None:
                self._connection.close()
                self._connection = None

    def add(self, lines: Iterable[ManifestLine]) -> None:
        """Keep lines; of several for one name in one manifest, the last."""
        rows = map(_row, lines)
        while batch := list(islice(rows, _AT_ONCE)):
            self._write(batch)

    def forget(self, manifest: int) -> None:
        """Forget a manifest."""
        with self._lock, _translated():
            self._open().execute("DELETE FROM line WHERE manifest = ?", (manifest,))

    def count(self, manifest: int) -> int:
        """How many lines of a manifest are kept."""
        with self._lock, _translated():
            rows = self._open().execute("SELECT count(*) FROM line WHERE manifest = ?", (manifest,))
            return int(rows.fetchone()[0])

    def of(self, manifest: int, name: str) -> ManifestLine | None:
        """What a manifest says of the file with this name."""
        with self._lock, _translated():
            rows = self._open().execute(
                f"SELECT {_COLUMNS} FROM line WHERE manifest = ? AND name = ?", (manifest, name)
            )
            found = rows.fetchone()
        return None if found is None else _line(found)

    def all(self, manifest: int) -> Iterator[ManifestLine]:
        """Every line of a manifest, by name."""
        last = ""
        while True:
            with self._lock, _translated():
                found = self._open().execute(
                    f"SELECT {_COLUMNS} FROM line WHERE manifest = ? AND name > ?"
                    " ORDER BY name LIMIT ?",
                    (manifest, last, _AT_ONCE),
                )
                rows = found.fetchall()
            yield from map(_line, rows)
            if len(rows) < _AT_ONCE:
                return
            last = rows[-1][1]

    def _write(self, rows: list[tuple[object, ...]]) -> None:
        with self._lock, _translated():
            connection = self._open()
            connection.execute("BEGIN")
            connection.executemany(
                f"INSERT OR REPLACE INTO line ({_COLUMNS}) VALUES ({','.join('?' * len(rows[0]))})",
                rows,
            )
            connection.execute("COMMIT")

    def _open(self) -> sqlite3.Connection:
        if self._connection is None:
            self._connection = sqlite3.connect("", isolation_level=None, check_same_thread=False)
            self._connection.executescript(_TABLES)
        return self._connection


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as exc:
        raise LocalError(
            f"what manifests say cannot be kept in a temporary file: {exc}",
            hint="free some space on the disk for temporary files",
        ) from exc


def _row(line: ManifestLine) -> tuple[object, ...]:
    manifest, name, source, path, *rest = line
    return manifest, name, source, stored(path), *rest


def _line(row: Sequence[Any]) -> ManifestLine:
    line = ManifestLine._make(row)
    whole = None if line.complete is None else bool(line.complete)
    return line._replace(path=loaded(line.path), complete=whole)
