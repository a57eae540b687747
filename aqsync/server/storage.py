"""All that a server keeps: files, database and logs, and the lock on its directory."""

from __future__ import annotations

import fcntl
import os
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from uuid import UUID

from aqsync.server.catalog.catalog import Catalog
from aqsync.server.catalog.database import Database
from aqsync.server.catalog.opening import open_database
from aqsync.server.catalog.task_records import TaskRecords
from aqsync.server.errors import ServerStartError
from aqsync.server.extensions.environments import Environments
from aqsync.server.files.opening import Limits, open_files
from aqsync.server.private_folder import make_private
from aqsync.server.rights.tokens import Tokens
from aqsync.server.settings import StorageSettings
from aqsync.server.trail import Trail


class Storage:
    """What a server keeps, open for one process.

    Args:
        settings: Where it is kept.
        quota: How many bytes all files together may have; None for no limit.
        reserve: How many bytes of the disk stay free; None for the default of `Space`.
        unfinished: Whether something may still have to be moved into it.

    Raises:
        ServerStartError: It cannot be used, or another server uses it.
    """

    def __init__(
        self,
        settings: StorageSettings,
        *,
        quota: int | None = None,
        reserve: int | None = None,
        unfinished: bool = False,
    ) -> None:
        data = settings.data
        try:
            with ExitStack() as stack:
                if data is None:
                    temporary = TemporaryDirectory(prefix="aqsync-")
                    data = Path(stack.enter_context(temporary))
                make_private(data)
                lock_directory(data, stack)
                self.database: Database = open_database(data, settings.database)
                stack.callback(self.database.close)
                if not unfinished:
                    _check_finished(self.database)
                self.files = open_files(settings, data, self.database, Limits(quota, reserve))
                stack.callback(self.files.close)
                self.catalog = Catalog(self.database)
                self.tasks = TaskRecords(self.database)
                self.tokens = Tokens(self.database)
                self.environments = Environments(data.absolute() / "environments")
                self._recover()
                self.trail = Trail(None if settings.data is None else data / "logs")
                stack.callback(self.trail.close)
                self._opened = stack.pop_all()
        except OSError as exc:
            raise _unusable(settings.data, exc) from exc

    def _recover(self) -> None:
        """Finish what a crash may have left half done."""
        for uuid in self.catalog.removed():
            self._finish_removal(uuid)
        self.files.create_missing(self.catalog.uuids())

    def _finish_removal(self, uuid: UUID) -> None:
        self.files.remove(uuid)
        self.catalog.forget_removed(uuid)

    def remove_experiment(self, uuid: UUID) -> None:
        """Remove an experiment, its tasks and files; after a crash the next start finishes this.

        Raises:
            OperationRefused: There is no such experiment.
        """
        self.catalog.remove(uuid)
        self._finish_removal(uuid)

    def close(self) -> None:
        """Close the database and release the lock on the directory."""
        self._opened.close()


def lock_directory(data: Path, stack: ExitStack) -> None:
    """Lock a data directory until the stack is closed.

    Raises:
        ServerStartError: Another server uses it.
        OSError: It cannot be used.
    """
    lock = os.open(data / "server.lock", os.O_RDWR | os.O_CREAT, 0o600)
    stack.callback(os.close, lock)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as exc:
        raise ServerStartError(
            f"another server uses the data directory {data}",
            "Stop it first, or name another --data.",
        ) from exc


def _check_finished(database: Database) -> None:
    with database.reading() as connection:
        row = connection.execute("SELECT source FROM move WHERE done_at IS NULL").fetchone()
    if row is not None:
        raise ServerStartError(
            f"the move of {row[0]} into this storage is not finished",
            "Call `aqsync serve migrate` again as before: it goes on with what is left.",
        )


def _unusable(data: Path | None, exc: OSError) -> ServerStartError:
    where = "for temporary files" if data is None else str(data)
    return ServerStartError(
        f"the data directory {where} cannot be used: {exc.strerror or exc}",
        "Name a directory that this user may write to.",
    )
