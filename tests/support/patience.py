"""How long a test waits: until it happens. The one limit here is for what hangs.

How fast a machine is says nothing about the program, so no test asserts how long something took:
it shows what happened instead, or in which order, or counts on a clock that is put in.
"""

from __future__ import annotations

import time
from collections.abc import Callable

HANG_S = 300.0
"""Seconds that only a hang takes, however busy the machine is: the limit of every single wait."""


def wait_until(condition: Callable[[], object], what: str | Callable[[], object]) -> None:
    """Wait until something is so.

    Args:
        condition: Asked again and again.
        what: What is waited for, for the message if it never comes.

    Raises:
        AssertionError: It is not so after `HANG_S`.
    """
    until, pause = time.monotonic() + HANG_S, 0.005
    while not condition():
        if time.monotonic() >= until:
            raise AssertionError(f"in vain waited for: {what() if callable(what) else what}")
        time.sleep(pause)  # asking is work too
        pause = min(1.5 * pause, 0.3)
