"""Counts the files that get their name in one folder, each time that one does."""

from __future__ import annotations

import ctypes
import os
import struct
from collections import Counter
from pathlib import Path
from typing import Self

from bench.processes import BenchError

_MOVED_TO = 0x80
_OVERFLOW = 0x4000
_EVENT = struct.Struct("iIII")
_AT_ONCE = 1 << 20


class Arrivals:
    """Counts renames into a folder, which is how the embedded server takes an upload in.

    The kernel counts between `__enter__` and `__exit__`, and keeps some 16,000 until they are
    read. Linux only.

    Args:
        folder: Which.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._times: Counter[bytes] = Counter()
        self._descriptor = -1

    def __enter__(self) -> Self:
        library = ctypes.CDLL(None, use_errno=True)
        self._descriptor = library.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
        if library.inotify_add_watch(self._descriptor, os.fsencode(self._folder), _MOVED_TO) < 0:
            raise BenchError(f"{self._folder}: inotify: {os.strerror(ctypes.get_errno())}")
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._descriptor)

    def read(self) -> Counter[bytes]:
        """How often each name has arrived up to now.

        Raises:
            BenchError: It was not asked often enough, and some are lost.
        """
        while True:
            try:
                events = os.read(self._descriptor, _AT_ONCE)
            except BlockingIOError:
                return self._times
            start = 0
            while start < len(events):
                _, mask, _, length = _EVENT.unpack_from(events, start)
                start += _EVENT.size + length
                if mask & _OVERFLOW:
                    raise BenchError(f"{self._folder}: more files at once than could be counted")
                self._times[events[start - length : start].rstrip(b"\0")] += 1
