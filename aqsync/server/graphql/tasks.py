"""Extensions and their tasks: this server runs none, and says so."""

from __future__ import annotations

from uuid import UUID

from aqsync.server import rules
from aqsync.server.errors import OperationRefused
from aqsync.server.graphql.inputs import (
    CancelTaskInput,
    ExecuteExtensionInput,
    TasksFilterInput,
)
from aqsync.server.graphql.types import ExtensionInfo, TaskData, Tasks

_TASK_MISSING = "DB query failed due to non-existing task with the specified task id."


def list_extensions() -> list[ExtensionInfo]:
    """List the extensions."""
    return []


def find_task(task_id: UUID) -> TaskData | None:  # noqa: ARG001 - the schema's argument
    """Find one task."""
    raise OperationRefused(_TASK_MISSING)


def list_tasks(
    offset: int,
    limit: int,
    filters: TasksFilterInput | None = None,  # noqa: ARG001 - the schema's argument
) -> Tasks:
    """List the tasks that fit."""
    rules.check_page(offset, limit, "tasks")
    return Tasks(tasks_data=[], total_tasks_count=0)


def execute_extension(execute_extension_input: ExecuteExtensionInput) -> TaskData:
    """Run an action."""
    name = execute_extension_input.extension
    raise OperationRefused(f"Extension {name} does not exist: this server has no extensions.")


def cancel_task(cancel_task_input: CancelTaskInput) -> TaskData:  # noqa: ARG001 - the schema's
    """Stop a task."""
    raise OperationRefused(_TASK_MISSING)
