"""Extensions and tasks of a server in memory, which a test lets run, fail or lose answers."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

from aqsync.aqueduct.records import (
    Action,
    Execution,
    ExperimentRef,
    ExtensionRecord,
    Parameter,
    TaskPage,
    TaskRecord,
    TaskStatus,
)
from aqsync.aqueduct.server_tasks import ServerTasks
from aqsync.errors import ServerUnreachable, TaskNotFound
from tests.support.fake_clock import FakeClock

EXPERIMENT = Parameter("experiment", None, None, "experiment", None, None)


def action(name: str, *parameters: Parameter) -> Action:
    return Action(name, "", "experiment", (EXPERIMENT, *parameters))


@dataclass
class FakeTasks(ServerTasks):
    """Asked as `Client.tasks` is.

    Attributes:
        known: What it can run.
        troubles: What the next starts raise, one each.
        after: The same once a task has been made, before its answer is given.
        old: It has no tasks, and runs actions to their end.
        made: Every task, the oldest first.
        late_s: For how long the next start is under way, while its answer is lost at once.
    """

    clock: FakeClock
    ahead_s: float = 0.0
    known: list[ExtensionRecord] = field(
        default_factory=lambda: [ExtensionRecord("plots", None, "", (action("t1"),))]
    )
    troubles: deque[BaseException] = field(default_factory=deque)
    after: deque[BaseException] = field(default_factory=deque)
    old: bool = False
    away: BaseException | None = None
    made: list[TaskRecord] = field(default_factory=list)
    late_s: float = 0.0
    asked: list[str] = field(default_factory=list)
    ran: list[tuple[str, str, tuple[tuple[str, str], ...]]] = field(default_factory=list)
    _late: list[tuple[float, TaskRecord]] = field(default_factory=list)
    to_the_end: Execution = field(default_factory=lambda: Execution(0, "", "", "", ""))

    def exist(self) -> bool:
        return not self.old

    def extensions(self) -> list[ExtensionRecord]:
        self._ask("extensions")
        return self.known

    def execute(
        self, experiment: UUID, extension: str, action: str, values: Sequence[tuple[str, str]]
    ) -> TaskRecord:
        self._ask("execute")
        self._trouble(self.troubles)
        given = tuple((EXPERIMENT._replace(name=name), value) for name, value in values)
        task = self.task(experiment, extension, action, given)
        if self.late_s:
            self._late.append((self.clock.monotonic() + self.late_s, task))
            self.late_s = 0.0
            raise ServerUnreachable("silence")
        self.made.append(task)
        self._trouble(self.after)
        return task

    def task(
        self,
        experiment: UUID,
        extension: str,
        action: str,
        given: tuple[tuple[Parameter, str | None], ...],
    ) -> TaskRecord:
        """A task that has just been received."""
        return TaskRecord(
            *(uuid4(), _reference(experiment), extension, action, given, "somebody", self._now()),
            *(None, TaskStatus.PENDING, None, None, None),
        )

    def execute_to_the_end(
        self,
        extension: str,
        action: str,
        values: Sequence[tuple[str, str]],
        timeout: float | None = None,
    ) -> Execution:
        assert timeout is None
        self._trouble(self.troubles)
        self.ran.append((extension, action, tuple(values)))
        self._trouble(self.after)
        return self.to_the_end

    def get(self, task_id: UUID) -> TaskRecord:
        self._ask("get")
        for task in self.made:
            if task.uuid == task_id:
                return task
        raise TaskNotFound("no such task")

    def find(
        self,
        *,
        experiment: UUID | None = None,
        extension_name: str | None = None,
        action_name: str | None = None,
        username: str | None = None,
        start: datetime | None = None,
        end: datetime | None = None,
        limit: int = 10,
        offset: int = 0,
    ) -> TaskPage:
        assert username is None
        assert end is None
        self._ask("find")
        found = [
            task
            for task in reversed(self.made)
            if task.experiment.uuid == experiment
            and (task.extension_name, task.action_name) == (extension_name, action_name)
            and (start is None or task.received_at >= start)
        ]
        return TaskPage(found[offset : offset + limit], len(found))

    # What a test does

    def end(self, status: TaskStatus, code: int | None = None, err: str | None = None) -> None:
        """Every task that has not ended ends so."""
        self.made = [
            task
            if task.status.ended
            else task._replace(status=status, result_code=code, std_err=err)
            for task in self.made
        ]

    def _ask(self, what: str) -> None:
        self.asked.append(what)
        due = [task for at, task in self._late if at <= self.clock.monotonic()]
        self._late = [each for each in self._late if each[1] not in due]
        self.made += [task._replace(received_at=self._now()) for task in due]
        if self.away is not None:
            raise self.away

    def _trouble(self, troubles: deque[BaseException]) -> None:
        if troubles:
            raise troubles.popleft()

    def _now(self) -> datetime:
        at = self.clock.now_ns() / 1e9 + self.ahead_s
        return datetime.fromtimestamp(at, UTC) + timedelta(microseconds=len(self.made))


def _reference(uuid: UUID) -> ExperimentRef:
    now = datetime.now(UTC)
    return ExperimentRef(uuid, "", "", "", (), now, now)
