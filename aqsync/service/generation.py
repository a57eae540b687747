"""A generation: all that works by one configuration, from its start to its retirement.

A new configuration begins a new generation. The old one begins nothing more; uploads that it has
under way come to their end beside the new one's, which the claims on files keep from doing the
same work.
"""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from aqsync.aqueduct.server import Server
from aqsync.clock import Clock
from aqsync.config import Config, Mapping
from aqsync.journal import Journal
from aqsync.local.errands import Errands
from aqsync.local.watcher import Watcher
from aqsync.log import Log
from aqsync.service.calendar import Calendar
from aqsync.sync.claims import Claims
from aqsync.sync.delivery import Delivery, UnderWay
from aqsync.sync.engine import Engine
from aqsync.sync.lanes import Lanes
from aqsync.sync.lookout import Lookout, Pace
from aqsync.sync.loop import Loop
from aqsync.sync.rate import RateLimit
from aqsync.sync.ready import Ready
from aqsync.sync.rechecker import Rechecker
from aqsync.sync.tally import Tally
from aqsync.sync.upkeep import Upkeep

STUCK_S = 150.0
"""A loop that has got nothing done for so long within one step hangs."""
TRANSFER_STUCK_S = 60.0
"""So much longer than a stalled transfer is given, and nothing moves: transfers hang."""
ABORT_S = 2.0
"""What does not even end so long after it was broken off hangs in a file system."""
LOOPS_END_S = 1.0
"""A loop that does not end so soon after it was told to is left to itself."""

log = Log(__name__)


@dataclass(frozen=True, slots=True)
class Common:
    """What outlives a configuration."""

    journal: Journal
    clock: Clock
    claims: Claims
    rate: RateLimit
    tally: Tally
    errands: Errands


