"""Time that a test owns."""

from __future__ import annotations

import threading
from collections.abc import Callable

SECOND_NS = 1_000_000_000
START_NS = 1_795_428_000 * SECOND_NS
"""2026-11-23 10:00 UTC."""


class FakeClock:
    """Stands still until somebody waits; then both clocks jump ahead and nobody sleeps.

    Attributes:
        waits: How long each wait was, in seconds.
        while_waiting: Called in each wait, after time has passed, with the seconds.
    """

    def __init__(self, now_ns: int = START_NS) -> None:
        self.waits: list[float] = []
        self.while_waiting: Callable[[float], None] = lambda _seconds: None
        self._now_ns = now_ns
        self._monotonic = 1000.0

    def now_ns(self) -> int:
        return self._now_ns

    def monotonic(self) -> float:
        return self._monotonic

    def wait(self, stop: threading.Event, seconds: float) -> bool:
        if stop.is_set():
            return True
        seconds = max(0.0, seconds)
        assert seconds <= 31 * 86_400, f"nobody waits for {seconds} s"
        self.waits.append(seconds)
        self.advance(seconds)
        self.while_waiting(seconds)
        return stop.is_set()

    def advance(self, seconds: float) -> None:
        """Time passes."""
        self._now_ns += round(seconds * SECOND_NS)
        self._monotonic += seconds

    def set_back(self, seconds: float) -> None:
        """Somebody corrects the wall clock; negative: forward."""
        self._now_ns -= int(seconds * SECOND_NS)
