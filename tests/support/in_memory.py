"""A folder in memory, for files whose durability no test needs: nothing waits for a disk there.

``python -m tests.support.in_memory`` prints it, or nothing; `make test` puts the files of its tests
there.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

_ROOM = 2 << 30
"""Bytes; the tests of every day need half of it."""


def folder_in_memory() -> Path | None:
    """Where a system has one, with room, and with programs allowed to run from it."""
    memory = Path("/dev/shm")
    try:
        found = os.statvfs(memory)
    except OSError:
        return None
    fits = found.f_bavail * found.f_frsize >= _ROOM and os.access(memory, os.W_OK | os.X_OK)
    return memory if fits and not found.f_flag & os.ST_NOEXEC else None


if __name__ == "__main__":
    sys.stdout.write(str(folder_in_memory() or ""))
