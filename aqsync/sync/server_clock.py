"""Estimates the server's clock by the dates of its answers."""

from __future__ import annotations

import threading
from typing import NamedTuple

from aqsync.clock import Clock

_MARGIN_S = 0.05
"""Clocks drift, and a file system stamps a file by a clock that ticks."""
_DATED_BEFORE_S = 2.0
"""A date has whole seconds, and some servers renew it only once a second."""
_LATE_S = 1.0
"""A busy server renews it later than that. If dates contradict each other by at most this, the
latest one is right to a second."""
_KEEP_S = 600.0
"""How often the bounds are learned again, as the server's clock may have been set."""


class _Bounds(NamedTuple):
    """Bounds of the server's time minus the monotonic clock here, in seconds."""

    least: float
    most: float


class ServerClock:
    """Bounds of the server's time at any moment; usable from several threads.

    Each dated answer narrows them. If the server's clock is set, the bounds contradict each other
    by far, and learning begins again.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._now: _Bounds | None = None
        self._next: _Bounds | None = None
        self._next_since = 0.0

    def heard(self, date_s: float, asked: float) -> None:
        """An answer has just come.

        Args:
            date_s: Its date, seconds since 1970.
            asked: When its request began, by the monotonic clock.
        """
        answered = self._clock.monotonic()
        heard = _Bounds(date_s - answered, date_s + _DATED_BEFORE_S - asked)
        with self._lock:
            self._now = _both(self._now, heard)
            if self._next is None or answered - self._next_since > _KEEP_S:
                self._now, self._next = self._next or self._now, heard
                self._now = _both(self._now, heard)
                self._next_since = answered
            else:
                self._next = _both(self._next, heard)

    def earliest(self, at: float) -> float | None:
        """The earliest time it can have shown at a moment of the monotonic clock; None: unknown."""
        bounds = self._now
        return None if bounds is None else at + bounds.least - _MARGIN_S

    def latest(self, at: float) -> float | None:
        """The latest time it can have shown at a moment of the monotonic clock; None: unknown."""
        bounds = self._now
        if bounds is None:
            return None
        return at + max(bounds.most, bounds.least + _LATE_S) + _MARGIN_S


def _both(known: _Bounds | None, heard: _Bounds) -> _Bounds:
    """The intersection of both; if there is none, the clock was set, and the newer one counts."""
    if known is None:
        return heard
    both = _Bounds(max(known.least, heard.least), min(known.most, heard.most))
    return both if both.least <= both.most + _LATE_S else heard
