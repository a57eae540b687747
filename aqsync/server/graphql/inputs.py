"""The types of arguments."""

from __future__ import annotations

from datetime import datetime
from enum import Enum
from uuid import UUID

import strawberry


@strawberry.enum(description="How an experiment is named.")
class IDType(Enum):
    """How an experiment is named."""

    UUID = "UUID"
    EID = "EID"


@strawberry.input(description="Names one experiment.")
class ExperimentIdentifierInput:
    """Names one experiment."""

    type: IDType
    value: str


@strawberry.input(description="Which experiments to list.")
class ExperimentFiltersInput:
    """Which experiments to list."""

    title: str | None = None
    tags: list[str] | None = None
    should_include_tags: list[str] | None = None
    start_date: datetime | None = None
    end_date: datetime | None = None


@strawberry.input(description="Which tags to list.")
class TagsFilters:
    """Which tags to list."""

    include_dangling: bool | None = None


@strawberry.input(description="Which tasks to list.")
class TasksFilterInput:
    """Which tasks to list."""

    username: str | None = None
    extension_name: str | None = None
    action_name: str | None = None
    experiment: ExperimentIdentifierInput | None = None
    start_date: datetime | None = None
    end_date: datetime | None = None
    limit: int | None = None
    offset: int | None = None


@strawberry.input(description="A new experiment.")
class ExperimentCreateInput:
    """A new experiment."""

    title: str
    description: str
    tags: list[str]


@strawberry.input(description="What to change; empty or null leaves it as it is.")
class ExperimentUpdateInput:
    """What to change; empty or null leaves it as it is."""

    title: str | None = None
    description: str | None = None


@strawberry.input(description="One tag of an experiment.")
class ExperimentTagInput:
    """One tag of an experiment."""

    uuid: UUID
    tag: str


@strawberry.input(description="Some tags of an experiment.")
class ExperimentTagsInput:
    """Some tags of an experiment."""

    uuid: UUID
    tags: list[str]


@strawberry.input(description="The experiment to remove.")
class ExperimentRemoveInput:
    """The experiment to remove."""

    uuid: UUID


@strawberry.input(description="The action to run; params are pairs of name and value.")
class ExecuteExtensionInput:
    """The action to run; params are pairs of name and value."""

    experiment_uuid: UUID
    extension: str
    action: str
    params: list[list[str]]


@strawberry.input(description="The task to cancel.")
class CancelTaskInput:
    """The task to cancel."""

    task_id: UUID
