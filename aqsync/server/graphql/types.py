"""The types of answers."""

from __future__ import annotations

from datetime import datetime
from typing import cast
from uuid import UUID

import strawberry

from aqsync.server.catalog import catalog, task_records
from aqsync.server.catalog.task_records import TaskStatus
from aqsync.server.context import Context
from aqsync.server.extensions import manifest

Info = strawberry.Info[Context, None]

strawberry.enum(TaskStatus, description="How far a task has come.")


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

    @classmethod
    def of(cls, parameter: manifest.Parameter) -> ExtensionParameterType:
        """Present a parameter of a manifest."""
        return cls(
            name=parameter.name,
            display_name=parameter.display_name,
            description=parameter.description,
            data_type=parameter.data_type.value,
            default_value=parameter.default_value,
            options=parameter.options,
        )


@strawberry.type(description="An action of an extension.")
class ExtensionActionInfo:
    """An action of an extension."""

    name: str
    description: str | None
    parameters: list[ExtensionParameterType]
    experiment_variable_name: str | None

    @classmethod
    def of(cls, action: manifest.Action) -> ExtensionActionInfo:
        """Present an action of a manifest."""
        return cls(
            name=action.name,
            description=action.description,
            parameters=[ExtensionParameterType.of(one) for one in action.parameters],
            experiment_variable_name=action.experiment_variable,
        )


@strawberry.type(description="An extension of the server.")
class ExtensionInfo:
    """An extension of the server."""

    name: str
    description: str | None
    authors: str
    actions: list[ExtensionActionInfo]

    @classmethod
    def of(cls, extension: manifest.Extension) -> ExtensionInfo:
        """Present what a manifest describes."""
        return cls(
            name=extension.name,
            description=extension.description,
            authors=extension.authors,
            actions=[ExtensionActionInfo.of(action) for action in extension.actions],
        )


@strawberry.type(description="A parameter with the value that a task got.")
class KeyValuePair:
    """A parameter with the value that a task got."""

    key: ExtensionParameterType
    value: str | None


def _list_files(root: ExperimentData, info: Info) -> list[ExperimentFile]:
    # The executor makes the items out of the listing: see executor.py.
    return cast("list[ExperimentFile]", info.context.files.listing(root.uuid))


def _list_tasks(root: ExperimentData, info: Info) -> list[TaskData]:
    found = info.context.tasks.of_experiment(root.uuid)
    return [TaskData.of(task) for task in found]


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
        resolver=_list_tasks, description="The tasks that were run on it, newest first."
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


def _experiment_of(root: TaskData, info: Info) -> ExperimentData:
    return ExperimentData.of(info.context.catalog.by_uuid(root.experiment_uuid))


def _stdout_of(root: TaskData, info: Info) -> str | None:
    return _output_of(root, info)[0]


def _stderr_of(root: TaskData, info: Info) -> str | None:
    return _output_of(root, info)[1]


def _output_of(root: TaskData, info: Info) -> tuple[str | None, str | None]:
    # It may have ended since: an answer that calls it PENDING tells no output.
    return (None, None) if root.ended_at is None else info.context.tasks.output(root.uuid)


@strawberry.type(description="A run of an action.")
class TaskData:
    """A run of an action."""

    uuid: UUID
    experiment_uuid: strawberry.Private[UUID]
    experiment: ExperimentData = strawberry.field(
        resolver=_experiment_of, description="What it was run on."
    )
    extension_name: str
    action_name: str
    parameters: list[KeyValuePair]
    created_by: str
    received_at: datetime
    ended_at: datetime | None
    task_status: TaskStatus
    # Read only if a client selects them, so that a list of tasks is quick.
    std_out: str | None = strawberry.field(
        resolver=_stdout_of, description="The end of what its script wrote to stdout."
    )
    std_err: str | None = strawberry.field(
        resolver=_stderr_of, description="The end of what its script wrote to stderr."
    )
    result_code: int | None

    @classmethod
    def of(cls, task: task_records.Task) -> TaskData:
        """Present a task of the catalog."""
        return cls(
            uuid=task.uuid,
            experiment_uuid=task.experiment,
            extension_name=task.extension,
            action_name=task.action,
            parameters=[
                KeyValuePair(key=ExtensionParameterType.of(one.parameter), value=one.value)
                for one in task.parameters
            ],
            created_by=task.created_by,
            received_at=task.received_at,
            ended_at=task.ended_at,
            task_status=task.status,
            result_code=task.result_code,
        )


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
