"""What the first and the second signal do to a command that works for a while."""

from __future__ import annotations

import signal
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

from aqsync.cli.output import complain_from_signal

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


@contextmanager
def interruptible(
    first: Callable[[], None], second: Callable[[], None], promise: str
) -> Iterator[None]:
    """Take signals in hand.

    Args:
        first: Done at the first signal.
        second: Done at every later one.
        promise: What the first does, for the person who sent it.
    """
    hears, tells = socket.socketpair()
    tells.setblocking(False)

    def listen() -> None:
        action = first
        while number := hears.recv(1):
            if number[0] not in _SIGNALS:
                continue
            _elsewhere(action)
            if action is first:
                complain_from_signal(f"{signal.Signals(number[0]).name}: {promise}")
            action = second

    # Python's own handlers run on the main thread alone. A signal that comes just before that
    # thread begins to wait for another one does not wake it; so they are told to a thread too.
    listener = threading.Thread(target=listen, name="signals", daemon=True)
    listener.start()
    before = {number: signal.signal(number, _heard_elsewhere) for number in _SIGNALS}
    told_before = signal.set_wakeup_fd(tells.fileno(), warn_on_full_buffer=False)
    try:
        yield
    finally:
        signal.set_wakeup_fd(told_before)
        for number, handler in before.items():
            signal.signal(number, handler)
        tells.close()
        listener.join()
        hears.close()


def _heard_elsewhere(_number: int, _frame: FrameType | None) -> None:
    """Without a handler there would be nothing to tell."""


def _elsewhere(action: Callable[[], None]) -> None:
    """Not on the thread that listens: one action may hang, and the next must be done then."""
    threading.Thread(target=action, daemon=True).start()
