"""Signals: what they do to a command that takes long, or that asks a question."""

from __future__ import annotations

import select
import signal
import socket
import sys
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
    """Handle SIGINT and SIGTERM within the block.

    Args:
        first: What to do at the first signal.
        second: What to do at every later one.
        promise: What the first does, printed for the person who sent it.
    """
    receiver, sender = socket.socketpair()
    sender.setblocking(False)

    def listen() -> None:
        action = first
        while number := receiver.recv(1):
            if number[0] not in _SIGNALS:
                continue
            _start(action)
            if action is first:
                complain_from_signal(f"{signal.Signals(number[0]).name}: {promise}")
            action = second

    # Python runs handlers on the main thread only. A signal that arrives just before that thread
    # begins to wait does not wake it, so a thread of its own receives the signals too.
    listener = threading.Thread(target=listen, name="signals", daemon=True)
    listener.start()
    before = {number: signal.signal(number, _received_elsewhere) for number in _SIGNALS}
    sender_before = signal.set_wakeup_fd(sender.fileno(), warn_on_full_buffer=False)
    try:
        yield
    finally:
        signal.set_wakeup_fd(sender_before)
        for number, handler in before.items():
            signal.signal(number, handler)
        sender.close()
        listener.join()
        receiver.close()


def wait_for_input() -> None:
    """Wait until there is a line on stdin, or a signal has come, whose handler then runs.

    A signal that arrives just before `read` begins does not end it: Ctrl-C would not be heard.
    """
    receiver, sender = socket.socketpair()
    with receiver, sender:
        sender.setblocking(False)
        before = signal.set_wakeup_fd(sender.fileno(), warn_on_full_buffer=False)
        try:
            select.select([sys.stdin, receiver], [], [])
        finally:
            signal.set_wakeup_fd(before)


def _received_elsewhere(_number: int, _frame: FrameType | None) -> None:
    """Python passes on only signals that have a handler."""


def _start(action: Callable[[], None]) -> None:
    """Use another thread than the listener: if an action hangs, the next signal still counts."""
    threading.Thread(target=action, daemon=True).start()
