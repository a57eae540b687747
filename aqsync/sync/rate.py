"""A limit on how fast all transfers together may go."""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator, Iterable, Iterator

from aqsync.clock import Clock
from aqsync.errors import Interrupted

_PIECE_S = 0.05
_LEAST_PIECE = 512
_MOST_PIECE = 64 * 1024
_BURST_S = 0.1
"""At most this much unused time is made up for; else the limit would not hold after a pause."""
_CHUNK_S = 0.5
_LOOK_UP_S = 0.1


class RateLimit:
    """Gives threads that send or receive their turns, piece by piece.

    A thread gets one small piece at a time, so each has its share of the rate. Only the monotonic
    clock counts.

    Args:
        bytes_per_s: The rate; None for no limit. It may be changed at any time.
        clock: The time.
    """

    def __init__(self, bytes_per_s: float | None, clock: Clock) -> None:
        self.bytes_per_s = bytes_per_s
        self._clock = clock
        self._lock = threading.Lock()
        self._free_at = 0.0
        """When the turns given so far will be over, by the monotonic clock."""
        self._never = threading.Event()

    def paced(self, chunk: bytes, aborted: Callable[[], bool]) -> Iterator[bytes]:
        """Give out a chunk in small pieces, each when it may be sent.

        Args:
            chunk: What is to be sent.
            aborted: Asked ten times a second while waiting.

        Raises:
            Interrupted: `aborted` was true.
        """
        start = 0
        while start < len(chunk):
            size = self._turn(len(chunk) - start, aborted)
            yield chunk if size == len(chunk) else chunk[start : start + size]
            start += size

    def pay(self, size: int, aborted: Callable[[], bool]) -> None:
        """Wait until this many bytes may have been received.

        Raises:
            Interrupted: `aborted` was true.
        """
        while size > 0:
            size -= self._turn(size, aborted)

    def chunk(self, most: int) -> int:
        """The bytes of about half a second, and at most `most`."""
        rate = self.bytes_per_s
        return most if rate is None else max(1, min(most, int(rate * _CHUNK_S)))

    def _turn(self, wanted: int, aborted: Callable[[], bool]) -> int:
        """Wait for a turn; returns how many of the wanted bytes it allows."""
        rate = self.bytes_per_s
        if rate is None:
            return wanted
        size = min(wanted, _MOST_PIECE, max(_LEAST_PIECE, int(rate * _PIECE_S)))
        with self._lock:
            begin = max(self._free_at, self._clock.monotonic() - _BURST_S)
            self._free_at = begin + size / rate
        while (left := begin - self._clock.monotonic()) > 0:
            if aborted():
                raise Interrupted("interrupted")
            self._clock.wait(self._never, min(left, _LOOK_UP_S))
        return size


def received(
    chunks: Iterable[bytes], rate: RateLimit | None, aborted: Callable[[], bool]
) -> Generator[bytes, None, None]:
    """Pass on what comes from the server, as fast as it may come.

    Args:
        chunks: What comes.
        rate: The limit; None: there is none.
        aborted: Asked before each chunk is passed on.

    Raises:
        Interrupted: `aborted` was true.
    """
    for chunk in chunks:
        if aborted():
            raise Interrupted("interrupted")
        if rate is not None:
            rate.pay(len(chunk), aborted)
        yield chunk
