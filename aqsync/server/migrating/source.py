"""The storage that is moved: opened so that nothing of it changes, by nobody."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from uuid import UUID

from aqsync.server.catalog.database import Database
from aqsync.server.catalog.opening import CATALOG, check_there, open_database
from aqsync.server.catalog.sqlite import SqliteDatabase
from aqsync.server.files.opening import Limits, open_files
from aqsync.server.files.store import FileStore
from aqsync.server.migrating.rows import moved_tables
from aqsync.server.settings import StorageSettings
from aqsync.server.storage import lock_directory


@dataclass(frozen=True, slots=True)
class Source:
    """What is moved.

    Args:
        database: Its database; of a file, a copy.
        files: Its files.
        name: What it is called.
    """

    database: Database
    files: FileStore
    name: str

    def count_files(self) -> int:
        """Return how many files there are."""
        return sum(len(self.files.listing(uuid).names()) for uuid in self.experiments())

    def experiments(self) -> list[UUID]:
        """Return all experiments, oldest first."""
        with self.database.reading() as connection:
            rows = connection.execute("SELECT uuid FROM experiment ORDER BY number").fetchall()
        return [UUID(uuid) for (uuid,) in rows]


@contextmanager
def opened_source(settings: StorageSettings) -> Iterator[Source]:
    """Open the storage, and let no server change it while the block lasts.

    Raises:
        ServerStartError: It cannot be used, or a server uses it.
        OSError: The disk failed.
        DatabaseAway: The database was lost.
    """
    with ExitStack() as stack:
        data = settings.data
        if data is None:
            data = Path(stack.enter_context(TemporaryDirectory(prefix="aqsync-")))
        else:
            check_there(data, settings.database)
            lock_directory(data, stack)
        database = _database(data, settings.database, stack)
        stack.callback(database.close)
        files = open_files(settings, data, database, Limits())
        stack.callback(files.close)
        locked = [table.name for table in moved_tables()]
        stack.enter_context(database.held([*locked, "file"]))
        yield Source(database, files, _name(settings, database))


def _database(data: Path, url: str | None, stack: ExitStack) -> Database:
    if url is not None:
        return open_database(data, url)
    # A copy: opening one of an earlier release changes it, and so does one that was not closed.
    copies = Path(stack.enter_context(TemporaryDirectory(prefix="aqsync-")))
    for name in (CATALOG, f"{CATALOG}-wal"):
        if (data / name).exists():
            shutil.copy(data / name, copies / name)
    return SqliteDatabase(copies / CATALOG)


def _name(settings: StorageSettings, database: Database) -> str:
    """Return what tells this storage from others, without secrets."""
    place = "" if settings.data is None else str(settings.data.resolve())
    shared = f"the database {database.name}" if settings.database else ""
    return ", ".join(filter(None, (place, shared, settings.files)))
