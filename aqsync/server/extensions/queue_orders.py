"""Putting tasks into the queue that servers share, also without a server that runs any."""

from __future__ import annotations

from uuid import UUID

from procrastinate import App, SyncPsycopgConnector

from aqsync.server.catalog.database import Connection
from aqsync.server.catalog.postgres import Statements

QUEUE = "tasks"
TASK = "run"


class QueueOrders:
    """Changes the queue in transactions of others. Any thread may call."""

    def __init__(self) -> None:
        # Never opened: it works on connections that it is given.
        self._app = App(connector=SyncPsycopgConnector())

    def enqueue(self, connection: Connection, task: UUID) -> None:
        """Put a task into the queue, in the transaction that enters it."""
        order = self._app.configure_task(
            TASK, queue=QUEUE, lock=str(task), connection=_raw(connection)
        )
        order.defer(task=str(task))

    def cancel_job(self, connection: Connection, job: int) -> None:
        """Let a job not begin, or ask who works on it to end."""
        self._app.job_manager.cancel_job_by_id(
            job, abort=True, delete_job=True, connection=_raw(connection)
        )


def _raw(connection: Connection) -> object:
    assert isinstance(connection, Statements)  # noqa: S101 - it is the PostgresDatabase's
    return connection.raw
