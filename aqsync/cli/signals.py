"""What the first and the second signal do to a command that works for a while."""

from __future__ import annotations

import signal
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
    signals = 0

    def interrupted(number: int, _frame: FrameType | None) -> None:
        nonlocal signals
        signals += 1
        _elsewhere(first if signals == 1 else second)
        if signals == 1:
            complain_from_signal(f"{signal.Signals(number).name}: {promise}")

    before = {number: signal.signal(number, interrupted) for number in _SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _elsewhere(action: Callable[[], None]) -> None:
    """Not on the thread that a signal interrupts: it may hold the very lock that is needed."""
    threading.Thread(target=action, daemon=True).start()
