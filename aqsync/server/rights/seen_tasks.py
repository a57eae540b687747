"""Extensions and tasks as one client may see and order them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from uuid import UUID

from aqsync.server.catalog.task_records import (
    EXPERIMENT_MISSING,
    TASK_MISSING,
    Orderer,
    Task,
    TaskFilter,
    TaskParameter,
)
from aqsync.server.errors import OperationRefused
from aqsync.server.extensions.library import ExtensionLibrary
from aqsync.server.extensions.task_service import TaskService
from aqsync.server.extensions.values import DataType
from aqsync.server.rights.decision import Operation, Thing
from aqsync.server.rights.refusal import require
from aqsync.server.rights.seen_catalog import SeenCatalog
from aqsync.server.rights.who import Who

_NOT_TO_CANCEL = "DB query failed as task does not exist, or user has no access to cancel it."


class SeenTasks:
    """The tasks on experiments that exist for a client.

    A task may have parameters that name experiments or files which do not exist for the client;
    then these values are shown empty, and what its script wrote is not told.

    Args:
        tasks: All tasks.
        catalog: The experiments that exist for the client.
        who: The client.
    """

    def __init__(self, tasks: TaskService, catalog: SeenCatalog, who: Who) -> None:
        self._tasks = tasks
        self._catalog = catalog
        self._who = who

    @property
    def library(self) -> ExtensionLibrary:
        """The extensions."""
        require(self._who, Operation.SEE)
        return self._tasks.library

    def execute(
        self, experiment: UUID, extension: str, action: str, given: Sequence[Sequence[str]]
    ) -> Task:
        """Check an order and enter it as a task, with the rights of the client."""
        require(self._who, Operation.RUN_ACTION)
        if not self._who.sees(experiment):
            raise OperationRefused(EXPERIMENT_MISSING)
        return self._shown(
            self._tasks.execute(
                *(experiment, extension, action, given),
                orderer=Orderer(self._who.owner, self._who.token),
            )
        )

    def cancel(self, uuid: UUID) -> Task:
        """Make sure that a task does not start, or ask its script to end."""
        require(self._who, Operation.CANCEL_TASK)
        task = self._find(uuid, _NOT_TO_CANCEL)
        require(self._who, Operation.CANCEL_TASK, Thing(task.experiment, owner=task.created_by))
        return self._shown(self._tasks.cancel(uuid))

    def find(self, uuid: UUID) -> Task:
        """Return one task."""
        return self._shown(self._find(uuid))

    def search(self, wanted: TaskFilter, offset: int, limit: int) -> tuple[list[Task], int]:
        """Return a page of the tasks that fit, and how many fit in all."""
        require(self._who, Operation.SEE)
        among = replace(wanted, among=self._who.experiments)
        found, total = self._tasks.records.search(among, offset, limit)
        return [self._shown(task) for task in found], total

    def of_experiment(self, experiment: UUID) -> list[Task]:
        """Return the tasks that were run on an experiment."""
        require(self._who, Operation.SEE)
        if not self._who.sees(experiment):
            return []
        return [self._shown(task) for task in self._tasks.records.of_experiment(experiment)]

    def output(self, uuid: UUID) -> tuple[str | None, str | None]:
        """Return what a task's script wrote."""
        task = self._find(uuid)
        if not all(map(self._may_see, task.parameters)):
            return None, None
        return self._tasks.records.output(uuid)

    def _find(self, uuid: UUID, missing: str = TASK_MISSING) -> Task:
        require(self._who, Operation.SEE)
        try:
            task = self._tasks.records.find(uuid)
        except OperationRefused as exc:
            raise OperationRefused(missing) from exc
        if not self._who.sees(task.experiment):
            raise OperationRefused(missing)
        return task

    def _shown(self, task: Task) -> Task:
        if self._who.experiments is None and not self._who.prefixes:
            return task
        return replace(task, parameters=tuple(map(self._shown_parameter, task.parameters)))

    def _shown_parameter(self, one: TaskParameter) -> TaskParameter:
        return one if self._may_see(one) else replace(one, value="")

    def _may_see(self, one: TaskParameter) -> bool:
        kind, value = one.parameter.data_type, one.value
        if kind is DataType.FILE:
            return self._who.sees_name(value)
        if kind is not DataType.EXPERIMENT or self._who.experiments is None:
            return True
        try:
            self._catalog.by_eid(value)
        except OperationRefused:
            return False
        return True
