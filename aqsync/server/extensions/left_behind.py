"""What nobody seems to work on any more in the queue that servers share."""

from __future__ import annotations

from collections.abc import Collection, Hashable
from typing import Generic, TypeVar
from uuid import UUID

from aqsync.server.catalog.database import Database, transaction
from aqsync.server.extensions.queue_orders import QueueOrders

_Thing = TypeVar("_Thing", bound=Hashable)
_WITHOUT_JOB = (
    "SELECT uuid FROM task WHERE status IN ('PENDING', 'STARTED') AND NOT EXISTS"
    " (SELECT 1 FROM procrastinate_jobs WHERE procrastinate_jobs.lock = task.uuid"
    " AND procrastinate_jobs.status IN ('todo', 'doing'))"
)


class Doubts(Generic[_Thing]):
    """Things that look as if nobody worked on them, and since when.

    Args:
        longest_break: Seconds after which a look does not follow the one before it: after an outage
            of the database all workers seem to be silent until they are heard again.
    """

    def __init__(self, longest_break: float) -> None:
        self._longest_break = longest_break
        self._since: dict[_Thing, float] = {}
        self._looked = 0.0

    def confirmed(self, things: Collection[_Thing], now: float, after: float) -> list[_Thing]:
        """Return those that have looked so for long enough, without a break."""
        before = self._since if now - self._looked < self._longest_break else {}
        self._looked = now
        self._since = {thing: before.get(thing, now) for thing in things}
        return [thing for thing in things if now - self._since[thing] >= after]


@transaction
def tasks_without_job(database: Database) -> set[UUID]:
    """Return the tasks that have not ended and that no server will end.

    A connection that breaks while a transaction ends leaves open whether a task was started; then
    no server runs it, so that none runs it twice.
    """
    with database.reading() as connection:
        return {UUID(uuid) for (uuid,) in connection.execute(_WITHOUT_JOB).fetchall()}


@transaction
def enqueue_again(database: Database, task: UUID, orders: QueueOrders) -> None:
    """Put a task that waits without a job into the queue."""
    with database.changing() as connection:
        waits = connection.execute(
            f"SELECT 1 FROM task WHERE uuid = ? AND status = 'PENDING'{database.dialect.locked}",  # noqa: S608 - of constants
            (str(task),),
        ).fetchone()
        # Another server may have been first.
        if waits and connection.execute(f"{_WITHOUT_JOB} AND uuid = ?", (str(task),)).fetchone():
            orders.enqueue(connection, task)
