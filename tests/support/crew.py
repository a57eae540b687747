"""The daemon's loops on one thread, in a time that jumps from one step to the next."""

from __future__ import annotations

import logging
import random
from collections import deque
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aqsync.config import Mapping, Windows
from aqsync.errors import EventsUnavailable
from aqsync.local.watcher import Hints
from aqsync.model import Outcome
from aqsync.sync.claims import Claims
from aqsync.sync.delivery import Delivery
from aqsync.sync.engine import Engine
from aqsync.sync.jobs import Job
from aqsync.sync.lanes import Ended, Lanes
from aqsync.sync.lookout import Lookout, Pace
from aqsync.sync.loop import Loop
from aqsync.sync.ready import Ready
from aqsync.sync.rechecker import Rechecker
from aqsync.sync.tally import Tally
from aqsync.sync.upkeep import Upkeep
from tests.support.lab import Lab

RESCAN_S = 900.0
RESCAN_WITHOUT_EVENTS_S = 60.0
MOST_STEPS_AT_ONCE = 500
"""Whoever steps more often without time passing, spins."""
TICK_S = 0.001


@dataclass
class FakeWatch:
    """A watcher that hears what a test tells it."""

    cannot_start: EventsUnavailable | None = None
    ill: str | None = None
    blind_to: int = 0
    works: bool = True
    running: bool = False
    paths: set[str] = field(default_factory=set)
    closed: set[str] = field(default_factory=set)
    lost: str | None = None
    unwatched: set[str] = field(default_factory=set)
    """Directories that could not be watched so far."""

    def start(self) -> None:
        if self.cannot_start is not None:
            raise self.cannot_start
        self.running = True

    def stop(self) -> None:
        self.running = False

    def take(self) -> Hints:
        hints = Hints(frozenset(self.paths), self.lost, frozenset(self.closed))
        self.paths, self.closed, self.lost = set(), set(), None
        return hints

    def ailment(self) -> str | None:
        return self.ill

    def reach(self, path: str) -> bool:
        unwatched = path in self.unwatched
        self.unwatched.discard(path)
        return unwatched

    def blind(self, directories: Collection[int]) -> int:
        return min(self.blind_to, len(directories))

    def proves(self, timeout_s: float) -> bool:
        assert timeout_s > 0
        return self.works


class FakeLanes(Lanes):
    """Begins jobs as real lanes do, and does them when it is told."""

    def __init__(self, perform: Callable[[Job], Outcome], ended: Callable[[], None]) -> None:
        super().__init__(perform, ended)
        self.waiting: deque[tuple[Job, bool]] = deque()
        self.begun: list[str] = []
        """The paths of all jobs so far."""

    def start(self, job: Job, large: bool) -> None:  # noqa: FBT001 - as in Lanes
        self._room[large] -= 1
        self.waiting.append((job, large))
        self.begun.append(job.file.path)

    def run(self) -> None:
        """Do the job that was begun first."""
        self._work(*self.waiting.popleft())

    def end(self, outcome: Outcome | BaseException) -> None:
        """Let the job that was begun first end so."""
        job, large = self.waiting.popleft()
        self._results.put(Ended(job, large, outcome))
        self._ended()


