"""How long the whole of an answer may take."""

from __future__ import annotations

import time
from collections.abc import Callable
from math import inf
from typing import Self

SLOWEST_BYTES_PER_SECOND = 1024
_MOST_AHEAD_SECONDS = 60.0


class Patience(float):
    """The limit of one answer. It passes through httpcore as the timeout of every read.

    As a number it is the longest time in seconds without anything. Within it an answer could
    still drip for ever, a byte at a time, so there is more:

    - The head has to be whole within this time after the request went out.
    - The body may take this time, and more as bytes come: what they take on the slowest line that
      is believed in. No more than a minute of that is saved up, so that an answer which begins
      quickly cannot drip for hours afterwards.
    - The body of a download may take as long as it takes.

    Args:
        seconds: The time.
        clock: A monotonic clock in seconds.
    """

    _clock: Callable[[], float]

    def __new__(cls, seconds: float, clock: Callable[[], float] = time.monotonic) -> Self:
        """Make the number, and what counts the time."""
        made = super().__new__(cls, seconds)
        made._clock = clock
        made.begin()
        return made

    def begin(self) -> None:
        """A request has gone out; the time begins with the first wait for its answer."""
        self._until: float | None = None
        self._is_body = False

    def begin_body(self, *, of_any_length: bool) -> None:
        """The head has come; the body's time begins with the first wait for it."""
        self._until = inf if of_any_length else None
        self._is_body = True

    def came(self, count: int) -> None:
        """Take note of so many bytes."""
        if self._is_body and self._until is not None:
            most = self._clock() + max(self, _MOST_AHEAD_SECONDS)
            later = self._until + count / SLOWEST_BYTES_PER_SECOND
            self._until = max(self._until, min(later, most))

    def next_wait(self) -> float:
        """Return how many seconds the next read may wait.

        Less than the number itself is what is left of the whole answer's time; at 0 what has come
        already may still be read.
        """
        now = self._clock()
        if self._until is None:
            self._until = now + self
            return float(self)
        return max(0.0, min(float(self), self._until - now))
