"""What the server is asked about the tasks of actions, and what its answers mean for a run."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from aqsync.aqueduct.client import Client
from aqsync.aqueduct.records import ExtensionRecord, TaskRecord, TaskStatus
from aqsync.aqueduct.typed import instant
from aqsync.errors import (
    Forbidden,
    NoConnection,
    OperationFailed,
    OperationMissing,
    RemoteError,
    TaskNotFound,
    TokenRefused,
)
from aqsync.journal import Journal
from aqsync.model import ActionRun, ActionStart, ActionState

MARGIN_S = 5.0
"""By so much the clock that stamps files on a server may be ahead of the one that stamps tasks."""
_PAGE = 100
_MOST_PAGES = 10
_LINES, _CHARACTERS = 10, 2_000
"""Of stderr, the last ones that are kept."""

_STATES = {
    TaskStatus.PENDING: ActionState.WAITING,
    TaskStatus.RECEIVED: ActionState.WAITING,
    TaskStatus.STARTED: ActionState.RUNNING,
    TaskStatus.SUCCESS: ActionState.SUCCEEDED,
    TaskStatus.REVOKED: ActionState.CANCELLED,
}


class Answered(NamedTuple):
    """What the server says about a run."""

    state: ActionState
    task: str | None = None
    result_code: int | None = None
    said: str = ""
    never_sent: RemoteError | None = None
    """Why nothing has left this machine."""


class ActionTasks:
    """Asks the server.

    Its methods raise `RemoteError` where the server cannot be asked.

    Args:
        server: Where tasks run.
        journal: Which tasks belong to a run already.
    """

    def __init__(self, server: Client, journal: Journal) -> None:
        self._server = server
        self._journal = journal
        self._extensions: list[ExtensionRecord] | None = None

    def exist(self) -> bool:
        """Whether the server keeps tasks; older ones answer when an action has ended."""
        try:
            return self._server.tasks.exist()
        except OperationMissing:
            return True  # it runs no actions, which their list tells

    def extensions(self) -> list[ExtensionRecord]:
        """What the server can run; asked once until `ask_anew`."""
        if self._extensions is None:
            self._extensions = self._server.tasks.extensions()
        return self._extensions

    def ask_anew(self) -> None:
        """What the server can run may be otherwise now."""
        self._extensions = None

    def run(self, run: ActionRun) -> Answered | None:
        """Ask for a run whose start is noted; None: whether it has begun is not known."""
        asked = (run.extension, run.action, run.parameters)
        try:
            if self.exist():
                return _answered(self._server.tasks.execute(UUID(run.uuid), *asked))
            ended = self._server.tasks.execute_to_the_end(*asked)
        except (NoConnection, TokenRefused) as exc:
            return Answered(ActionState.UNANSWERED, never_sent=exc)
        except (OperationFailed, Forbidden) as exc:
            return Answered(ActionState.REFUSED, said=exc.message)
        except RemoteError:
            return None
        state = ActionState.FAILED if ended.return_code else ActionState.SUCCEEDED
        return Answered(state, result_code=ended.return_code, said=_tail(ended.stderr))

    def ask(self, run: ActionRun) -> Answered:
        """How a run's task is."""
        try:
            return _answered(self._server.tasks.get(UUID(run.task)))
        except TaskNotFound:
            said = "the server does not know its task any more"
            return Answered(ActionState.UNKNOWN, said=said)

    def find(self, run: ActionRun) -> Answered | None:
        """Search for the task of a run whose answer was lost."""
        try:
            return self._find(run, run.after)
        except OperationFailed:  # it does not know the experiment, so no task of it either
            return None

    def ran_before(self, start: ActionStart) -> Answered | None:
        """Search for a task that has run on this content though nothing here knows of it."""
        return self._find(start, start.after)

    def newest_of(self, run: ActionRun) -> str | None:
        """When the newest task like this run's was received: the next attempt comes after it."""
        newest = max((task.received_at for task in self._like(run, run.after)), default=None)
        if newest is None:
            return None
        # Later than this one, whatever the margin.
        return (newest + timedelta(seconds=MARGIN_S, microseconds=1)).isoformat()

    def _find(self, wanted: ActionStart, after: str) -> Answered | None:
        known = self._journal.actions.tasks()
        found = [task for task in self._like(wanted, after) if str(task.uuid) not in known]
        first = min(found, key=lambda task: task.received_at, default=None)
        return None if first is None else _answered(first)

    def _like(self, wanted: ActionStart, after: str) -> Iterator[TaskRecord]:
        """Tasks of the same action with the same parameters, received after a time."""
        since = _since(after)
        asked = dict(wanted.parameters)
        for page in range(_MOST_PAGES):
            found = self._server.tasks.find(
                experiment=UUID(wanted.uuid),
                extension_name=wanted.extension,
                action_name=wanted.action,
                start=since,
                limit=_PAGE,
                offset=page * _PAGE,
            )
            for task in found.tasks:
                given = {key.name: value or "" for key, value in task.parameters}
                if given == asked and (since is None or task.received_at >= since):
                    yield task
            if (page + 1) * _PAGE >= found.total:
                return


def _answered(task: TaskRecord) -> Answered:
    state = _STATES.get(task.status)
    if state is None:  # it has failed
        state = ActionState.NOT_RUN if task.result_code is None else ActionState.FAILED
    return Answered(state, str(task.uuid), task.result_code, _tail(task.std_err))


def _since(after: str) -> datetime | None:
    """The earliest time of a task; None: the server's times are none."""
    try:
        return instant(after) - timedelta(seconds=MARGIN_S)
    except (ValueError, OverflowError):
        return None


def _tail(text: str | None) -> str:
    lines = (text or "").strip().splitlines()[-_LINES:]
    return "\n".join(lines)[-_CHARACTERS:]
