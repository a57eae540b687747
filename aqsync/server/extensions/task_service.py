"""Ordering and cancelling tasks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from uuid import UUID

from aqsync.server.catalog.catalog import Experiment
from aqsync.server.catalog.task_records import Orderer, Task, TaskParameter, TaskRecords
from aqsync.server.errors import OperationRefused
from aqsync.server.extensions.library import ExtensionLibrary
from aqsync.server.extensions.manifest import Action
from aqsync.server.extensions.task_queue import TaskQueue
from aqsync.server.extensions.values import DataType, check_keys, check_variable, normalised
from aqsync.server.files.store import FileStore


class TaskService:
    """Checks and enters orders for tasks, and cancels them. Any thread may call.

    Args:
        library: The extensions.
        records: The tasks.
        runner: What runs them.
        files: The files of all experiments.
    """

    def __init__(
        self,
        library: ExtensionLibrary,
        records: TaskRecords,
        runner: TaskQueue,
        files: FileStore,
    ) -> None:
        self.library = library
        self.records = records
        self.runner = runner
        self._files = files

    def execute(
        self,
        experiment: UUID,
        extension: str,
        action: str,
        given: Sequence[Sequence[str]],
        *,
        orderer: Orderer,
        by_eid: Callable[[str], Experiment],
    ) -> Task:
        """Check an order and enter it as a task; it runs when its turn comes.

        Args:
            experiment: What the task belongs to.
            extension: The name of the extension.
            action: The name of its action.
            given: Pairs of a parameter's name and value; the last one for a name counts.
            orderer: Who orders it, and gives its script the rights.
            by_eid: Finds the experiments that parameters name.

        Raises:
            OperationRefused: There is no such action or experiment, or it does not take these
                parameters.
        """
        found = self.library.find(extension).action(action)
        if any(len(pair) != 2 for pair in given):  # noqa: PLR2004 - a pair
            raise OperationRefused("Each parameter should be a pair of name and value.")
        parameters = self._checked(found, {pair[0]: pair[1] for pair in given}, by_eid)
        task = self.records.add(
            experiment, extension, action, parameters, orderer, self.runner.enqueue
        )
        self.runner.wake()
        return task

    def cancel(self, uuid: UUID) -> Task:
        """Make sure that a task does not start, or ask its script to end.

        Returns:
            The task as it is now; its script may take a while to end.

        Raises:
            OperationRefused: There is no such task.
        """
        self.records.find(uuid)
        self.runner.cancel(uuid)
        return self.records.find(uuid)

    def _checked(
        self, action: Action, given: dict[str, str], by_eid: Callable[[str], Experiment]
    ) -> list[TaskParameter]:
        check_keys([one.name for one in action.parameters], given)
        values = {}
        for one in action.parameters:
            check_variable(one.name, given[one.name])
            values[one.name] = normalised(one.data_type, given[one.name], one.options)
        if action.experiment_variable is None:
            raise OperationRefused(
                f"The action {action.name} has no parameter of the type experiment."
            )
        experiments = {
            one.name: by_eid(values[one.name])
            for one in action.parameters
            if one.data_type is DataType.EXPERIMENT
        }
        default = experiments[action.experiment_variable]
        for one in action.parameters:
            name = values[one.name]
            if one.data_type is DataType.FILE and not self._files.has_file(default.uuid, name):
                raise OperationRefused(f"The experiment {default.eid} has no file {name}.")
        return [TaskParameter(one, values[one.name]) for one in action.parameters]
