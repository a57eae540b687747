"""Waiting for a turn that others may hold for long, since they talk to the server meanwhile."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

_BEAT_S = 1.0


@contextmanager
def turn(lock: threading.Lock, beat: Callable[[], object]) -> Iterator[None]:
    """Hold a lock.

    Args:
        lock: Which.
        beat: Called once a second while another thread holds it: who waits does not hang.
    """
    while not lock.acquire(timeout=_BEAT_S):
        beat()
    try:
        yield
    finally:
        lock.release()
