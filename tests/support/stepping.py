"""Sessions on one thread, in a time that jumps from one step to the next."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path

from aqsync.clock import Clock
from aqsync.config import Config, MappingConfig, Schedule, ServerConfig, Transfer, Windows
from aqsync.journal import Journal
from aqsync.local.errands import Errands
from aqsync.model import Outcome
from aqsync.sync.jobs import Job
from aqsync.sync.loop import Loop
from aqsync.sync.order import Order
from aqsync.sync.rate import RateLimit
from aqsync.sync.session import Session
from aqsync.sync.shared import Shared
from aqsync.sync.work_queue import Lane
from aqsync.sync.worker_pool import Ended, WorkerPool
from tests.support.fake_clock import FakeClock

RESCAN_S = 900.0
RESCAN_WITHOUT_EVENTS_S = 60.0


class FakePool(WorkerPool):
    """Begins jobs as real workers do, and does them when it is told."""

    def __init__(self, perform: Callable[[Job], Outcome], ended: Callable[[], None]) -> None:
        super().__init__(perform, ended)
        self.waiting: deque[tuple[Job, Lane]] = deque()
        self.begun: list[str] = []
        """The paths of all jobs so far."""

    def start(self, job: Job, lane: Lane) -> None:
        self._room[lane] -= 1
        self.waiting.append((job, lane))
        self.begun.append(job.file.path)

    def run(self) -> None:
        """Do the job that was begun first."""
        self._work(*self.waiting.popleft())

    def end(self, outcome: Outcome | BaseException) -> None:
        """Let the job that was begun first end so."""
        job, lane = self.waiting.popleft()
        job.errand.drop()
        self._results.put(Ended(job, lane, outcome))
        self._ended()


class SteppedLoop(Loop):
    """A loop that a test steps, in a time that jumps.

    Attributes:
        at: When it wants to be stepped next, by the monotonic clock.
        failures: What its steps have raised.
        over: It was told to end.
    """

    def __init__(self, name: str, clock: Clock) -> None:
        super().__init__(name, clock)
        self.at = float("inf")
        self.failures: list[Exception] = []
        self.over = False
        self._not_before = 0.0
        self.taking: Callable[[], float] = lambda: 0.0

    @property
    def alive(self) -> bool:
        return not self.over

    def start(self, step: Callable[[], float]) -> None:
        self.taking = step
        self.at = self._clock.monotonic()

    def wake(self) -> None:
        self.at = max(self._clock.monotonic(), self._not_before)

    def hurry(self) -> None:
        self._not_before = 0.0
        self.wake()

    def stop(self) -> None:
        self.over = True

    def join(self, timeout_s: float) -> bool:
        del timeout_s
        return True

    @property
    def is_due(self) -> bool:
        """Whether it wants to be stepped now."""
        return not self.over and self.at <= self._clock.monotonic()

    def take_step(self) -> Exception | None:
        """Take one step; returns what it raised."""
        failed: list[Exception] = []

        def step() -> float:
            try:
                return self.taking()
            except Exception as exc:
                failed.append(exc)
                raise

        self.at = float("inf")
        at = self.step(step) + self._clock.monotonic()
        if failed:
            self.failures += failed
            self._not_before = self.at = at
            return failed[0]
        self.at = min(self.at, at)
        return None


def at_once(work: Callable[[], bool]) -> Callable[[], bool]:
    """Do something before everything else instead of beside it."""
    answer = work()
    return lambda: answer


def shared_by(journal: Journal, clock: Clock) -> Shared:
    """What sessions on a journal have in common, with nothing that limits them."""
    return Shared(journal, clock, RateLimit(None, clock), Errands(clock))


def config_of(
    mappings: Sequence[MappingConfig],
    windows: Windows = Windows(),  # noqa: B008 - frozen
    rescan_s: float = RESCAN_S,
    rescan_without_events_s: float = RESCAN_WITHOUT_EVENTS_S,
) -> Config:
    """A configuration of these mappings; sessions get their server apart."""
    schedule = Schedule(keep_history=3600.0).model_copy(
        update={"rescan": rescan_s, "rescan_without_events": rescan_without_events_s}
    )
    return Config.model_construct(
        path=Path("aqsync.yaml"),
        server=ServerConfig(url="http://127.0.0.1:1"),
        mappings=tuple(mappings),
        schedule=schedule,
        transfer=Transfer().model_copy(update={"windows": windows}),
    )


def serve(
    session: Session, order: Order, pool: FakePool, clock: FakeClock, most: int = 100_000
) -> None:
    """What `Session.push` does, on one thread, with the session's loops stepped in between."""
    with session._shared.queue.placed(order):
        for wants in session.script(order):
            order.woken.clear()
            at = clock.monotonic() + wants
            while not order.woken.is_set() and clock.monotonic() < at:
                most -= 1
                assert most, "it spins"
                due = [loop for loop in stepped(session) if loop.is_due]
                for loop in due:
                    loop.take_step()
                if pool.waiting:
                    pool.run()
                elif not due:
                    next_at = min([at, *(loop.at for loop in stepped(session))])
                    clock.wait(order.stopped, next_at - clock.monotonic())


def stepped(session: Session) -> list[SteppedLoop]:
    """The loops of a session that a test steps."""
    return [loop for loop in session.loops.values() if isinstance(loop, SteppedLoop)]
