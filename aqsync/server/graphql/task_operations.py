"""Extensions and their tasks."""

from __future__ import annotations

from uuid import UUID

from aqsync.server import rules
from aqsync.server.catalog.task_records import TaskFilter
from aqsync.server.errors import OperationRefused
from aqsync.server.graphql.arguments import in_utc, parsed_uuid
from aqsync.server.graphql.inputs import (
    CancelTaskInput,
    ExecuteExtensionInput,
    IDType,
    TasksFilterInput,
)
from aqsync.server.graphql.noted import noted
from aqsync.server.graphql.types import ExtensionInfo, Info, TaskData, Tasks


def list_extensions(info: Info) -> list[ExtensionInfo]:
    """List the extensions."""
    return [ExtensionInfo.of(extension) for extension in info.context.tasks.library.all()]


def find_task(info: Info, task_id: UUID) -> TaskData | None:
    """Find one task."""
    return TaskData.of(info.context.tasks.find(task_id))


def list_tasks(
    info: Info, offset: int, limit: int, filters: TasksFilterInput | None = None
) -> Tasks:
    """List the tasks that fit; `limit` and `offset` of the filters mean nothing."""
    rules.check_page(limit, "experiments")
    filters = filters or TasksFilterInput()
    named = filters.experiment
    if named is not None and named.type is not IDType.UUID:
        raise OperationRefused("Only UUID is supported as experiment identifier in Task filter")
    wanted = TaskFilter(
        user=filters.username,
        extension=filters.extension_name,
        action=filters.action_name,
        start=in_utc(filters.start_date),
        end=in_utc(filters.end_date),
        experiment=parsed_uuid(named.value) if named else None,
    )
    found, total = info.context.tasks.search(wanted, offset, limit)
    return Tasks(tasks_data=[TaskData.of(task) for task in found], total_tasks_count=total)


def execute_extension(info: Info, execute_extension_input: ExecuteExtensionInput) -> TaskData:
    """Run an action."""
    wanted = execute_extension_input
    action = {"extension": wanted.extension, "action": wanted.action}
    with noted(info, "run an action", wanted.experiment_uuid, **action) as entry:
        task = info.context.tasks.execute(
            wanted.experiment_uuid, wanted.extension, wanted.action, wanted.params
        )
        entry["task"] = task.uuid
    return TaskData.of(task)


def cancel_task(info: Info, cancel_task_input: CancelTaskInput) -> TaskData:
    """Stop a task."""
    wanted = cancel_task_input.task_id
    with noted(info, "cancel a task", task=wanted) as entry:
        task = info.context.tasks.cancel(wanted)
        entry["experiment"] = task.experiment
    return TaskData.of(task)
