"""A session: the one wiring of all that works by one configuration, from its start to its end.

::

                 watch        clock                    server
                   |            |                        |
    disk -> Rescanner -+                         +- Engine, by WorkerPool
                       +-> WorkQueue -> Dispatcher
    server -> ServerPoller -+           |        +- OutcomeLog
                       Order (a push) --+

A new configuration begins a new session. The old one begins nothing new and finishes its running
jobs beside those of the new one. Both use the same work queue, so they never work on one file.
"""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from math import inf
from queue import SimpleQueue
from typing import Protocol

from aqsync.aqueduct.client import Client
from aqsync.clock import Clock
from aqsync.config import Config, MappingConfig
from aqsync.config.notify import On
from aqsync.local.disk import REAL_DISK, Disk
from aqsync.local.watcher import Watcher
from aqsync.log import Log
from aqsync.model import Outcome
from aqsync.sync.dispatcher import Announce, Dispatcher
from aqsync.sync.engine import Engine
from aqsync.sync.jobs import Job
from aqsync.sync.loop import STUCK_S, Loop
from aqsync.sync.order import Order
from aqsync.sync.push import Aside, Push, SessionEnded
from aqsync.sync.rechecker import Rechecker
from aqsync.sync.rescanner import Pace, Rescanner
from aqsync.sync.server_poller import ServerPoller
from aqsync.sync.server_pulse import ServerPulse
from aqsync.sync.shared import Shared
from aqsync.sync.watch_supervisor import Watch
from aqsync.sync.worker_pool import WorkerPool

TRANSFER_STUCK_S = 60.0
"""Transfers hang if none moves for this much longer than the limits of the server allow."""
ABORT_S = 2.0
"""How long to wait for jobs that were broken off; those that go on hang in a file system."""
REPORT_EVERY_S = 0.2
"""How often a push shows what has happened, and checks whether it is to stop."""
LOOPS_END_S = 1.0
"""How long to wait for a loop that was told to end."""

log = Log(__name__)


class Calendar(Protocol):
    """Asks for file lists and housekeeping at times of day."""

    @property
    def alive(self) -> bool:
        """Whether it goes on."""

    def start(self) -> None:
        """Begin."""

    def stop(self) -> None:
        """End."""


def in_thread(work: Callable[[], bool]) -> Callable[[], bool]:
    """Run a function on a thread of its own; returns a function that waits for its result."""
    ended: SimpleQueue[bool | BaseException] = SimpleQueue()

    def run() -> None:
        try:
            ended.put(work())
        except BaseException as exc:  # noqa: BLE001 - carried to the thread that waits for it
            ended.put(exc)

    threading.Thread(target=run, name="lists", daemon=True).start()

    def wait() -> bool:
        answer = ended.get()
        if isinstance(answer, BaseException):
            raise answer
        return answer

    return wait


@dataclass(frozen=True, slots=True)
class Seams:
    """Where a session meets the world: the real one, or that of a test.

    Args:
        disk: Where the mappings' roots are.
        watch: Makes the watcher of a root; the function it gets is called on every event.
        pool: Makes the worker pool.
        loop: Makes the loops.
        aside: Runs a function in parallel.
        chance: Spreads load.
    """

    disk: Disk = REAL_DISK
    watch: Callable[[MappingConfig, Callable[[], None]], Watch] = lambda mapping, heard: Watcher(
        mapping.directory, heard
    )
    pool: Callable[[Callable[[Job], Outcome], Callable[[], None]], WorkerPool] = WorkerPool
    loop: Callable[[str, Clock], Loop] = Loop
    aside: Aside = in_thread
    chance: random.Random = field(default_factory=random.Random)


REAL = Seams()


