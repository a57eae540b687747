"""How much room there is for files: the disk's, less a reserve, and a quota."""

from __future__ import annotations

import os
import threading
from pathlib import Path

from aqsync.server.errors import FileRefused

_MOST_RESERVED = 1024**3
_RESERVED_SHARE = 0.05
_ENDLESS = 1 << 63


class Space:
    """Counts what files take, and refuses more before the disk is full. Any thread may call.

    A full disk would also stop the catalog, the logs, and whatever else uses the disk.

    Args:
        folder: A folder on the disk; None if no disk can become full.
        quota: How many bytes all files together may have; None for no limit.
        reserve: How many bytes of the disk stay free; None for 5 % of it, but at most 1 GiB.
    """

    def __init__(
        self, folder: Path | None, quota: int | None = None, reserve: int | None = None
    ) -> None:
        self._folder = folder
        self._quota = quota
        self._reserve = reserve
        self._used = 0
        self._arriving = 0
        self._lock = threading.Lock()

    @property
    def is_counted(self) -> bool:
        """Whether the sizes of files are needed; else the disk alone is asked."""
        return self._quota is not None

    def check(self, count: int) -> None:
        """Refuse bytes that have no room.

        Raises:
            FileRefused: They would go beyond the quota, or into the reserve.
        """
        self._check_disk(count)
        if self._quota is not None and self._used + self._arriving + count > self._quota:
            raise FileRefused(507, f"The server's quota ({self._quota} bytes) is used up.")

    def left(self) -> int:
        """Return how many bytes more have room."""
        left, _ = self._left_on_disk()
        if self._quota is None:
            return left
        return min(left, self._quota - self._used - self._arriving)

    def take(self, count: int) -> None:
        """Count bytes just before they are written.

        Raises:
            FileRefused: They have no room; then they are not counted.
        """
        with self._lock:
            self.check(count)
            self._arriving += count

    def arrived(self, count: int) -> None:
        """Count bytes that were taken as those of a file that stays."""
        with self._lock:
            self._arriving -= count
            self._used += count

    def give_up(self, count: int) -> None:
        """Count bytes that were taken as those of a file that does not stay."""
        with self._lock:
            self._arriving -= count

    def give_back(self, count: int) -> None:
        """Count bytes that were removed, or that another file replaced."""
        with self._lock:
            self._used -= count

    def count(self, count: int) -> None:
        """Count bytes that were there before."""
        self._used += count

    def recount(self, count: int) -> None:
        """Count all bytes of files that stay anew."""
        with self._lock:
            self._used = count

    def _check_disk(self, count: int) -> None:
        left, reserve = self._left_on_disk()
        if left < count:
            raise FileRefused(
                507, f"The server's disk is full, but for the {reserve} bytes that stay free."
            )

    def _left_on_disk(self) -> tuple[int, int]:
        """How many bytes have room, and how many more stay free."""
        if self._folder is None:
            return _ENDLESS, 0
        disk = os.statvfs(self._folder)
        reserve = self._reserve
        if reserve is None:
            reserve = min(_MOST_RESERVED, int(disk.f_blocks * disk.f_frsize * _RESERVED_SHARE))
        return disk.f_bavail * disk.f_frsize - reserve, reserve
