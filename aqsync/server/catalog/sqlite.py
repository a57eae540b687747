"""The database of a server that stands alone: one SQLite file in its data directory."""

from __future__ import annotations

import fcntl
import os
import sqlite3
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from aqsync.server.catalog.database import UNSTORABLE, Connection, Cursor, Database, Dialect
from aqsync.server.catalog.ilike import fits
from aqsync.server.catalog.schema import MIGRATIONS
from aqsync.server.errors import OperationRefused, ServerStartError

_APPLICATION_ID = 0x41514453  # "AQDS"


class SqliteDatabase(Database):
    """One connection, one lock: any thread may call.

    Args:
        path: The file; made if it is missing.

    Raises:
        ServerStartError: The file is no catalog, or a newer release made it.
    """

    dialect = Dialect(fits="fits(?, {column})", locked="")

    def __init__(self, path: Path) -> None:
        self._lock = threading.Lock()
        self._connection = _open(path)
        self._statements = _Statements(self._connection)
        self.name = str(path)

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._connection.close()

    def now(self) -> int:
        """Return the time of this machine: there is no other server."""
        return time.time_ns() // 1000

    @contextmanager
    def held(self, tables: Iterable[str]) -> Iterator[None]:  # noqa: ARG002 - of all databases
        """Do nothing: who has the lock on the directory is the only one who works with the file."""
        yield

    def number_on(self, table: str) -> None:
        """Do nothing: rows get the next number after the largest one."""

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """Lend the connection; nothing is changed meanwhile."""
        with self._lock:
            yield self._statements

    @contextmanager
    def changing(self) -> Iterator[Connection]:
        """Lend the connection for one transaction, on the disk at the end of the block."""
        with self._lock:
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._statements
                self._connection.execute("COMMIT")
            except BaseException:
                # SQLite may have rolled back itself, as on a full disk.
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise


class _Statements:
    """A connection that takes only what PostgreSQL takes as well.

    Args:
        connection: The one that runs the statements.
    """

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def execute(self, sql: str, values: Sequence[object] = (), /) -> Cursor:
        """Run a statement."""
        return self._connection.execute(sql, _checked(values))

    def executemany(self, sql: str, rows: Iterable[Sequence[object]], /) -> None:
        """Run a statement that gives no rows once for each row of values."""
        self._connection.executemany(sql, map(_checked, rows))


def _checked(values: Sequence[object]) -> Sequence[Any]:
    for value in values:
        if isinstance(value, str) and "\0" in value:
            raise OperationRefused(UNSTORABLE)
    return values


def _open(path: Path) -> sqlite3.Connection:
    """Open a catalog, or make one; threads may share the connection.

    Raises:
        ServerStartError: The file is no catalog, or a newer release made it.
        OSError: It cannot be made.
    """
    # SQLite would make it readable for all; its log takes the permissions that it has.
    os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
    database = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    try:
        with _alone_in(path.parent):
            _check(database, path)
            database.execute("PRAGMA journal_mode = WAL")
        database.execute("PRAGMA synchronous = FULL")
        database.execute("PRAGMA foreign_keys = ON")
        database.create_function("fits", 2, fits, deterministic=True)
    except sqlite3.DatabaseError as exc:
        database.close()
        raise ServerStartError(
            f"the catalog {path} cannot be used: {exc}",
            "Restore it from a backup, or start with another data directory.",
        ) from exc
    except BaseException:
        database.close()
        raise
    return database


@contextmanager
def _alone_in(folder: Path) -> Iterator[None]:
    """Let one process at a time look at a new file: a server starts while a command runs."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _check(database: sqlite3.Connection, path: Path) -> None:
    """Refuse a file that is not a catalog without changing it; bring an older one up to date."""
    ((application_id,),) = database.execute("PRAGMA application_id")
    ((version,),) = database.execute("PRAGMA user_version")
    ((tables,),) = database.execute("SELECT count(*) FROM sqlite_master")
    if tables and application_id != _APPLICATION_ID:
        raise ServerStartError(
            f"{path} is a database of another program",
            "Start with another data directory.",
        )
    if version > len(MIGRATIONS):
        raise ServerStartError(
            f"the catalog {path} was made by a newer release of aqsync",
            "Upgrade aqsync.",
        )
    steps = MIGRATIONS[version if tables else 0 :]
    if steps:
        # In one transaction with its marks: a crash leaves all of it or nothing.
        database.executescript(
            f"BEGIN; {''.join(step.sqlite for step in steps)}"
            f"PRAGMA application_id = {_APPLICATION_ID};"
            f"PRAGMA user_version = {len(MIGRATIONS)}; COMMIT;"
        )