class Session:
    """The parts of one configuration, put together.

    Args:
        config: The configuration.
        server: Where files go; closed at the end.
        shared: What all sessions of the process share.
        mappings: The mappings to work on.
        seams: Where it meets the world.
        orders_only: It only serves orders: it does not watch, rescan or poll.
    """

    def __init__(
        self,
        config: Config,
        server: Client,
        shared: Shared,
        mappings: Sequence[MappingConfig],
        seams: Seams = REAL,
        *,
        orders_only: bool = False,
    ) -> None:
        self.config = config
        self._clock = clock = shared.clock
        self._server = server
        self._shared = shared
        self._seams = seams
        self._aborted = False
        self._started = False
        self._retired = False
        self._counting = threading.Lock()
        self._pushes = 0
        self._moved_at = clock.monotonic()
        self.engine = Engine(
            mappings, server, shared, aborted=lambda: self._aborted, disk=seams.disk
        )
        self.engine.known_manifests.moved = self._moved
        self.engine.retired = lambda: self._retired
        self.loops: dict[str, Loop] = {}
        self._steps: list[tuple[Loop, Callable[[], float]]] = []
        self._calendar: Calendar | None = None
        self.rescanners: dict[str, Rescanner] = {}
        self.poller: ServerPoller | None = None
        announce = Announce(progress=self._moved)
        if not orders_only:
            # Loops start in this order: first those that find out what there is to do.
            self.rescanners = {m.name: self._rescanner(m) for m in self.engine.mappings}
            self.poller = self._poller()
            announce = Announce(self.poller.changed_on_server, self._moved)
            if config.notify.is_wanted and On.SERVER_AWAY in config.notify.on:
                self._pulse(self.poller)
            for mapping in self.engine.mappings:
                if mapping.recheck:
                    self._rechecker(mapping)
            if self.engine.actions.any:
                self._actor()
        self._dispatching = self._loop("dispatcher")
        self._pool = seams.pool(self.engine.perform, self._dispatching.wake)
        self.dispatcher = Dispatcher(
            self.engine,
            shared.queue,
            self._pool,
            shared.outcomes,
            config.transfer.windows,
            None if orders_only else self.rescanners,
            announce,
        )
        self._steps.append((self._dispatching, self.dispatcher.step))

    def _loop(self, name: str) -> Loop:
        self.loops[name] = loop = self._seams.loop(name, self._clock)
        return loop

    def _poller(self) -> ServerPoller:
        loop = self._loop("server")
        keep_s, windows = self.config.schedule.keep_history, self.config.transfer.windows
        poller = ServerPoller(self.engine, self._shared.queue, keep_s, loop, windows)
        self._steps.append((loop, poller.step))
        return poller

    def _rescanner(self, mapping: MappingConfig) -> Rescanner:
        loop, schedule = self._loop(f"rescans {mapping.name}"), self.config.schedule
        rescanner = Rescanner(
            self.engine,
            mapping,
            self._shared.queue,
            Pace(schedule.rescan, schedule.rescan_without_events, self._seams.chance),
            lambda: self._seams.watch(mapping, loop.wake),
            loop,
            stop=lambda: self._retired,
        )
        self._steps.append((loop, rescanner.step))
        return rescanner

    def _rechecker(self, mapping: MappingConfig) -> None:
        loop = self._loop(f"rechecks {mapping.name}")
        rechecker = Rechecker(
            self.engine,
            mapping,
            self.rescanners[mapping.name],
            windows=self.config.transfer.windows,
            stop=lambda: self._retired,
            loop=loop,
        )
        self._steps.append((loop, rechecker.step))

    def _pulse(self, poller: ServerPoller) -> None:
        pulse = ServerPulse(
            self.engine, lambda: self._clock.monotonic() - self._moved_at, poller.probe_soon
        )
        self._steps.append((self._loop("pulse"), pulse.step))

    def _actor(self) -> None:
        loop, actions = self._loop("actions"), self.engine.actions
        actions.woken = loop.wake
        self._steps.append((loop, actions.step))

    def start(self, calendar: Callable[[ServerPoller], Calendar] | None = None) -> None:
        """Begin; returns at once.

        Args:
            calendar: Makes the calendar that calls the poller.
        """
        self._shared.queue.changed = self._dispatching.wake
        try:
            for loop, step in self._steps:
                loop.start(step)
        finally:
            self._started = True
        if calendar is not None and self.poller is not None:
            begun = calendar(self.poller)
            begun.start()
            self._calendar = begun

    def wait_for_first_scans(self, longest_s: float) -> bool:
        """Wait until the first scan of every root has begun; false if it takes longer."""
        until = self._clock.monotonic() + longest_s
        for rescanner in self.rescanners.values():
            if not rescanner.began.wait(max(0.0, until - self._clock.monotonic())):
                return False
        return True

    def mirror_soon(self) -> None:
        """Fetch all file lists as soon as possible."""
        if self.poller is not None:
            self.poller.mirror_soon()

    def wake(self) -> None:
        """Let every loop check whether there is something to do."""
        for loop in self.loops.values():
            loop.wake()

    # Orders

    def push(self, order: Order) -> bool:
        """Serve an order to its end, on the calling thread.

        Returns:
            False if the session was retired: the order goes on in the next one.

        Raises:
            JournalError: The journal can no longer be written; what was recorded stays.
        """
        with self._counting:
            if self._retired:  # then it may be closed at any moment
                return False
            self._pushes += 1
        try:
            with self._shared.queue.placed(order):
                self._serve(self.script(order), order)
        except SessionEnded:
            return False
        finally:
            with self._counting:
                self._pushes -= 1
        return True

    def look(self, order: Order) -> None:
        """Only scan and list what an order asks for."""
        self._serve(self._push(order).look(), order)

    def _serve(self, script: Iterator[float], order: Order) -> None:
        for seconds in script:
            self._clock.wait(order.woken, min(seconds, REPORT_EVERY_S))
            order.woken.clear()

    def script(self, order: Order) -> Iterator[float]:
        """The steps of `push`: yields how many seconds to wait unless the order is woken."""
        return self._push(order).script()

    def _push(self, order: Order) -> Push:
        return Push(
            self.engine,
            self._shared.queue,
            order,
            self.config.transfer.windows,
            self._seams.aside,
            lambda: self._retired,
        )

    # Whether it gets on

    def stuck(self) -> str | None:
        """What hangs or has died, so that only a restart helps; None if nothing has.

        A rescanner that hangs does not count: its file system would hang after a restart too.
        """
        for name, loop in self.loops.items():
            if self._started and not loop.alive:
                return name
        if self._calendar is not None and not (self._retired or self._calendar.alive):
            return "calendar"
        for name in ("dispatcher", "server"):
            if name in self.loops and self.loops[name].busy_for() > STUCK_S:
                return name
        still = self._clock.monotonic() - self._moved_at
        limits = self.config.server
        longest_s = limits.stall_timeout + limits.timeout + TRANSFER_STUCK_S
        return "transfers" if not self.dispatcher.idle and still > longest_s else None

    def failing(self) -> str | None:
        """The loop whose steps have failed for so long that its work is not done; None: none."""
        for name, loop in self.loops.items():
            if loop.failing_for() > STUCK_S:
                return name
        return None

    def unseen(self) -> tuple[str, ...]:
        """The mappings where something may have changed that is still to be found."""
        slow = self.slow_rescans()
        return tuple(
            name
            for name, rescanner in self.rescanners.items()
            if not rescanner.has_looked
            or name in slow
            or self.loops[f"rescans {name}"].ailment() is not None
        )

    def slow_rescans(self) -> dict[str, float]:
        """The mappings whose scan makes no progress, and for how many seconds."""
        return {
            name: seconds
            for name in self.rescanners
            if (seconds := self.loops[f"rescans {name}"].busy_for()) > STUCK_S
        }

    def _moved(self) -> None:
        self._moved_at = self._clock.monotonic()
        self._dispatching.beat()

    # Its end

    def retire(self) -> None:
        """Begin nothing new; jobs in flight go on."""
        with self._counting:
            self._retired = True
        self.dispatcher.retiring = True
        if self._calendar is not None:
            self._calendar.stop()
        for loop in self.loops.values():
            if loop is not self._dispatching:
                loop.stop()
        for order in self._shared.queue.orders:
            order.woken.set()
        self._dispatching.hurry()

    def _is_at_rest(self) -> bool:
        return self.dispatcher.at_rest and not self._pushes and self.engine.actions.at_rest

    def finish(self, longest_s: Callable[[], float]) -> bool:
        """Wait for the jobs in flight, and end.

        Args:
            longest_s: Returns how many more seconds to wait, and is called again and again; when
                none are left, running transfers are broken off.

        Returns:
            Whether all of them were finished.
        """
        while not self._is_at_rest() and longest_s() > 0 and not self._aborted:
            self._dispatching.join(min(0.1, longest_s()))
        whole = self._is_at_rest()
        if not whole:
            self.abort()
            self._wait_for_the_aborted()
        self._dispatching.stop()
        self._pool.close(wait=self.dispatcher.at_rest)
        for name, loop in self.loops.items():
            if not loop.join(LOOPS_END_S):
                log.warning("did not end in time", loop=name)
        for rescanner in self.rescanners.values():
            rescanner.close()
        self.engine.known_manifests.close()
        self._server.close()
        return whole

    def _wait_for_the_aborted(self) -> None:
        until = self._clock.monotonic() + ABORT_S
        while not self._is_at_rest() and self._clock.monotonic() < until:
            self._dispatching.join(0.05)

    @contextmanager
    def running(self) -> Iterator[None]:
        """It works while the context is open; at the end, jobs in flight are finished."""
        self.start()
        try:
            yield
        finally:
            self.retire()
            self.finish(lambda: inf)

    def abort(self) -> None:
        """Break all transfers off."""
        self._aborted = True
        self._server.close()  # so that nothing waits for an answer
        self._dispatching.hurry()
