"""How long the whole of an answer may take."""

from __future__ import annotations

import time
from collections.abc import Callable
from math import inf
from typing import Self

SLOWEST_BYTES_PER_SECOND = 1024
_MOST_AHEAD_SECONDS = 60.0


class AnswerTimeout(float):
    """The limit of one answer, which is given to every read of it as its timeout.

    As a number it is the longest time in seconds in which nothing comes. That alone would let an
    answer drip for ever, a byte at a time. So there are limits for the answer as a whole:

    - The head has to be complete within this time after the request was sent.
    - The body has this time too. Each byte that comes extends it by the time that the byte takes on
      the slowest line, 1 KiB/s, but to no more than a minute from now: an answer that begins
      quickly cannot drip for hours afterwards.
    - The body of a download has no limit as a whole.

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