class Crew:
    """Lookouts, delivery and upkeep over a lab.

    Args:
        lab: Its journal, server, clock and mapping are used.
        others: More mappings.
        windows: When files may be sent.

    Attributes:
        watch: By mapping, the watcher that it has, or gets next.
        working: Jobs are done as soon as they have begun.
        failures: What steps have raised.
    """

    def __init__(self, lab: Lab, *others: Mapping, windows: Windows = Windows()) -> None:  # noqa: B008 - frozen
        self.lab = lab
        self.clock = lab.clock
        self.working = True
        self.failures: list[Exception] = []
        self.mappings = [lab.mapping, *others]
        self.watch = {mapping.name: FakeWatch() for mapping in self.mappings}
        self.watches_made = 0
        self.windows = windows
        self.engine = Engine(self.mappings, lab.journal, lab.server, lab.clock, claims=Claims())
        self.ready = Ready()
        self.lanes = FakeLanes(self._perform, lambda: self._wake("delivery"))
        self.performing: Callable[[Job], Outcome] = self.engine.perform
        self.tally = Tally()
        self.upkeep = Upkeep(
            self.engine,
            self.ready,
            3600.0,
            delivered=lambda: self._wake("delivery"),
            wake=lambda: self._wake("upkeep"),
            beat=lambda: None,
        )
        self.lookouts = {mapping.name: self._lookout(mapping) for mapping in self.mappings}
        self.lookout = self.lookouts[lab.mapping.name]
        self.delivery = Delivery(
            self.engine,
            self.ready,
            self.lanes,
            looks=self.lookouts,
            windows=windows,
            acted=self.upkeep.acted,
            tally=self.tally,
            beat=lambda: None,
        )
        self._steps: dict[str, Callable[[], float]] = {
            **{name: lookout.step for name, lookout in self.lookouts.items()},
            "delivery": self.delivery.step,
            "upkeep": self.upkeep.step,
            **{f"rechecks {m.name}": self._rechecker(m).step for m in self.mappings},
        }
        self._loops = {name: Loop(name, self.clock) for name in self._steps}
        self._next = dict.fromkeys(self._steps, self.clock.monotonic())
        self._not_before = dict.fromkeys(self._steps, 0.0)

    def _lookout(self, mapping: Mapping) -> Lookout:
        def make() -> FakeWatch:
            self.watches_made += 1
            return self.watch[mapping.name]

        return Lookout(
            self.engine,
            mapping,
            self.ready,
            Pace(RESCAN_S, RESCAN_WITHOUT_EVENTS_S),
            make,
            delivered=lambda: self._wake("delivery"),
            wake=lambda: self._wake(mapping.name),
            beat=lambda: None,
            stop=lambda: False,
            chance=random.Random(4),
        )

    def _rechecker(self, mapping: Mapping) -> Rechecker:
        return Rechecker(
            self.engine,
            mapping,
            self.lookouts[mapping.name],
            windows=self.windows,
            stop=lambda: False,
            beat=lambda: None,
        )

    def _perform(self, job: Job) -> Outcome:
        return self.performing(job)

    def _wake(self, name: str) -> None:
        self._next[name] = max(self.clock.monotonic(), self._not_before[name])

    def wake(self) -> None:
        """Something from outside may have changed what there is to do."""
        for name in self._next:
            self._wake(name)

    def hint(self, *paths: str, lost: str | None = None, mapping: str = "lab") -> None:
        """The system tells of changes."""
        watch = self.watch[mapping]
        watch.paths.update(paths)
        watch.lost = watch.lost or lost
        self._wake(mapping)

    def write(self, path: str, content: bytes = b"data", *, age_s: float = 0.0) -> Path:
        """Write a file, and have it told of."""
        place = self.lab.write(path, content, age_s=age_s)
        self.hint(path)
        return place

    def now(self) -> None:
        """Step whoever has something to do, until nobody has at this moment."""
        steps = 0
        while due := [name for name, at in self._next.items() if at <= self.clock.monotonic()]:
            for name in due:
                self._step(name)
            while self.working and self.lanes.waiting:
                self.lanes.run()
            steps += 1
            assert steps < MOST_STEPS_AT_ONCE, f"{due} spin"

    def _step(self, name: str) -> None:
        def step() -> float:
            try:
                return self._steps[name]()
            except Exception as exc:
                self.failures.append(exc)
                raise

        self._next[name] = float("inf")
        failures = len(self.failures)
        at = self._loops[name].step(step) + self.clock.monotonic()
        if len(self.failures) > failures:
            self._not_before[name] = at
        self._next[name] = at if len(self.failures) > failures else min(self._next[name], at)

    def run(self, seconds: float) -> None:
        """Let so much time pass."""
        end = self.clock.monotonic() + seconds
        while True:
            self.now()
            at = min(self._next.values())
            if at >= end:
                break
            self.clock.advance(max(at - self.clock.monotonic(), TICK_S))
        self.clock.advance(max(0.0, end - self.clock.monotonic()))
        self.now()

    def steps_in(self, seconds: float, name: str) -> int:
        """How often one of the loops steps in so much time."""
        counted = 0
        step = self._steps[name]

        def counting() -> float:
            nonlocal counted
            counted += 1
            return step()

        self._steps[name] = counting
        self.run(seconds)
        self._steps[name] = step
        return counted

    @property
    def remote(self) -> dict[str, bytes]:
        return self.lab.remote


class Looks(list[tuple[str, ...]]):
    """Every look of an engine at a disk, as the paths that were asked for; none: everything."""


@contextmanager
def looks_of(engine: Engine) -> Iterator[Looks]:
    """Take down every look within."""
    taken, scan = Looks(), engine.scan

    def scanning(mapping: Mapping, within: Collection[str] = (), **kept: Any) -> Any:
        taken.append(tuple(within))
        return scan(mapping, within, **kept)

    engine.scan = scanning  # type: ignore[method-assign,assignment]  # taken down, then done
    try:
        yield taken
    finally:
        engine.scan = scan  # type: ignore[method-assign]  # as it was


class Lines(logging.Handler):
    """What aqsync logs, as ``level message key=value``."""

    def __init__(self) -> None:
        super().__init__(logging.INFO)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        fields = {k: v for k, v in getattr(record, "fields", {}).items() if v is not None}
        words = [record.levelname.lower(), record.getMessage()]
        words += [f"{key}={value}" for key, value in fields.items()]
        if record.exc_info and record.exc_info[1] is not None:
            words.append(f"error={record.exc_info[1]!r}")
        self.lines.append(" ".join(words))

    def of(self, words: str) -> list[str]:
        """The lines that hold these words."""
        return [line for line in self.lines if words in line]


@contextmanager
def logged() -> Iterator[Lines]:
    """The lines logged within."""
    lines, logger = Lines(), logging.getLogger("aqsync")
    before = logger.level
    logger.addHandler(lines)
    logger.setLevel(logging.INFO)
    try:
        yield lines
    finally:
        logger.removeHandler(lines)
        logger.setLevel(before)
