"""The mutations: what clients can change."""

from __future__ import annotations

from uuid import UUID

import strawberry

from aqsync.server import rules
from aqsync.server.graphql.inputs import (
    ExperimentCreateInput,
    ExperimentRemoveInput,
    ExperimentTagInput,
    ExperimentTagsInput,
    ExperimentUpdateInput,
)
from aqsync.server.graphql.noted import noted
from aqsync.server.graphql.task_operations import cancel_task, execute_extension
from aqsync.server.graphql.types import ExperimentData, Info, TaskData


def _create_experiment(
    info: Info, create_experiment_input: ExperimentCreateInput
) -> ExperimentData:
    wanted = create_experiment_input
    with noted(info, "create experiment") as entry:
        created = info.context.catalog.create(
            wanted.title,
            wanted.description,
            wanted.tags,
            create_folder=info.context.files.create,
        )
        entry |= {"experiment": created.uuid, "eid": created.eid}
    return ExperimentData.of(created)


def _update_experiment(
    info: Info, uuid: UUID, experiment_update_input: ExperimentUpdateInput
) -> ExperimentData:
    wanted = experiment_update_input
    with noted(info, "update experiment", uuid):
        updated = info.context.catalog.update(uuid, wanted.title, wanted.description)
    return ExperimentData.of(updated)


def _add_tag(info: Info, experiment_tag_input: ExperimentTagInput) -> ExperimentData:
    wanted = experiment_tag_input
    with noted(info, "add tags", wanted.uuid, tags=[wanted.tag]):
        return ExperimentData.of(info.context.catalog.add_tags(wanted.uuid, [wanted.tag]))


def _add_tags(info: Info, experiment_tags_input: ExperimentTagsInput) -> ExperimentData:
    wanted = experiment_tags_input
    with noted(info, "add tags", wanted.uuid, tags=wanted.tags[: rules.MAX_TAGS]):
        return ExperimentData.of(info.context.catalog.add_tags(wanted.uuid, wanted.tags))


def _remove_tag(info: Info, experiment_tag_input: ExperimentTagInput) -> ExperimentData:
    wanted = experiment_tag_input
    with noted(info, "remove tag", wanted.uuid, tags=[wanted.tag]):
        return ExperimentData.of(info.context.catalog.remove_tag(wanted.uuid, wanted.tag))


def _remove_experiment(info: Info, experiment_remove_input: ExperimentRemoveInput) -> None:
    with noted(info, "remove experiment", experiment_remove_input.uuid):
        info.context.remove_experiment(experiment_remove_input.uuid)


@strawberry.type(description="What can be changed.")
class Mutation:
    """What can be changed."""

    create_experiment: ExperimentData = strawberry.mutation(
        resolver=_create_experiment, description="Make an experiment."
    )
    update_experiment: ExperimentData = strawberry.mutation(
        resolver=_update_experiment, description="Change an experiment's title or description."
    )
    add_tag_to_experiment: ExperimentData = strawberry.mutation(
        resolver=_add_tag, description="Add a tag to an experiment."
    )
    add_tags_to_experiment: ExperimentData = strawberry.mutation(
        resolver=_add_tags, description="Add tags to an experiment."
    )
    remove_tag_from_experiment: ExperimentData = strawberry.mutation(
        resolver=_remove_tag, description="Take a tag off an experiment."
    )
    remove_experiment: None = strawberry.mutation(
        resolver=_remove_experiment, description="Remove an experiment and its files."
    )
    execute_extension: TaskData = strawberry.mutation(
        resolver=execute_extension, description="Run an action of an extension."
    )
    cancel_task: TaskData = strawberry.mutation(
        resolver=cancel_task, description="Stop a running task."
    )
