"""Where a path leads, asked of a file system that may not answer."""

from __future__ import annotations

import os
import threading
from pathlib import Path

from aqsync.paths import absolute

PATIENCE_S = 5.0
"""Seconds that a file system may take to say where a path leads."""

_asking: dict[str, threading.Thread] = {}
"""By path, the thread that still waits for an answer; no second one waits for the same."""


def real_path(path: Path) -> Path:
    """A path with its symbolic links followed; as it is written if that cannot be found out."""
    written = str(absolute(path))
    waiting = _asking.get(written)
    if waiting is not None and waiting.is_alive():
        return Path(written)
    answers: list[str] = []

    def ask() -> None:
        answers.append(os.path.realpath(written))  # resolve() raises where links lead in a loop

    # A daemon thread: what hangs in a dead file system must not keep the process.
    asking = threading.Thread(target=ask, name="real path", daemon=True)
    asking.start()
    asking.join(PATIENCE_S)
    if answers:
        _asking.pop(written, None)
        return Path(answers[0])
    _asking[written] = asking
    return Path(written)
