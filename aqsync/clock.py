"""Injected time: what reads the time or waits takes a `Clock`, so that a test can replace it."""

from __future__ import annotations

import threading
import time
from typing import Protocol


class Clock(Protocol):
    """Two clocks and a way to wait."""

    def now_ns(self) -> int:
        """Wall-clock time in nanoseconds since 1970; may jump either way."""
        ...

    def monotonic(self) -> float:
        """Seconds since some fixed moment; never goes back."""
        ...

    def wait(self, stop: threading.Event, seconds: float) -> bool:
        """Wait until `stop` is set or `seconds` have passed; true if it is set."""
        ...


class SystemClock:
    """The clocks of this machine."""

    def now_ns(self) -> int:
        """Wall-clock time in nanoseconds since 1970."""
        return time.time_ns()

    def monotonic(self) -> float:
        """Seconds of the system's monotonic clock."""
        return time.monotonic()

    def wait(self, stop: threading.Event, seconds: float) -> bool:
        """Wait until `stop` is set or `seconds` have passed; true if it is set."""
        return stop.wait(max(0.0, seconds))
