"""How much room a disk has left."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import NamedTuple

from aqsync.wording import size_text

LITTLE = 1 << 30
"""Bytes free under which people are warned."""


class Room(NamedTuple):
    """What is free for this user."""

    free: int
    """Bytes."""
    entries: int | None
    """How many files more it takes; None: as many as fit."""

    @property
    def is_little(self) -> bool:
        """Whether people should know."""
        return self.free < LITTLE or self.entries == 0

    @property
    def text(self) -> str:
        """What to say of the disk."""
        if self.entries == 0:
            return "takes no more files: it has no free inodes"
        return f"has {size_text(self.free)} free"


def room_at(place: Path) -> Room:
    """How much there is on a path's disk.

    Raises:
        OSError: It cannot be asked.
    """
    if os.name != "posix":
        return Room(shutil.disk_usage(place).free, None)
    found = os.statvfs(place)
    return Room(found.f_bavail * found.f_frsize, found.f_favail if found.f_files else None)
