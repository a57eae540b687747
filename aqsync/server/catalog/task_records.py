"""The tasks in the catalog: what was ordered, and how it ended."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from uuid import UUID, uuid4

from aqsync.server import rules
from aqsync.server.catalog.database import Connection, Database, Row, marks, transaction
from aqsync.server.catalog.experiment_number import number_of
from aqsync.server.catalog.filter import among
from aqsync.server.catalog.times import from_microseconds, now_microseconds, to_microseconds
from aqsync.server.errors import OperationRefused
from aqsync.server.extensions.manifest import Parameter

TASK_MISSING = "DB query failed due to non-existing task with the specified task id."
EXPERIMENT_MISSING = "Experiment not found in the database."

_SELECT = (
    "SELECT task.uuid, experiment.uuid, extension, action, parameters, task.created_by,"
    " received_at, ended_at, status, result_code"
    " FROM task JOIN experiment ON experiment.number = task.experiment"
)
_NEWEST_FIRST = "ORDER BY received_at DESC, task.number DESC"


class TaskStatus(Enum):
    """The state of a task."""

    FAILURE = "FAILURE"
    PENDING = "PENDING"
    RECEIVED = "RECEIVED"
    REVOKED = "REVOKED"
    STARTED = "STARTED"
    SUCCESS = "SUCCESS"


@dataclass(frozen=True, slots=True)
class TaskParameter:
    """A parameter as the manifest had it, and the value that the task got."""

    parameter: Parameter
    value: str


@dataclass(frozen=True, slots=True)
class Task:
    """One task as the catalog holds it, without what its script wrote."""

    uuid: UUID
    experiment: UUID
    extension: str
    action: str
    parameters: tuple[TaskParameter, ...]
    created_by: str
    received_at: datetime
    ended_at: datetime | None
    status: TaskStatus
    result_code: int | None


@dataclass(frozen=True, slots=True)
class TaskEnd:
    """How a task ended.

    Args:
        status: How it ended.
        out: What its script wrote to stdout.
        err: What its script wrote to stderr, or why there was no script to run.
        code: The exit code of its script.
    """

    status: TaskStatus
    out: str | None = None
    err: str | None = None
    code: int | None = None


@dataclass(frozen=True, slots=True)
class TaskFilter:
    """Which tasks a list holds; None is no condition.

    Args:
        user: Who asked for the task.
        extension: The name of the extension.
        action: The name of the action.
        experiment: The UUID of the experiment that it was run on.
        start: The earliest time at which it was asked for, inclusive.
        end: The latest time at which it was asked for, inclusive.
        among: The only experiments that are looked at; None: all of them.
    """

    user: str | None = None
    extension: str | None = None
    action: str | None = None
    experiment: UUID | None = None
    start: datetime | None = None
    end: datetime | None = None
    among: frozenset[UUID] | None = None


@dataclass(frozen=True, slots=True)
class Orderer:
    """Who orders a task.

    Args:
        owner: Whose task it is.
        token: The token whose rights its script gets; None: those of the token of the server.
    """

    owner: str
    token: UUID | None = None


class TaskRecords:
    """The tasks. Any thread may call. A change is on the disk on return.

    Args:
        database: Where they are kept.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    @transaction
    def add(
        self,
        experiment: UUID,
        extension: str,
        action: str,
        parameters: Sequence[TaskParameter],
        orderer: Orderer,
        enqueue: Callable[[Connection, UUID], None],
    ) -> Task:
        """Enter a task that waits to be run.

        Args:
            experiment: What it is run on.
            extension: The name of the extension.
            action: The name of its action.
            parameters: What the action is given.
            orderer: Who orders it.
            enqueue: Puts the task into a queue, in the same transaction.

        Raises:
            OperationRefused: There is no such experiment.
        """
        uuid = str(uuid4())
        with self._database.changing() as database:
            added = database.execute(
                "INSERT INTO task (uuid, experiment, extension, action, parameters, created_by,"
                " token, received_at, status)"
                " SELECT ?, number, ?, ?, ?, ?, ?, ?, 'PENDING' FROM experiment WHERE uuid = ?",
                (
                    *(uuid, extension, action, parameters_text(parameters), orderer.owner),
                    None if orderer.token is None else str(orderer.token),
                    *(now_microseconds(), str(experiment)),
                ),
            ).rowcount
            if not added:
                raise OperationRefused(EXPERIMENT_MISSING)
            enqueue(database, UUID(uuid))
            return _find(database, "uuid", uuid)

    @transaction
    def has_experiment(self, experiment: UUID) -> bool:
        """Tell whether there is an experiment that a task can be ordered for."""
        with self._database.reading() as database:
            return number_of(database, experiment) is not None

    @transaction
    def find(self, uuid: UUID) -> Task:
        """Return one task.

        Raises:
            OperationRefused: There is none with this UUID.
        """
        with self._database.reading() as database:
            return _find(database, "uuid", str(uuid))

    @transaction
    def output(self, uuid: UUID) -> tuple[str | None, str | None]:
        """Return what a task's script wrote to stdout and stderr, as far as it is known."""
        with self._database.reading() as database:
            row = database.execute(
                "SELECT std_out, std_err FROM task WHERE uuid = ?", (str(uuid),)
            ).fetchone()
        return row or (None, None)

    @transaction
    def search(self, wanted: TaskFilter, offset: int, limit: int) -> tuple[list[Task], int]:
        """Return a page of the tasks that fit, newest first, and how many fit in all.

        Args:
            wanted: Which fit.
            offset: Where the page starts; a negative number counts from the end.
            limit: Where it ends, from there on; likewise.
        """
        condition, values = _condition(wanted)
        with self._database.reading() as database:
            ((total,),) = database.execute(
                f"SELECT count(*) FROM ({_SELECT} WHERE {condition}) AS fitting",
                values,
            )
            start, count = rules.page_of(total, offset, limit)
            rows = database.execute(
                f"{_SELECT} WHERE {condition} {_NEWEST_FIRST} LIMIT ? OFFSET ?",
                (*values, count, start),
            ).fetchall()
        return [_task(row) for row in rows], total

    @transaction
    def of_experiment(self, experiment: UUID) -> list[Task]:
        """Return the tasks that were run on an experiment, newest first."""
        with self._database.reading() as database:
            rows = database.execute(
                f"{_SELECT} WHERE experiment.uuid = ? {_NEWEST_FIRST}", (str(experiment),)
            ).fetchall()
        return [_task(row) for row in rows]

    @transaction
    def start_next(self) -> Task | None:
        """Mark the task that has waited longest as started and return it, if one waits."""
        with self._database.changing() as database:
            ((number,),) = database.execute(
                "SELECT min(number) FROM task WHERE status = 'PENDING' AND ended_at IS NULL"
            )
            if number is None:
                return None
            database.execute("UPDATE task SET status = 'STARTED' WHERE number = ?", (number,))
            return _find(database, "number", number)

    @transaction
    def start(self, uuid: UUID) -> Task | None:
        """Mark a task that waits as started and return it; None if it waits no longer."""
        with self._database.changing() as database:
            started = database.execute(
                "UPDATE task SET status = 'STARTED' WHERE uuid = ? AND status = 'PENDING'",
                (str(uuid),),
            ).rowcount
            return _find(database, "uuid", str(uuid)) if started else None

    def waiting(self, uuids: Iterable[UUID]) -> set[UUID]:
        """Return those of these tasks that have not been started."""
        return self._those(uuids, "status = 'PENDING'")

    def ended_without_code(self, uuids: Iterable[UUID]) -> set[UUID]:
        """Return those of these tasks that have failed without the end of their script."""
        return self._those(uuids, "status = 'FAILURE' AND result_code IS NULL")

    @transaction
    def _those(self, uuids: Iterable[UUID], condition: str) -> set[UUID]:
        texts = [str(uuid) for uuid in uuids]
        sql = f"SELECT uuid FROM task WHERE {condition} AND uuid IN ({marks(texts)})"
        if not texts:
            return set()
        with self._database.reading() as database:
            return {UUID(uuid) for (uuid,) in database.execute(sql, texts)}

    @transaction
    def started(self) -> list[Task]:
        """Return the tasks that are marked as started."""
        with self._database.reading() as database:
            rows = database.execute(
                f"{_SELECT} WHERE status = 'STARTED' AND ended_at IS NULL"
            ).fetchall()
        return [_task(row) for row in rows]

    def revoke_waiting(self, uuid: UUID) -> bool:
        """End a task that still waits; tell whether it did."""
        return self._end(uuid, TaskEnd(TaskStatus.REVOKED), TaskStatus.PENDING)

    def finish(self, uuid: UUID, end: TaskEnd) -> None:
        """Note how a started task ended, unless it was removed with its experiment."""
        self._end(uuid, end, TaskStatus.STARTED)

    @transaction
    def _end(self, uuid: UUID, end: TaskEnd, before: TaskStatus) -> bool:
        with self._database.changing() as database:
            changed = database.execute(
                "UPDATE task SET status = ?, ended_at = ?, std_out = ?, std_err = ?,"
                " result_code = ? WHERE uuid = ? AND status = ?",
                (
                    *(end.status.value, now_microseconds(), _storable(end.out)),
                    *(_storable(end.err), end.code, str(uuid), before.value),
                ),
            ).rowcount
        return bool(changed)


