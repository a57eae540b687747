"""Those who tell people outside how the daemon stands, put together."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from aqsync.clock import Clock
from aqsync.service.board import Sampler
from aqsync.service.fleet.writer import Connect, FleetWriter
from aqsync.service.heartbeat import Heartbeat
from aqsync.service.messages.messenger import Messenger
from aqsync.service.metrics.collect import Metrics
from aqsync.service.metrics.textfile import MetricsFile
from aqsync.service.own_facts import OwnFacts, Watched
from aqsync.sync.loop import STUCK_S, Loop

LAST_S = 3.0
"""How long the daemon's end waits for what is told of it; systemd does not wait for ever."""


class Told(Watched, Protocol):
    """The daemon, as far as others are told of it."""

    metrics: Metrics


class Teller(Protocol):
    """One of them."""

    loop: Loop

    def step(self) -> float:
        """Tell once; returns the seconds until the next time."""


class Telling:
    """Messages, signs of life, metrics file, fleet and charts; each has a thread of its own.

    Args:
        daemon: Whose state is told.
        connect: From a configuration to its server.
        clock: The time.
    """

    def __init__(self, daemon: Told, connect: Connect, clock: Clock) -> None:
        self._clock = clock
        facts = OwnFacts(daemon, clock)
        self._messenger = Messenger(daemon, facts, clock)
        self._heartbeat = Heartbeat(daemon, facts, clock)
        self._metrics = MetricsFile(daemon.metrics, lambda: daemon.config.metrics.textfile, clock)
        self._fleet = FleetWriter(daemon, connect, clock)
        self._sampler = Sampler(daemon.board, daemon.journal, clock)

    def start(self) -> None:
        """Begin."""
        for each in self._all():
            each.loop.start(each.step)

    def reloaded(self) -> None:
        """The configuration may be another one: nobody waits as long as the old one said."""
        for each in self._all():
            each.loop.wake()

    def problems(self) -> list[str]:
        """Why somebody cannot be told; no secret stands in it."""
        several = [*self._messenger.problems(), *self._fleet.problems()]
        each_one = [self._heartbeat.problem, self._metrics.problem]
        each_one += [_ailment(each.loop) for each in self._all()]
        return [*several, *(problem for problem in each_one if problem is not None)]

    def _all(self) -> Sequence[Teller]:
        return self._messenger, self._heartbeat, self._metrics, self._fleet, self._sampler

    def begin_end(self, why: str | None) -> None:
        """Tell that the daemon ends, and do not wait for it.

        Args:
            why: Why it ends; None: because somebody told it to.
        """
        for each in self._all():
            each.loop.stop()
        self._messenger.begin_end(why)
        self._fleet.begin_end(why)

    def end(self) -> None:
        """Wait a moment for what is under way, for all of it together."""
        until = self._clock.monotonic() + LAST_S
        self._messenger.end(LAST_S)
        self._fleet.end(max(0.0, until - self._clock.monotonic()))
        for each in self._all():
            each.loop.join(until - self._clock.monotonic())


def _ailment(loop: Loop) -> str | None:
    """Why a loop does not get on, though nothing else says so."""
    if loop.busy_for() > STUCK_S:
        return f"{loop.name} hangs"
    return loop.ailment()
