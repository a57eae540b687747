"""Running the script of one task to its end."""

from __future__ import annotations

import logging
import re
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from aqsync.server.catalog.task_records import Task, TaskEnd, TaskStatus
from aqsync.server.errors import OperationRefused
from aqsync.server.extensions.environments import EnvironmentFailed, Environments
from aqsync.server.extensions.library import ExtensionLibrary
from aqsync.server.extensions.process import StopRequest, run
from aqsync.server.extensions.variables import ServerAccess, script_variables
from aqsync.server.rights.task_tokens import TaskTokens

_log = logging.getLogger(__name__)
CANCEL_SECONDS = 10.0
"""How long a cancelled script has after SIGINT, and then after SIGTERM."""

_SERVER_STOPPED = "The server was stopped while this task ran."
_ONE_WORD = re.compile(r"[A-Za-z0-9_@%+=:,./-]+")


@dataclass(frozen=True, slots=True, eq=False)
class RunningTask:
    """A task whose script runs, and the ways to end it.

    Args:
        stop: Ends the script.
        cancelled: Set if a client ended it, and not the end of the server.
    """

    stop: StopRequest = field(default_factory=StopRequest)
    cancelled: threading.Event = field(default_factory=threading.Event)

    def cancel(self) -> None:
        """Ask the script to end, for a client."""
        self.cancelled.set()
        self.stop.ask(CANCEL_SECONDS)


class ScriptRunner:
    """Runs the scripts of actions. Any thread may call.

    Args:
        library: The extensions.
        environments: Their interpreters.
        access: How scripts reach this server.
        tokens: What they send there.
    """

    def __init__(
        self,
        library: ExtensionLibrary,
        environments: Environments,
        access: ServerAccess,
        tokens: TaskTokens,
    ) -> None:
        self._tokens = tokens
        self._library = library
        self._environments = environments
        self._access = access

    def run(self, task: Task, running: RunningTask) -> TaskEnd:
        """Run the script of a task and return how it ended, whatever goes wrong.

        Args:
            task: The task.
            running: Ends the script early.
        """
        try:
            return self._run(task, running)
        except (OperationRefused, EnvironmentFailed) as exc:
            return TaskEnd(TaskStatus.FAILURE, err=str(exc))
        except Exception as exc:  # noqa: BLE001 - the queue goes on with the next task
            _log.exception("task %s cannot be run", task.uuid)
            return TaskEnd(TaskStatus.FAILURE, err=f"The server failed to run this task: {exc}")

    def _run(self, task: Task, running: RunningTask) -> TaskEnd:
        extension = self._library.find(task.extension)
        action = extension.action(task.action)
        python = self._environments.python_of(extension.folder, running.stop)
        if python is None:
            return _stopped(running)
        with _path_of_one_word(python) as word, self._tokens.of_task(task.uuid) as token:
            variables = script_variables(
                extension,
                {one.parameter.name: one.value for one in task.parameters},
                self._access,
                token=token,
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
            return _stopped(running, outcome.out, outcome.err, outcome.code)
        status = TaskStatus.FAILURE if outcome.code else TaskStatus.SUCCESS
        return TaskEnd(status, outcome.out, outcome.err, outcome.code)


def _stopped(
    running: RunningTask, out: str = "", err: str = "", code: int | None = None
) -> TaskEnd:
    if running.cancelled.is_set():
        return TaskEnd(TaskStatus.REVOKED, out, err, code)
    separator = "\n" if err and not err.endswith("\n") else ""
    return TaskEnd(TaskStatus.FAILURE, out, f"{err}{separator}{_SERVER_STOPPED}", code)


@contextmanager
def _path_of_one_word(python: Path) -> Iterator[str]:
    """Give an interpreter a path that a shell takes as one word, also without quotes."""
    if _ONE_WORD.fullmatch(str(python)):
        yield str(python)
        return
    with tempfile.TemporaryDirectory(prefix="aqsync-task-") as folder:
        environment = Path(folder) / "environment"
        environment.symlink_to(python.parent.parent)
        yield str(environment / "bin" / "python")
