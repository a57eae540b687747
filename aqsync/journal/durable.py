"""Surviving a power loss: what SQLite has committed is synced to the disk when that matters.

SQLite commits to the write-ahead log, and the system writes that to the disk within half a minute.
Syncing at every upload would make uploads of small files much slower.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from pathlib import Path

SYNC_EVERY_S = 1.0
"""A power loss costs at most the commits of about this many seconds."""

_sync = getattr(os, "fdatasync", os.fsync)


class Durable:
    """Syncs the log of one journal; usable from several threads, which share a sync.

    Args:
        path: The journal's file.
        monotonic: The time, for tests.
    """

    def __init__(self, path: Path, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._log = path.with_name(f"{path.name}-wal")
        self._monotonic = monotonic
        self._guard = threading.Lock()
        self._syncing = threading.Lock()
        self._asked = 0
        self._done = 0
        self._synced_at = float("-inf")

    def is_due(self) -> bool:
        """Whether the last sync was so long ago that another one costs little."""
        return self._monotonic() - self._synced_at >= SYNC_EVERY_S

    def sync(self) -> None:
        """Return when everything that was committed before the call is on the disk.

        Raises:
            OSError: The disk does not take it.
        """
        with self._guard:
            self._asked += 1
            mine = self._asked
        with self._syncing:
            if self._done >= mine:
                return  # a sync that began after the call has it
            with self._guard:
                upto = self._asked
            self._synced_at = self._monotonic()
            try:
                descriptor = os.open(self._log, os.O_RDWR)  # Windows syncs no other
            except FileNotFoundError:
                return  # nothing was written since it was last emptied
            try:
                _sync(descriptor)
            finally:
                os.close(descriptor)
            self._done = upto
