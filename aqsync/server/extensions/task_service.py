"""Ordering and cancelling tasks."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from aqsync.server.catalog.task_records import (
    EXPERIMENT_MISSING,
    Orderer,
    Task,
    TaskParameter,
    TaskRecords,
)
from aqsync.server.errors import OperationRefused
from aqsync.server.extensions.library import ExtensionLibrary
from aqsync.server.extensions.manifest import Action
from aqsync.server.extensions.task_queue import TaskQueue
from aqsync.server.extensions.values import check_keys, check_variable, normalised, pairs_of


class TaskService:
    """Checks and enters orders for tasks, and cancels them. Any thread may call.

    Args:
        library: The extensions.
        records: The tasks.
        queue: What runs them.
    """

    def __init__(self, library: ExtensionLibrary, records: TaskRecords, queue: TaskQueue) -> None:
        self.library = library
        self.records = records
        self.queue = queue

    def execute(
        self,
        experiment: UUID,
        extension: str,
        action: str,
        given: Sequence[Sequence[str]],
        *,
        orderer: Orderer,
    ) -> Task:
        """Check an order and enter it as a task; it runs when its turn comes.

        Args:
            experiment: What the task belongs to.
            extension: The name of the extension.
            action: The name of its action.
            given: Pairs of a parameter's name and value; the last one for a name counts.
            orderer: Who orders it, and gives its script the rights.

        Raises:
            OperationRefused: There is no such action or experiment, or it does not take these
                parameters.
        """
        values = pairs_of(given)
        found = self.library.find(extension).action(action)
        if found.experiment_variable is None:
            raise OperationRefused(f"Action {extension}:{action} has no experiment parameters")
        if not self.records.has_experiment(experiment):
            raise OperationRefused(EXPERIMENT_MISSING)
        parameters = _checked(found, values)
        task = self.records.add(
            experiment, extension, action, parameters, orderer, self.queue.enqueue
        )
        self.queue.wake()
        return task

    def cancel(self, uuid: UUID) -> Task:
        """Make sure that a task does not start, or ask its script to end.

        Returns:
            The task as it is now; its script may take a while to end.

        Raises:
            OperationRefused: There is no such task.
        """
        self.records.find(uuid)
        self.queue.cancel(uuid)
        return self.records.find(uuid)


def _checked(action: Action, given: dict[str, str]) -> list[TaskParameter]:
    """Check what the values tell by themselves: an experiment or a file need not be there."""
    check_keys([one.name for one in action.parameters], given)
    values = {}
    for one in action.parameters:
        check_variable(one.name, given[one.name])
        values[one.name] = normalised(one.data_type, given[one.name], one.options)
    return [TaskParameter(one, values[one.name]) for one in action.parameters]
