"""What clients get."""

from __future__ import annotations

from datetime import datetime
from enum import Enum
from typing import cast
from uuid import UUID

import strawberry

from aqsync.server import catalog
from aqsync.server.storage import Storage

Info = strawberry.Info[Storage, None]


@strawberry.enum(description="How far a task has come.")
class TaskStatus(Enum):
    """How far a task has come."""

    FAILURE = "FAILURE"
    PENDING = "PENDING"
    RECEIVED = "RECEIVED"
    REVOKED = "REVOKED"
    STARTED = "STARTED"
    SUCCESS = "SUCCESS"


@strawberry.type(description="Who asks.")
class UserInfo:
    """Who asks."""

    username: str
    scopes: list[str]


@strawberry.type(description="A file of an experiment.")
class ExperimentFile:
    """A file of an experiment."""

    name: str
    path: str = strawberry.field(description="Where it can be downloaded, without its name.")
    modified_at: datetime = strawberry.field(description="When its upload finished.")


@strawberry.type(description="A parameter of an action.")
class ExtensionParameterType:
    """A parameter of an action."""

    name: str
    display_name: str | None
    description: str | None
    data_type: str
    default_value: str | None
    options: list[str] | None


@strawberry.type(description="An action of an extension.")
class ExtensionActionInfo:
    """An action of an extension."""

    name: str
    description: str | None
    parameters: list[ExtensionParameterType]
    experiment_variable_name: str | None


@strawberry.type(description="An extension of the server.")
class ExtensionInfo:
    """An extension of the server."""

    name: str
    description: str | None
    authors: str
    actions: list[ExtensionActionInfo]


@strawberry.type(description="A parameter with the value that a task got.")
class KeyValuePair:
    """A parameter with the value that a task got."""

    key: ExtensionParameterType
    value: str | None


def _list_files(root: ExperimentData, info: Info) -> list[ExperimentFile]:
    # The executor makes the items out of the listing: see executor.py.
    return cast("list[ExperimentFile]", info.context.files.listing(root.uuid))


def _list_tasks() -> list[TaskData]:
    return []


@strawberry.type(description="An experiment.")
class ExperimentData:
    """An experiment."""

    uuid: UUID
    title: str
    eid: str
    description: str | None
    created_at: datetime
    created_by: str
    updated_at: datetime
    tags: list[str]

    files: list[ExperimentFile] = strawberry.field(
        resolver=_list_files, description="Its files, sorted by name."
    )
    tasks: list[TaskData] = strawberry.field(
        resolver=_list_tasks, description="The tasks that were run on it: this server runs none."
    )

    @classmethod
    def of(cls, experiment: catalog.Experiment) -> ExperimentData:
        """Present an experiment of the catalog."""
        return cls(
            uuid=experiment.uuid,
            title=experiment.title,
            eid=experiment.eid,
            description=experiment.description,
            created_at=experiment.created_at,
            created_by=experiment.created_by,
            updated_at=experiment.updated_at,
            tags=list(experiment.tags),
        )


@strawberry.type(description="A run of an action.")
class TaskData:
    """A run of an action."""

    uuid: UUID
    experiment: ExperimentData
    extension_name: str
    action_name: str
    parameters: list[KeyValuePair]
    created_by: str
    received_at: datetime
    ended_at: datetime | None
    task_status: TaskStatus
    std_out: str | None
    std_err: str | None
    result_code: int | None


@strawberry.type(description="A page of experiments.")
class Experiments:
    """A page of experiments."""

    experiments_data: list[ExperimentData]
    total_experiments_count: int = strawberry.field(description="How many fit the filter in all.")


@strawberry.type(description="A page of tags.")
class Tags:
    """A page of tags."""

    tags_data: list[str]
    total_tags_count: int = strawberry.field(description="How many tags there are in all.")


@strawberry.type(description="A page of tasks.")
class Tasks:
    """A page of tasks."""

    tasks_data: list[TaskData]
    total_tasks_count: int = strawberry.field(description="How many fit the filter in all.")
