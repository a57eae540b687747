"""Changing."""

from __future__ import annotations

from uuid import UUID

import strawberry

from aqsync.server.errors import OperationRefused
from aqsync.server.graphql.inputs import (
    CancelTaskInput,
    ExecuteExtensionInput,
    ExperimentCreateInput,
    ExperimentRemoveInput,
    ExperimentTagInput,
    ExperimentTagsInput,
    ExperimentUpdateInput,
)
from aqsync.server.graphql.query import TASK_MISSING
from aqsync.server.graphql.types import ExperimentData, Info, TaskData


@strawberry.type(description="What can be changed.")
class Mutation:
    """What can be changed."""

    @strawberry.mutation(description="Make an experiment.")
    def create_experiment(
        self, info: Info, create_experiment_input: ExperimentCreateInput
    ) -> ExperimentData:
        """Make an experiment."""
        created = info.context.catalog.create(
            create_experiment_input.title,
            create_experiment_input.description,
            create_experiment_input.tags,
            make_room=info.context.files.make_room,
        )
        return ExperimentData.of(created)

    @strawberry.mutation(description="Change an experiment's title, description or both.")
    def update_experiment(
        self, info: Info, uuid: UUID, experiment_update_input: ExperimentUpdateInput
    ) -> ExperimentData:
        """Change an experiment."""
        wanted = experiment_update_input
        updated = info.context.catalog.update(uuid, wanted.title, wanted.description)
        return ExperimentData.of(updated)

    @strawberry.mutation(description="Add a tag to an experiment.")
    def add_tag_to_experiment(
        self, info: Info, experiment_tag_input: ExperimentTagInput
    ) -> ExperimentData:
        """Add a tag."""
        wanted = experiment_tag_input
        return ExperimentData.of(info.context.catalog.add_tags(wanted.uuid, [wanted.tag]))

    @strawberry.mutation(description="Add tags to an experiment.")
    def add_tags_to_experiment(
        self, info: Info, experiment_tags_input: ExperimentTagsInput
    ) -> ExperimentData:
        """Add tags."""
        wanted = experiment_tags_input
        return ExperimentData.of(info.context.catalog.add_tags(wanted.uuid, wanted.tags))

    @strawberry.mutation(description="Take a tag off an experiment.")
    def remove_tag_from_experiment(
        self, info: Info, experiment_tag_input: ExperimentTagInput
    ) -> ExperimentData:
        """Remove a tag."""
        wanted = experiment_tag_input
        return ExperimentData.of(info.context.catalog.remove_tag(wanted.uuid, wanted.tag))

    @strawberry.mutation(description="Remove an experiment and its files.")
    def remove_experiment(self, info: Info, experiment_remove_input: ExperimentRemoveInput) -> None:
        """Remove an experiment."""
        info.context.remove_experiment(experiment_remove_input.uuid)

    @strawberry.mutation(description="Run an action of an extension.")
    def execute_extension(self, execute_extension_input: ExecuteExtensionInput) -> TaskData:
        """Run an action: this server has no extensions."""
        name = execute_extension_input.extension
        raise OperationRefused(f"Extension {name} does not exist: this server has no extensions.")

    @strawberry.mutation(description="Stop a running task.")
    def cancel_task(self, cancel_task_input: CancelTaskInput) -> TaskData:  # noqa: ARG002 - schema
        """Stop a task: without extensions there is none."""
        raise OperationRefused(TASK_MISSING)
