"""Which queue a server has."""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID

from aqsync.server.catalog.database import Connection, Database
from aqsync.server.catalog.sqlite import SqliteDatabase
from aqsync.server.catalog.task_records import TaskRecords
from aqsync.server.errors import ServerStartError
from aqsync.server.extensions.embedded_queue import EmbeddedQueue
from aqsync.server.extensions.script_runner import ScriptRunner
from aqsync.server.extensions.task_queue import TaskQueue


def open_queue(
    database: Database, records: TaskRecords, scripts: ScriptRunner, max_tasks: int
) -> TaskQueue:
    """Return what runs the tasks of a server: with PostgreSQL, all its servers share one queue.

    Args:
        database: Where the tasks are kept.
        records: The tasks.
        scripts: Runs the script of a task.
        max_tasks: How many tasks run at once, in this process.

    Raises:
        ServerStartError: The queue's library is not installed, or its tables cannot be made.
    """
    if isinstance(database, SqliteDatabase):
        return EmbeddedQueue(records, scripts, max_tasks)
    try:
        # An optional extra.
        from aqsync.server.catalog.postgres import PostgresDatabase  # noqa: PLC0415
        from aqsync.server.extensions.shared_queue import SharedQueue  # noqa: PLC0415
    except ImportError as exc:
        raise _not_installed(exc) from exc
    assert isinstance(database, PostgresDatabase)  # noqa: S101 - there are two kinds
    return SharedQueue(database, records, scripts, max_tasks)


def enqueuer(database: Database) -> Callable[[Connection, UUID], None]:
    """Return what puts a task into a database's queue, in the transaction that enters it.

    Raises:
        ServerStartError: The queue's library is not installed.
    """
    if isinstance(database, SqliteDatabase):
        return lambda *_: None  # there the tasks are the queue
    try:
        # An optional extra.
        from aqsync.server.catalog.postgres import PostgresDatabase  # noqa: PLC0415
        from aqsync.server.extensions.queue_orders import QueueOrders  # noqa: PLC0415
        from aqsync.server.extensions.queue_schema import bring_up_to_date  # noqa: PLC0415
    except ImportError as exc:
        raise _not_installed(exc) from exc
    assert isinstance(database, PostgresDatabase)  # noqa: S101 - there are two kinds
    bring_up_to_date(database.address)
    return QueueOrders().enqueue


def _not_installed(exc: ImportError) -> ServerStartError:
    return ServerStartError(
        f"what queues tasks in PostgreSQL is not installed ({exc.name or exc} is missing)",
        "In a clone of aqsync: pip install '.[server,postgres]'",
    )
