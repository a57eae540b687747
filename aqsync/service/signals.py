"""Signals as something to wait for, so that nothing happens inside a handler."""

from __future__ import annotations

import contextlib
import select
import signal
import socket
from collections.abc import Iterable
from types import FrameType
from typing import Self


class Signals:
    """Collects signals between `__enter__` and `__exit__`; on the main thread only.

    Args:
        numbers: Which signals.
    """

    def __init__(self, numbers: Iterable[signal.Signals]) -> None:
        self._numbers = tuple(numbers)

    def __enter__(self) -> Self:
        self._receiver, self._sender = socket.socketpair()
        self._receiver.setblocking(False)
        self._sender.setblocking(False)
        self._fd_before = signal.set_wakeup_fd(self._sender.fileno(), warn_on_full_buffer=False)
        self._before = {number: signal.signal(number, _nothing) for number in self._numbers}
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
        signal.set_wakeup_fd(self._fd_before)
        self._receiver.close()
        self._sender.close()

    def wait(self, seconds: float) -> list[int]:
        """The signals that have come, after at most so many seconds; none: the time is up."""
        select.select([self._receiver], [], [], seconds)
        with contextlib.suppress(BlockingIOError):
            return list(self._receiver.recv(256))
        return []


def _nothing(_number: int, _frame: FrameType | None) -> None:
    """Python writes the signal's number to the wakeup descriptor by itself."""
