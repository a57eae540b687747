"""The queries: what clients can read."""

from __future__ import annotations

import strawberry

from aqsync.server import rules
from aqsync.server.catalog.filter import ExperimentFilter
from aqsync.server.graphql.arguments import in_utc, parsed_uuid
from aqsync.server.graphql.inputs import (
    ExperimentFiltersInput,
    ExperimentIdentifierInput,
    IDType,
    TagsFilters,
)
from aqsync.server.graphql.task_operations import find_task, list_extensions, list_tasks
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
from aqsync.server.rights.scope_words import scope_words


def _current_user(info: Info) -> UserInfo:
    who = info.context.who
    return UserInfo(username=who.owner, scopes=scope_words(who))


def _list_experiments(
    info: Info, offset: int, limit: int, filters: ExperimentFiltersInput | None = None
) -> Experiments:
    rules.check_page(limit, "experiments")
    filters = filters or ExperimentFiltersInput()
    rules.check_title(filters.title or "", rules.MAX_TITLE_FILTER)
    wanted = ExperimentFilter(
        text=filters.title,
        any_tags=filters.tags,
        all_tags=filters.should_include_tags,
        start=in_utc(filters.start_date),
        end=in_utc(filters.end_date),
    )
    found, total = info.context.catalog.search(wanted, offset, limit)
    return Experiments(
        experiments_data=[ExperimentData.of(experiment) for experiment in found],
        total_experiments_count=total,
    )


def _find_experiment(
    info: Info, experiment_identifier: ExperimentIdentifierInput
) -> ExperimentData | None:
    catalog = info.context.catalog
    if experiment_identifier.type is IDType.EID:
        return ExperimentData.of(catalog.by_eid(experiment_identifier.value))
    uuid = parsed_uuid(experiment_identifier.value)
    return ExperimentData.of(catalog.by_uuid(uuid))


def _list_tags(
    info: Info,
    limit: int | None = None,
    offset: int | None = None,
    filters: TagsFilters | None = None,
) -> Tags:
    """A limit of 0 is none; negative numbers count from the end."""
    rules.check_page(limit or 0, "tags")
    tags = info.context.catalog.tags(unused=filters is not None and bool(filters.include_dangling))
    start = offset or 0
    page = tags[start : start + limit] if limit else tags[start:]
    return Tags(tags_data=page, total_tags_count=len(tags))


@strawberry.type(description="What can be read.")
class Query:
    """What can be read."""

    get_current_user_info: UserInfo = strawberry.field(
        resolver=_current_user, description="Who asks, and what that user may do."
    )
    experiments: Experiments = strawberry.field(
        resolver=_list_experiments, description="Experiments, newest first."
    )
    experiment: ExperimentData | None = strawberry.field(
        resolver=_find_experiment, description="One experiment."
    )
    tags: Tags = strawberry.field(resolver=_list_tags, description="Tags, in alphabetical order.")
    extensions: list[ExtensionInfo] = strawberry.field(
        resolver=list_extensions, description="The extensions of the server."
    )
    task: TaskData | None = strawberry.field(resolver=find_task, description="One task.")
    tasks: Tasks = strawberry.field(resolver=list_tasks, description="Tasks, newest first.")
