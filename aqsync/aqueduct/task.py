"""One run of an action, as people handle it in scripts and notebooks."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import PrivateAttr

from aqsync.aqueduct import polling
from aqsync.aqueduct.checked import brief
from aqsync.aqueduct.client import Client
from aqsync.aqueduct.experiment import Experiment
from aqsync.aqueduct.extension_data import (
    ExtensionExecutionResultData,
    ParameterData,
    parameter_data,
)
from aqsync.aqueduct.handle import Handle
from aqsync.aqueduct.records import TaskRecord, TaskStatus
from aqsync.errors import TaskUnfinished

TaskProgress = Callable[[TaskStatus, float], object]
"""Called with a task's status and the seconds waited so far, at each look at the task. What it
raises ends the waiting, not the task."""

_NO_EXIT_CODE = -1


class Task(Handle):
    """A run of an action on the server. Until it has ended, its state is asked for at each access.

    Each property that may change, and each method, talks to the server until the task has ended,
    and may raise, beside what it names, `TaskNotFound`, `ServerUnreachable`, `ServerFailed`,
    `BadAnswer`, `TokenRefused` and `Forbidden`, all below `aqsync.errors.RemoteError`.
    """

    uuid: UUID
    """The server's identifier of the task."""
    created_by: str
    """The user who started it."""
    received_at: datetime
    """When the server accepted it, with the offset from UTC."""
    experiment: Experiment
    """The experiment that it runs on."""
    extension_name: str
    """The extension that has the action."""
    action_name: str
    """The action."""
    parameters: list[ParameterData]
    """The action's parameters with the values that this run got."""
    _record: TaskRecord = PrivateAttr()
    _server: Client = PrivateAttr()
    _shown = ("uuid", "action_name", "task_status")

    @classmethod
    def _of(cls, record: TaskRecord, server: Client) -> Task:
        task = cls(
            uuid=record.uuid,
            created_by=record.created_by,
            received_at=record.received_at,
            experiment=Experiment._of(record.experiment, server),  # noqa: SLF001 - for its experiment
            extension_name=record.extension_name,
            action_name=record.action_name,
            parameters=[
                ParameterData(parameter_data(key), value) for key, value in record.parameters
            ],
        )
        task._record = record
        task._server = server
        return task

    def _told(self) -> dict[str, Any]:
        record = self._record
        return {
            "uuid": record.uuid,
            "extension_name": record.extension_name,
            "action_name": record.action_name,
            "experiment": record.experiment.eid,
            "created_by": record.created_by,
            "received_at": record.received_at,
            "ended_at": record.ended_at,
            "task_status": record.status.value,
            "result_code": record.result_code,
        }

    def __eq__(self, other: object) -> bool:
        """Two are the same if they stand for the same task, whenever they were asked for."""
        return isinstance(other, Task) and self.uuid == other.uuid

    def __hash__(self) -> int:
        return hash(self.uuid)

    @property
    @brief
    def task_status(self) -> TaskStatus:
        """How far it has come, a text as well.

        Server operation: ``task``.
        """
        return self._now().status

    @property
    @brief
    def result_code(self) -> int | None:
        """The exit code of the action's script; None until it has ended, or if it never ran.

        Server operation: ``task``.
        """
        return self._now().result_code

    @property
    @brief
    def ended_at(self) -> datetime | None:
        """When it ended, with the offset from UTC; None until then.

        Server operation: ``task``.
        """
        return self._now().ended_at

    @property
    @brief
    def std_out(self) -> str | None:
        """What the script wrote to its standard output; None until it has ended.

        Server operation: ``task``.
        """
        return self._now().std_out

    @property
    @brief
    def std_err(self) -> str | None:
        """What the script wrote to its standard error; None until it has ended.

        Server operation: ``task``.
        """
        return self._now().std_err

    @property
    def taskStatus(self) -> TaskStatus:  # noqa: N802 - scripts for pyaqueduct read it
        """How far it had come when the server last told; what `cancel_task` gives has it too."""
        return self._record.status

    @brief
    def cancel_task(self) -> Task:
        """Ask the task to end: its script gets SIGINT. A task that has ended stays as it is.

        Server operation: ``cancelTask``.

        Returns:
            This task. It has ended only when its `task_status` says so; `wait` waits for that.

        Raises:
            OperationFailed: The server refuses it.
        """
        self._record = self._server.tasks.cancel(self.uuid)
        return self

    @brief
    def wait(
        self, timeout: float | None = None, progress: TaskProgress | None = None
    ) -> ExtensionExecutionResultData:
        """Wait until the task has ended.

        It looks at the task after pauses that grow from 0.1 s to 5 s. A server that is out of
        reach for less than two minutes, as when it is restarted, does not end the waiting.

        Server operation: ``task``.

        Args:
            timeout: Give up after so many seconds; None waits as long as it takes. The task goes
                on in any case.
            progress: Called at each look with the status and the seconds waited so far.

        Returns:
            How it ended, also if it failed or was cancelled; this task stands on it.

        Raises:
            TaskUnfinished: The time was over first.
        """

        def ended(record: TaskRecord, seconds: float) -> bool:
            if progress is not None:
                progress(record.status, seconds)
            return record.status.ended

        if polling.poll(self._now, ended, timeout, polling.SYSTEM_CLOCK) is None:
            raise TaskUnfinished(
                f"action {self.action_name!r} had not ended after {timeout:g} s",
                hint=f"it goes on as task {self.uuid}; look again later, or cancel it",
                task_id=self.uuid,
            )
        return self._result()

    def _now(self) -> TaskRecord:
        """Return the task as it is; what has ended will not change and is not asked for again."""
        if not self._record.status.ended:
            self._record = self._server.tasks.get(self.uuid)
        return self._record

    def _result(self) -> ExtensionExecutionResultData:
        code = self._record.result_code
        return ExtensionExecutionResultData(
            returnCode=_NO_EXIT_CODE if code is None else code,
            stdout=self._record.std_out or "",
            stderr=self._record.std_err or "",
            logExperiment=self.experiment.eid,
            logFile="",
            task=self,
        )
