"""The queue of a server that stands alone: a limited number of tasks at once, the others wait."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable
from functools import partial
from typing import TypeVar
from uuid import UUID

from aqsync.server.catalog.database import Connection
from aqsync.server.catalog.task_records import Task, TaskEnd, TaskRecords, TaskStatus
from aqsync.server.extensions.process import kill_marked
from aqsync.server.extensions.script_runner import RunningTask, ScriptRunner
from aqsync.server.extensions.task_queue import SERVER_DIED, STOP_SECONDS
from aqsync.server.extensions.variables import TASK_MARK

_log = logging.getLogger(__name__)
Result = TypeVar("Result")

_RETRY_SECONDS = 5.0


class EmbeddedQueue:
    """Runs the tasks that wait in the catalog, on threads of its own. Any thread may call.

    The catalog is the only queue: tasks that wait when the server ends are run by the next one.

    Args:
        records: The tasks.
        scripts: Runs the script of a task.
        max_tasks: How many tasks run at once.
    """

    def __init__(self, records: TaskRecords, scripts: ScriptRunner, max_tasks: int) -> None:
        self._records = records
        self._scripts = scripts
        self._running: dict[UUID, RunningTask] = {}
        self._stopping = False
        self._changed = threading.Condition()
        # A forced end of the server does not wait for them.
        self._threads = [
            threading.Thread(target=self._work, name=f"task-{number}", daemon=True)
            for number in range(max_tasks)
        ]

    def start(self) -> None:
        """End what a crashed server left behind, and begin to run the tasks that wait."""
        interrupted = self._records.started()
        kill_marked(TASK_MARK, [str(task.uuid) for task in interrupted])
        for task in interrupted:
            self._records.finish(task.uuid, TaskEnd(TaskStatus.FAILURE, err=SERVER_DIED))
        for thread in self._threads:
            thread.start()

    def enqueue(self, connection: Connection, task: UUID) -> None:
        """Do nothing: the catalog is the queue."""

    def wake(self) -> None:
        """Wake a thread, since there is a new task."""
        with self._changed:
            self._changed.notify_all()

    def cancel(self, uuid: UUID) -> None:
        """Make sure that a task does not start, or ask its script to end."""
        with self._changed:
            running = self._running.get(uuid)
            if running is not None:
                running.cancel()
            else:
                self._records.revoke_waiting(uuid)

    def end_all(self, tasks: Iterable[UUID]) -> None:
        """Ask the scripts of tasks to end."""
        with self._changed:
            for uuid in tasks:
                if uuid in self._running:
                    self._running[uuid].cancel()

    def stop(self, patience: float = STOP_SECONDS) -> None:
        """End the running scripts and wait until they have ended.

        Args:
            patience: How long each signal is given to work, in seconds.
        """
        with self._changed:
            self._stopping = True
            for running in self._running.values():
                running.stop.ask(patience)
            self._changed.notify_all()
        for thread in self._threads:
            if thread.ident is not None:
                thread.join()

    def _work(self) -> None:
        while (task := self._take()) is not None:
            end = self._scripts.run(task, self._running[task.uuid])
            with self._changed:
                self._retry(partial(self._records.finish, task.uuid, end))
                del self._running[task.uuid]

    def _take(self) -> Task | None:
        """Wait for the next task and return it; None once the server stops."""
        with self._changed:
            while True:
                task = self._retry(self._start_next)
                if task is not None:
                    self._running[task.uuid] = RunningTask()
                    return task
                # Looked at last: a stop may have come while the disk failed.
                if self._stopping:
                    return None
                self._changed.wait()

    def _start_next(self) -> Task | None:
        return None if self._stopping else self._records.start_next()

    def _retry(self, act: Callable[[], Result]) -> Result | None:
        """Change the catalog; try again as long as the disk fails, until the server stops."""
        told = False
        while True:
            try:
                return act()
            except Exception:  # noqa: BLE001 - a full disk has many faces, and a queue must live on
                if not told:
                    _log.exception("the catalog cannot be written to")
                    told = True
                if self._stopping:
                    return None
                self._changed.wait(_RETRY_SECONDS)
