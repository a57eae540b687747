"""Asking again and again until something is so."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import NamedTuple, TypeVar

from aqsync.errors import ServerFailed, ServerUnreachable

_T = TypeVar("_T")

FIRST_PAUSE_S = 0.1
LONGEST_PAUSE_S = 5.0
_GROWTH = 1.5
OUTAGE_S = 120.0
"""How long polling goes on while the server fails or cannot be reached, as when it restarts."""


class Clock(NamedTuple):
    """How time passes."""

    monotonic: Callable[[], float]
    sleep: Callable[[float], None]


SYSTEM_CLOCK = Clock(time.monotonic, time.sleep)


def poll(
    look: Callable[[], _T],
    ended: Callable[[_T, float], bool],
    timeout: float | None,
    clock: Clock,
) -> _T | None:
    """Look until what is seen is the end; pauses begin at 0.1 s and grow to 5 s.

    Args:
        look: What looks.
        ended: Whether what was seen is the end; it is also told how many seconds have passed.
        timeout: Give up after so many seconds, but not before one look; None never does.
        clock: How time passes.

    Returns:
        What was seen last, or None if `timeout` came first.

    Raises:
        ServerUnreachable, ServerFailed: The server has not answered well for two minutes, or was
            not answering when `timeout` came. Other errors of `look` pass through at once.
    """
    start = clock.monotonic()
    failing_since: float | None = None
    pause = FIRST_PAUSE_S
    while True:
        try:
            seen = look()
        except (ServerUnreachable, ServerFailed):
            now = clock.monotonic()
            failing_since = now if failing_since is None else failing_since
            if now - failing_since >= OUTAGE_S or _spent(timeout, now - start):
                raise
        else:
            failing_since = None
            passed = clock.monotonic() - start
            if ended(seen, passed):
                return seen
            if _spent(timeout, passed):
                return None
        left = None if timeout is None else timeout - (clock.monotonic() - start)
        clock.sleep(pause if left is None else max(0.0, min(pause, left)))
        pause = min(pause * _GROWTH, LONGEST_PAUSE_S)


def _spent(timeout: float | None, passed: float) -> bool:
    return timeout is not None and passed >= timeout
