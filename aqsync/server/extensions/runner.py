"""Running tasks: so many at once, the others in the order in which they came."""

from __future__ import annotations

import logging
import re
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TypeVar
from uuid import UUID

from aqsync.server.errors import OperationRefused
from aqsync.server.extensions.environments import EnvironmentFailed, Environments
from aqsync.server.extensions.library import ExtensionLibrary
from aqsync.server.extensions.process import StopRequest, kill_marked, run
from aqsync.server.extensions.variables import TASK_MARK, Access, script_variables
from aqsync.server.task_records import Task, TaskEnd, TaskRecords, TaskStatus

_log = logging.getLogger(__name__)
Result = TypeVar("Result")

CANCEL_SECONDS = 10.0
"""How long a cancelled script has after SIGINT, and then after SIGTERM."""

STOP_SECONDS = 3.0
"""The same for the end of the server."""

_RETRY_SECONDS = 5.0
_SERVER_DIED = "The server died while this task ran."
_SERVER_STOPPED = "The server was stopped while this task ran."
_ONE_WORD = re.compile(r"[A-Za-z0-9_@%+=:,./-]+")


@dataclass(frozen=True, slots=True)
class _Running:
    experiment: UUID
    stop: StopRequest = field(default_factory=StopRequest)
    cancelled: threading.Event = field(default_factory=threading.Event)

    def cancel(self) -> None:
        self.cancelled.set()
        self.stop.ask(CANCEL_SECONDS)


class TaskRunner:
    """Runs the tasks that wait in the catalog, on threads of its own. Any thread may call.

    The catalog is the only queue: tasks that wait when the server ends are run by the next one.

    Args:
        records: The tasks.
        library: The extensions.
        environments: Their interpreters.
        access: How scripts reach this server.
        most: How many tasks run at once.
    """

    def __init__(
        self,
        records: TaskRecords,
        library: ExtensionLibrary,
        environments: Environments,
        access: Access,
        most: int,
    ) -> None:
        self._records = records
        self._library = library
        self._environments = environments
        self._access = access
        self._running: dict[UUID, _Running] = {}
        self._stopping = False
        self._changed = threading.Condition()
        # A forced end of the server does not wait for them.
        self._threads = [
            threading.Thread(target=self._work, name=f"task-{number}", daemon=True)
            for number in range(most)
        ]

    def start(self) -> None:
        """Settle what an earlier server left behind, and begin to run what waits."""
        interrupted = self._records.started()
        kill_marked(TASK_MARK, [str(task.uuid) for task in interrupted])
        for task in interrupted:
            self._records.finish(task.uuid, TaskEnd(TaskStatus.FAILURE, err=_SERVER_DIED))
        for thread in self._threads:
            thread.start()

    def wake(self) -> None:
        """Take note that a task has come."""
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

    def cancel_all_of(self, experiment: UUID) -> None:
        """Ask the scripts that run on an experiment to end."""
        with self._changed:
            for running in self._running.values():
                if running.experiment == experiment:
                    running.cancel()

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
            end = self._end_of(task)
            with self._changed:
                self._insist(partial(self._records.finish, task.uuid, end))
                del self._running[task.uuid]

    def _take(self) -> Task | None:
        """Wait for the next task; there is none any more once the server stops."""
        with self._changed:
            while True:
                task = self._insist(self._start_next)
                if task is not None:
                    self._running[task.uuid] = _Running(task.experiment)
                    return task
                # Asked last, as a failing disk may have let a stop slip in between.
                if self._stopping:
                    return None
                self._changed.wait()

    def _start_next(self) -> Task | None:
        return None if self._stopping else self._records.start_next()

    def _insist(self, act: Callable[[], Result]) -> Result | None:
        """Do something on the catalog, again and again while the disk does not let it through."""
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

    def _end_of(self, task: Task) -> TaskEnd:
        try:
            return self._run(task, self._running[task.uuid])
        except (OperationRefused, EnvironmentFailed) as exc:
            return TaskEnd(TaskStatus.FAILURE, err=str(exc))
        except Exception as exc:  # noqa: BLE001 - the thread goes on with the next task
            _log.exception("task %s cannot be run", task.uuid)
            return TaskEnd(TaskStatus.FAILURE, err=f"The server failed to run this task: {exc}")

    def _run(self, task: Task, running: _Running) -> TaskEnd:
        extension = self._library.find(task.extension)
        action = extension.action(task.action)
        python = self._environments.python_of(extension.folder, running.stop)
        if python is None:
            return self._stopped_end(running)
        with _one_word(python) as word:
            variables = script_variables(
                extension,
                {one.parameter.name: one.value for one in task.parameters},
                self._access,
                task=str(task.uuid),
                python=word,
            )
            command = ("/bin/sh", "-c", action.script.encode())
            try:
                outcome = run(
                    command, folder=extension.folder, variables=variables, stop=running.stop
                )
            except OSError as exc:
                why = f"The script cannot be started: {exc.strerror}: {exc.filename}"
                return TaskEnd(TaskStatus.FAILURE, err=why)
        if outcome.stopped:
            return self._stopped_end(running, outcome.out, outcome.err, outcome.code)
        status = TaskStatus.FAILURE if outcome.code else TaskStatus.SUCCESS
        return TaskEnd(status, outcome.out, outcome.err, outcome.code)

    def _stopped_end(
        self, running: _Running, out: str = "", err: str = "", code: int | None = None
    ) -> TaskEnd:
        if running.cancelled.is_set():
            return TaskEnd(TaskStatus.REVOKED, out, err, code)
        separator = "\n" if err and not err.endswith("\n") else ""
        return TaskEnd(TaskStatus.FAILURE, out, f"{err}{separator}{_SERVER_STOPPED}", code)


@contextmanager
def _one_word(python: Path) -> Iterator[str]:
    """Give an interpreter a path that a shell takes as one word, also without quotes."""
    if _ONE_WORD.fullmatch(str(python)):
        yield str(python)
        return
    with tempfile.TemporaryDirectory(prefix="aqsync-task-") as folder:
        environment = Path(folder) / "environment"
        environment.symlink_to(python.parent.parent)
        yield str(environment / "bin" / "python")
