"""The clock that all servers of one database share: the database's own."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from aqsync.server.catalog.database import DatabaseAway

_AGAIN_US = 60 * 1_000_000


class SharedClock:
    """Tells the time of a database without asking it each time. Any thread may call.

    The clocks of machines may be hours apart, or be set while a server runs.

    Args:
        ask: Asks the database for its time, in microseconds since 1970.
        steady: Tells the time since any moment, in microseconds.
    """

    def __init__(self, ask: Callable[[], int], steady: Callable[[], int] | None = None) -> None:
        self._ask = ask
        self._steady = steady or _steady
        self._lock = threading.Lock()
        self._ahead = 0
        self._asked_at: int | None = None

    def now(self) -> int:
        """Return the time in microseconds since 1970.

        Raises:
            DatabaseAway: It cannot be reached, and never was.
        """
        with self._lock:
            steady = self._steady()
            if self._asked_at is None or steady - self._asked_at >= _AGAIN_US:
                self._look(steady)
            return steady + self._ahead

    def _look(self, steady: int) -> None:
        try:
            self._ahead = self._ask() - steady
        except DatabaseAway:
            if self._asked_at is None:
                raise
            # What it was ahead then is nearly what it is ahead now.
        self._asked_at = steady


def _steady() -> int:
    # Where there is one, the clock that goes on while the machine sleeps.
    clock = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
    return time.clock_gettime_ns(clock) // 1000