def parameters_text(parameters: Iterable[TaskParameter]) -> str:
    """Return parameters as the catalog stores them."""
    return json.dumps(
        [
            {"parameter": one.parameter.model_dump(mode="json"), "value": one.value}
            for one in parameters
        ]
    )


def _storable(output: str | None) -> str | None:
    """PostgreSQL takes no NUL, which scripts may write; no engine is to keep another text."""
    return None if output is None else output.replace("\0", "\ufffd")


def _condition(wanted: TaskFilter) -> tuple[str, list[object]]:
    """The filter as an SQL condition made of constants, and the values that it takes."""
    conditions = {
        "task.created_by = ?": wanted.user,
        "extension = ?": wanted.extension,
        "action = ?": wanted.action,
        "experiment.uuid = ?": None if wanted.experiment is None else str(wanted.experiment),
        "received_at >= ?": None if wanted.start is None else to_microseconds(wanted.start),
        "received_at <= ?": None if wanted.end is None else to_microseconds(wanted.end),
    }
    used = {condition: value for condition, value in conditions.items() if value is not None}
    seen, uuids = among(wanted.among)
    return " AND ".join((seen, *used)), [*uuids, *used.values()]


def _find(database: Connection, key: str, value: object) -> Task:
    row = database.execute(f"{_SELECT} WHERE task.{key} = ?", (value,)).fetchone()
    if row is None:
        raise OperationRefused(TASK_MISSING)
    return _task(row)


def _task(row: Row) -> Task:
    uuid, experiment, extension, action, parameters, user, received, ended, status, code = row
    return Task(
        uuid=UUID(str(uuid)),
        experiment=UUID(str(experiment)),
        extension=str(extension),
        action=str(action),
        parameters=tuple(
            TaskParameter(Parameter.model_validate(one["parameter"]), one["value"])
            for one in json.loads(str(parameters))
        ),
        created_by=str(user),
        received_at=from_microseconds(received),
        ended_at=None if ended is None else from_microseconds(ended),
        status=TaskStatus(status),
        result_code=None if code is None else int(str(code)),
    )
