"""Asks the server for next to nothing, often, so that people hear soon that it is away.

Without it an outage is met only when files or lists want to travel, and its end when the next
probe is due, which may be a quarter of an hour later. It is only used where people want to be told.
"""

from __future__ import annotations

from collections.abc import Callable

from aqsync.journal.pauses import EVERYTHING
from aqsync.sync.engine import Engine

EVERY_S = 15.0


class ServerPulse:
    """One session's.

    Args:
        engine: Asks.
        still_s: For how many seconds no transfer has moved: while one moves, nothing is asked.
        probe_soon: Called when the server answers again.
    """

    def __init__(
        self, engine: Engine, still_s: Callable[[], float], probe_soon: Callable[[], None]
    ) -> None:
        self._engine = engine
        self._still_s = still_s
        self._probe_soon = probe_soon
        self._silent = False

    def step(self) -> float:
        """Ask, if there is reason to; returns the seconds until the next time."""
        journal, now_ns = self._engine.journal, self._engine.clock.now_ns()
        problem = journal.remote.server_problem()
        if EVERYTHING in journal.pauses.active(now_ns):
            return EVERY_S
        if problem is None and self._still_s() < EVERY_S:
            return EVERY_S
        if problem is not None and (problem.denied or problem.ordered):
            return EVERY_S  # it answers, and has said what it wants
        if not self._engine.answers():
            self._silent = True
        elif self._silent:
            # Once: a server that answers this and not the probe keeps the pauses between probes.
            self._silent = False
            self._probe_soon()
        return EVERY_S
