"""The archive of ``aqueduct export``: a tar file under gzip, with a JSON file that tells the rest.

`docs/reference/archive.md` describes it. What this program adds has keys of its own, which the
commands of Aqueduct pass over.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Literal
from uuid import UUID, uuid5

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from aqsync.server import rules
from aqsync.server.catalog.catalog import Experiment
from aqsync.server.catalog.task_records import Task, TaskParameter, TaskStatus
from aqsync.server.errors import OperationRefused
from aqsync.server.extensions.manifest import Parameter, without_nul
from aqsync.server.moving.moved import MovedTask, Whole

METADATA = "metadata.json"
FILES = "experiments_files"
MOST_METADATA = 256 * 1024 * 1024
"""Bytes: some 300,000 experiments."""
VERSION = "0.0.9"
"""That of the newest Aqueduct. Its command reads what has its own first number."""
READABLE = "0."

_ADMIN = "admin"
_USERS = UUID("5a0c8d4e-65a0-4a0e-9a3c-0d9b6b1b8f42")
_MOST_EID = 64
_MOST_TAGS = 100_000
"""A creation takes 64 tags at most, but any number can be added later."""
_FIRST_YEAR, _LAST_YEAR = 1900, 9000


def _eid(text: str) -> str:
    if not text.isprintable() or text != text.strip():
        raise ValueError("no EID looks like this")
    return text


def _tag(text: str) -> str:
    try:
        rules.check_tag(text)
    except OperationRefused as exc:
        raise ValueError(str(exc)) from exc
    return text


def _utc(time: datetime) -> datetime:
    """Aqueduct keeps times in UTC; one without an offset is meant so."""
    if not _FIRST_YEAR <= time.year <= _LAST_YEAR:
        raise ValueError("no experiment is from this year")
    return time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)


Text = Annotated[str, AfterValidator(without_nul)]
Time = Annotated[datetime, AfterValidator(_utc)]


class _Part(BaseModel):
    """Unknown keys are passed over: other releases have others."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class ArchivedTag(_Part):
    """A tag."""

    key: str
    name: Annotated[str, AfterValidator(_tag)]


class ArchivedParameter(_Part):
    """A parameter of a task, and its value."""

    parameter: Parameter
    value: Text


class ArchivedTask(_Part):
    """A task. Archives of Aqueduct have none."""

    uuid: UUID
    extension_name: Text
    action_name: Text
    parameters: list[ArchivedParameter]
    created_by: Text
    received_at: Time
    ended_at: Time | None
    status: TaskStatus
    std_out: Text | None
    std_err: Text | None
    result_code: int | None = Field(ge=-(2**31), lt=2**31)


class ArchivedExperiment(_Part):
    """An experiment."""

    uuid: UUID
    eid: Annotated[str, Field(min_length=1, max_length=_MOST_EID), AfterValidator(_eid)]
    title: Annotated[str, Field(max_length=rules.MAX_TITLE), AfterValidator(without_nul)]
    description: (
        Annotated[str, Field(max_length=rules.MAX_DESCRIPTION), AfterValidator(without_nul)] | None
    ) = None
    created_at: Time
    updated_at: Time
    tags: Annotated[list[ArchivedTag], Field(max_length=_MOST_TAGS)]
    aqsync_tasks: list[ArchivedTask] = []

    def whole(self, user: str) -> Whole:
        """Return it as the catalog has it.

        Args:
            user: Who made it.
        """
        tags = {tag.name.lower(): tag.name for tag in self.tags}
        experiment = Experiment(
            self.uuid,
            self.eid,
            self.title,
            self.description or "",
            user,
            self.created_at,
            self.updated_at,
            tuple(tags.values()),
        )
        return Whole(experiment, tuple(_moved(task, self.uuid) for task in self.aqsync_tasks))

    @classmethod
    def of(cls, whole: Whole) -> ArchivedExperiment:
        """Return what stands in an archive for an experiment."""
        found = whole.experiment
        return cls.model_construct(
            uuid=found.uuid,
            eid=found.eid,
            title=found.title,
            description=found.description,
            created_at=found.created_at,
            updated_at=found.updated_at,
            tags=[ArchivedTag.model_construct(key=tag.lower(), name=tag) for tag in found.tags],
            aqsync_tasks=[_archived(moved) for moved in whole.tasks],
        )


class ArchivedUser(_Part):
    """Somebody, with the experiments that they made."""

    uuid: UUID
    username: Annotated[str, Field(max_length=rules.MAX_TITLE), AfterValidator(without_nul)]
    experiments: list[ArchivedExperiment]


class Metadata(_Part):
    """All that the archive tells besides the contents of files."""

    version: str
    variant: Literal["core", "pro"]
    users: list[ArchivedUser]


def user_id(name: str) -> UUID:
    """Return the identifier of a user in an archive; the only one of an open Aqueduct has zeros."""
    return UUID(int=0) if name == _ADMIN else uuid5(_USERS, name)


def _moved(task: ArchivedTask, experiment: UUID) -> MovedTask:
    parameters = tuple(TaskParameter(one.parameter, one.value) for one in task.parameters)
    return MovedTask(
        Task(
            task.uuid,
            experiment,
            task.extension_name,
            task.action_name,
            parameters,
            task.created_by,
            task.received_at,
            task.ended_at,
            task.status,
            task.result_code,
        ),
        task.std_out,
        task.std_err,
    )


def _archived(moved: MovedTask) -> ArchivedTask:
    task = moved.task
    return ArchivedTask.model_construct(
        uuid=task.uuid,
        extension_name=task.extension,
        action_name=task.action,
        parameters=[
            ArchivedParameter.model_construct(parameter=one.parameter, value=one.value)
            for one in task.parameters
        ],
        created_by=task.created_by,
        received_at=task.received_at,
        ended_at=task.ended_at,
        status=task.status,
        std_out=moved.out,
        std_err=moved.err,
        result_code=task.result_code,
    )
