"""Reading."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID

import strawberry

from aqsync.server import rules
from aqsync.server.catalog import ExperimentFilter
from aqsync.server.errors import OperationRefused
from aqsync.server.graphql.inputs import (
    ExperimentFiltersInput,
    ExperimentIdentifierInput,
    IDType,
    TagsFilters,
    TasksFilterInput,
)
from aqsync.server.graphql.types import (
    ExperimentData,
    Experiments,
    ExtensionInfo,
    Info,
    Tags,
    TaskData,
    Tasks,
    UserInfo,
)
from aqsync.server.storage import USER

TASK_MISSING = "DB query failed due to non-existing task with the specified task id."

_SCOPES = [
    *(
        f"experiment::{right}::{whose}"
        for right in ("view", "edit", "delete")
        for whose in ("own", "all")
    ),
    "experiment::create::own",
    "job::view::own",
    "job::view::all",
    "job::create",
    "job::cancel::own",
    "job::cancel::all",
]


@strawberry.type(description="What can be read.")
class Query:
    """What can be read."""

    @strawberry.field(description="Who asks, and what that user may do.")
    def get_current_user_info(self) -> UserInfo:
        """Return the only user there is, who may do everything."""
        return UserInfo(username=USER, scopes=_SCOPES)

    @strawberry.field(description="Experiments, newest first.")
    def experiments(
        self, info: Info, offset: int, limit: int, filters: ExperimentFiltersInput | None = None
    ) -> Experiments:
        """List experiments."""
        rules.check_page(offset, limit, "experiments")
        filters = filters or ExperimentFiltersInput()
        wanted = ExperimentFilter(
            text=filters.title,
            any_tags=filters.tags,
            all_tags=filters.should_include_tags,
            start=_utc(filters.start_date),
            end=_utc(filters.end_date),
        )
        found, total = info.context.catalog.search(wanted, offset, limit)
        return Experiments(
            experiments_data=[ExperimentData.of(experiment) for experiment in found],
            total_experiments_count=total,
        )

    @strawberry.field(description="One experiment.")
    def experiment(
        self, info: Info, experiment_identifier: ExperimentIdentifierInput
    ) -> ExperimentData | None:
        """Find one experiment."""
        catalog = info.context.catalog
        if experiment_identifier.type is IDType.EID:
            return ExperimentData.of(catalog.by_eid(experiment_identifier.value))
        try:
            uuid = UUID(experiment_identifier.value)
        except ValueError as exc:
            raise OperationRefused(str(exc)) from exc
        return ExperimentData.of(catalog.by_uuid(uuid))

    @strawberry.field(description="Tags, in alphabetical order.")
    def tags(
        self,
        info: Info,
        limit: int | None = None,
        offset: int | None = None,
        filters: TagsFilters | None = None,
    ) -> Tags:
        """List tags; a limit of 0 is none."""
        rules.check_page(offset or 0, limit or 0, "tags")
        unused = filters is not None and bool(filters.include_dangling)
        tags = info.context.catalog.tags(unused=unused)
        start = offset or 0
        page = tags[start : start + limit] if limit else tags[start:]
        return Tags(tags_data=page, total_tags_count=len(tags))

    @strawberry.field(description="The extensions of the server.")
    def extensions(self) -> list[ExtensionInfo]:
        """List the extensions: this server has none."""
        return []

    @strawberry.field(description="One task.")
    def task(self, task_id: UUID) -> TaskData | None:
        """Find one task: without extensions there is none."""
        raise OperationRefused(TASK_MISSING)

    @strawberry.field(description="Tasks, newest first.")
    def tasks(self, offset: int, limit: int, filters: TasksFilterInput | None = None) -> Tasks:
        """List tasks: without extensions there are none."""
        rules.check_page(offset, limit, "tasks")
        return Tasks(tasks_data=[], total_tasks_count=0)


def _utc(moment: datetime | None) -> datetime | None:
    """A time without an offset is this machine's, as on the real server."""
    if moment is None:
        return None
    try:
        return moment.astimezone(UTC)
    except (OverflowError, ValueError) as exc:
        raise OperationRefused("The date is too far away.") from exc