class Generation:
    """The engine and the loops of one configuration.

    Args:
        config: Which.
        server: This one's own; closed with it.
        common: What is the same for all generations.
    """

    def __init__(self, config: Config, server: Server, common: Common) -> None:
        self.config = config
        self._clock = clock = common.clock
        self._server = server
        self._aborted = False
        self._retired = False
        self._counting = threading.Lock()
        self._pushes = 0
        self.engine = Engine(
            config.mappings,
            common.journal,
            server,
            clock,
            aborted=lambda: self._aborted,
            claims=common.claims,
            rate=common.rate,
            errands=common.errands,
        )
        self._delivery_loop = Loop("delivery", clock)
        self._upkeep_loop = Loop("upkeep", clock)
        self._lookout_loops = {m.name: Loop(f"lookout {m.name}", clock) for m in config.mappings}
        self.ready = ready = Ready()
        self._lanes = Lanes(self.engine.perform, self._delivery_loop.wake)
        self.upkeep = Upkeep(
            self.engine,
            ready,
            config.schedule.keep_history,
            delivered=self._delivery_loop.wake,
            wake=self._upkeep_loop.wake,
            beat=self._upkeep_loop.beat,
        )
        self.lookouts = {name: self._lookout(name, ready) for name in self._lookout_loops}
        self._rechecker_loops = {
            m.name: Loop(f"rechecks {m.name}", clock) for m in config.mappings if m.recheck
        }
        self._moved_at = clock.monotonic()
        self.delivery = Delivery(
            self.engine,
            ready,
            self._lanes,
            looks=self.lookouts,
            windows=config.transfer.windows,
            acted=self.upkeep.acted,
            tally=common.tally,
            beat=self._moved,
        )
        self._calendar = Calendar(config.schedule, self.upkeep.mirror_soon, self.upkeep.clean_soon)
        self._driving = common.claims.driver()

    def _lookout(self, name: str, ready: Ready) -> Lookout:
        loop = self._lookout_loops[name]
        [mapping] = [m for m in self.config.mappings if m.name == name]
        schedule = self.config.schedule
        return Lookout(
            self.engine,
            mapping,
            ready,
            Pace(schedule.rescan, schedule.rescan_without_events),
            lambda: Watcher(mapping.directory, loop.wake),
            delivered=self._delivery_loop.wake,
            wake=loop.wake,
            beat=loop.beat,
            stop=lambda: self._retired,
            chance=random.Random(),  # noqa: S311 - spreads load, hides nothing
        )

    def _rechecker(self, mapping: Mapping, loop: Loop) -> Rechecker:
        return Rechecker(
            self.engine,
            mapping,
            self.lookouts[mapping.name],
            windows=self.config.transfer.windows,
            stop=lambda: self._retired,
            beat=loop.beat,
        )

    def start(self) -> None:
        """Begin; returns at once."""
        self._driving.__enter__()
        for name, loop in self._lookout_loops.items():
            loop.start(self.lookouts[name].step)
        self._delivery_loop.start(self.delivery.step)
        self._upkeep_loop.start(self.upkeep.step)
        for mapping in self.config.mappings:
            if (rechecks := self._rechecker_loops.get(mapping.name)) is not None:
                rechecks.start(self._rechecker(mapping, rechecks).step)
        self._calendar.start()

    def wait_for_first_scans(self, longest_s: float) -> bool:
        """Wait until every root is being looked at, with its watches in place; false if not yet."""
        until = self._clock.monotonic() + longest_s
        for lookout in self.lookouts.values():
            if not lookout.began.wait(max(0.0, until - self._clock.monotonic())):
                return False
        return True

    def wake(self) -> None:
        """Something from outside may have changed what there is to do."""
        for loop in self._loops():
            loop.wake()

    def under_way(self) -> list[UnderWay]:
        """The transfers that run now."""
        return self.delivery.under_way()

    def stuck(self) -> str | None:
        """What hangs so that only a new start can help; None if nothing does.

        A lookout does not count: what hangs there is a file system, and would hang again.
        """
        for loop in (self._delivery_loop, self._upkeep_loop):
            if loop.busy_for() > STUCK_S:
                return loop.name
        still = self._clock.monotonic() - self._moved_at
        limits = self.config.server
        if self.under_way() and still > limits.stall_timeout + limits.timeout + TRANSFER_STUCK_S:
            return "transfers"
        return None

    def slow_lookouts(self) -> dict[str, float]:
        """By mapping, for how many seconds a look at its disk has got nowhere, if very long."""
        return {
            name: seconds
            for name, loop in self._lookout_loops.items()
            if (seconds := loop.busy_for()) > STUCK_S
        }

    def retire(self) -> None:
        """Begin nothing more; what is under way goes on."""
        self._retired = True
        self.delivery.retiring = True
        self._calendar.stop()
        for loop in self._loops():
            if loop is not self._delivery_loop:
                loop.stop()
        self._delivery_loop.hurry()

    @contextmanager
    def pushing(self) -> Iterator[Engine]:
        """Within, its engine is driven by a push too, and it does not end."""
        with self._counting:
            self._pushes += 1
        try:
            yield self.engine
        finally:
            with self._counting:
                self._pushes -= 1

    def _is_at_rest(self) -> bool:
        return self.delivery.at_rest and not self._pushes

    def finish(self, longest_s: Callable[[], float]) -> bool:
        """Wait until what was under way has ended, and end.

        Args:
            longest_s: Asked again and again for how many seconds more to wait; when none are
                left, running transfers are broken off.

        Returns:
            Whether everything under way came to its end.
        """
        while not self._is_at_rest() and longest_s() > 0 and not self._aborted:
            self._delivery_loop.join(min(0.1, longest_s()))
        whole = self._is_at_rest()
        if not whole:
            self.abort()
            self._wait_for_the_aborted()
        self._delivery_loop.stop()
        self._lanes.close(wait=self.delivery.at_rest)
        for loop in self._loops():
            if not loop.join(LOOPS_END_S):
                log.warning("did not end in time", loop=loop.name)
        for lookout in self.lookouts.values():
            lookout.close()
        self._server.close()
        self._driving.__exit__(None, None, None)
        return whole

    def _wait_for_the_aborted(self) -> None:
        until = self._clock.monotonic() + ABORT_S
        while not self._is_at_rest() and self._clock.monotonic() < until:
            self._delivery_loop.join(0.05)

    def abort(self) -> None:
        """Break everything off."""
        self._aborted = True
        self._server.close()  # whoever waits for an answer asks for nothing else

    def _moved(self) -> None:
        self._moved_at = self._clock.monotonic()
        self._delivery_loop.beat()

    def _loops(self) -> tuple[Loop, ...]:
        return (
            *self._lookout_loops.values(),
            *self._rechecker_loops.values(),
            self._delivery_loop,
            self._upkeep_loop,
        )
