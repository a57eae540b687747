"""The daemon's loops on one thread, in a time that jumps from one step to the next."""

from __future__ import annotations

import logging
import random
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aqsync.config import MappingConfig, Windows
from aqsync.errors import EventsUnavailable
from aqsync.local.hints import Hints
from aqsync.model import Outcome
from aqsync.sync.engine import Engine
from aqsync.sync.jobs import Job
from aqsync.sync.order import Limits, Order, PushResult
from aqsync.sync.session import Seams, Session
from tests.support.lab import Lab, Listener
from tests.support.stepping import (
    FakePool,
    SteppedLoop,
    at_once,
    config_of,
    serve,
    shared_by,
    stepped,
)

MOST_STEPS_AT_ONCE = 500
"""What steps more often without time passing, spins."""
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


class Harness:
    """A whole session over a lab, stepped on one thread.

    Args:
        lab: Its journal, server, clock and mapping are used.
        others: More mappings.
        windows: When files may be sent.

    Attributes:
        watch: By mapping, the watcher that it has, or gets next.
        working: Jobs are done as soon as they have begun.
    """

    def __init__(self, lab: Lab, *others: MappingConfig, windows: Windows = Windows()) -> None:  # noqa: B008 - frozen
        self.lab = lab
        self.clock = lab.clock
        self.working = True
        self.mappings = [lab.mapping, *others]
        self.watch = {mapping.name: FakeWatch() for mapping in self.mappings}
        self.watches_made = 0
        self.windows = windows
        self.shared = shared_by(lab.journal, lab.clock)
        self.queue, self.outcomes = self.shared.queue, self.shared.outcomes
        self.config = config_of(self.mappings, windows)
        seams = Seams(
            watch=lambda mapping, _heard: self._make_watch(mapping),
            pool=self._make_pool,
            loop=SteppedLoop,
            aside=at_once,
            chance=random.Random(4),
        )
        self.session = Session(self.config, lab.server, self.shared, self.mappings, seams)
        self.engine = self.session.engine
        self.performing: Callable[[Job], Outcome] = self.engine.perform
        self.dispatcher = self.session.dispatcher
        assert self.session.poller is not None
        self.poller = self.session.poller
        self.rescanners = self.session.rescanners
        self.rescanner = self.rescanners[lab.mapping.name]
        self.session.start()

    def _make_watch(self, mapping: MappingConfig) -> FakeWatch:
        self.watches_made += 1
        return self.watch[mapping.name]

    def _make_pool(self, _perform: object, ended: Callable[[], None]) -> FakePool:
        self.pool = FakePool(self._perform, ended)
        return self.pool

    def _perform(self, job: Job) -> Outcome:
        return self.performing(job)

    @property
    def failures(self) -> list[Exception]:
        """What steps have raised."""
        return [failure for loop in stepped(self.session) for failure in loop.failures]

    def forget_failures(self) -> None:
        """What steps have raised so far is of no interest."""
        for loop in stepped(self.session):
            loop.failures.clear()

    def loop(self, name: str) -> SteppedLoop:
        """One of its loops: ``dispatcher``, ``server``, or ``rescans`` and a mapping."""
        [loop] = [loop for loop in stepped(self.session) if loop.name == name]
        return loop

    def wake(self) -> None:
        """Something from outside may have changed what there is to do."""
        self.session.wake()

    def push(self, *within: str, **limits: object) -> PushResult:
        """Serve an order."""
        chosen = Limits(within={"lab": within} if within else {}, **limits)  # type: ignore[arg-type]  # tests name the limits they change
        order = Order(chosen, Listener(self.lab.said))
        serve(self.session, order, self.pool, self.clock)
        return order.result

    def hint(self, *paths: str, lost: str | None = None, mapping: str = "lab") -> None:
        """The system tells of changes."""
        watch = self.watch[mapping]
        watch.paths.update(paths)
        watch.lost = watch.lost or lost
        self.loop(f"rescans {mapping}").wake()

    def write(self, path: str, content: bytes = b"data", *, age_s: float = 0.0) -> Path:
        """Write a file, and have it told of."""
        place = self.lab.write(path, content, age_s=age_s)
        self.hint(path)
        return place

    def now(self) -> None:
        """Step whoever has something to do, until nobody has at this moment."""
        steps = 0
        while due := [loop for loop in stepped(self.session) if loop.is_due]:
            for loop in due:
                loop.take_step()
            while self.working and self.pool.waiting:
                self.pool.run()
            steps += 1
            assert steps < MOST_STEPS_AT_ONCE, f"{[loop.name for loop in due]} spin"

    def run(self, seconds: float) -> None:
        """Let so much time pass."""
        end = self.clock.monotonic() + seconds
        while True:
            self.now()
            at = min(loop.at for loop in stepped(self.session))
            if at >= end:
                break
            self.clock.advance(max(at - self.clock.monotonic(), TICK_S))
        self.clock.advance(max(0.0, end - self.clock.monotonic()))
        self.now()

    def steps_in(self, seconds: float, name: str) -> int:
        """How often one of the loops steps in so much time."""
        counted, loop = 0, self.loop(name)
        step = loop.taking

        def counting() -> float:
            nonlocal counted
            counted += 1
            return step()

        loop.taking = counting
        self.run(seconds)
        loop.taking = step
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

    def scanning(mapping: MappingConfig, within: Collection[str] = (), **kept: Any) -> Any:
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
