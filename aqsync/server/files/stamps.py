"""Times for stored files: a client knows a version of a file by its time alone."""

from __future__ import annotations

import errno
import os
import threading
import time
from collections import deque

_REMEMBERED = 4096
_STEPS_US = tuple(10**power for power in range(8))
"""Up to 10 s: some file systems keep times to 2 s only."""


class Stamps:
    """Gives each stored file a time that no recent file got. Any thread may call."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._given: deque[int] = deque()
        self._recent: set[int] = set()

    def next(self, after: int | None) -> int:
        """Return the present time in microseconds since 1970, or the first free one after it.

        A file that was removed and comes back has no earlier version to be compared with, and the
        clock may be set back; so the last 4,096 times are remembered, and not given again.

        Args:
            after: The time is later than this.
        """
        # Finer than the kernel's own stamp, which two uploads within some milliseconds share.
        wanted = time.time_ns() // 1000
        if after is not None:
            wanted = max(wanted, after + 1)
        with self._lock:
            while wanted in self._recent:
                wanted += 1
            self._recent.add(wanted)
            self._given.append(wanted)
            if len(self._given) > _REMEMBERED:
                self._recent.remove(self._given.popleft())
        return wanted


def stamp(descriptor: int, stamps: Stamps, after: int | None) -> int:
    """Give an open file a time later than `after`, as the file system can hold it.

    Args:
        descriptor: The file.
        stamps: Where times come from.
        after: In microseconds since 1970; None for no limit.

    Returns:
        The time that the file now has, in microseconds since 1970.

    Raises:
        OSError: The file system has no later time.
    """
    for step in (0, *_STEPS_US):
        wanted = stamps.next(None if after is None else after + step)
        os.utime(descriptor, ns=(wanted * 1000, wanted * 1000))
        got = os.fstat(descriptor).st_mtime_ns // 1000
        if after is None or got > after:
            return got
    raise OSError(errno.EOVERFLOW, "the file system has no later time than that of the file there")


def stamp_as(descriptor: int, time: int) -> int:
    """Give an open file a time that it has elsewhere, as the file system can hold it.

    Args:
        descriptor: The file.
        time: In microseconds since 1970.

    Returns:
        The time that the file now has, in microseconds since 1970.
    """
    os.utime(descriptor, ns=(time * 1000, time * 1000))
    return os.fstat(descriptor).st_mtime_ns // 1000
