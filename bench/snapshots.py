"""When aqsync began its snapshots of databases, as the folder shows that it makes them in."""

from __future__ import annotations

import contextlib
import os
import threading
import time
from pathlib import Path
from types import TracebackType
from typing import Self

_LOOK_S = 0.02


class SnapshotTimes:
    """Watches the folder of snapshots; each snapshot has a folder of its own in it.

    Args:
        folder: Which; it is there when there is a first snapshot.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._times: list[float] = []
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._over.set()
        self._thread.join()

    def begun_before(self, at: float) -> float | None:
        """When the last one before a time was first seen; in seconds since 1970."""
        return max((seen for seen in self._times if seen < at), default=None)

    def _watch(self) -> None:
        known = set[str]()
        while not self._over.wait(_LOOK_S):
            with contextlib.suppress(FileNotFoundError):
                names = set(os.listdir(self._folder))  # noqa: PTH208 - only names
                if names - known:
                    self._times.append(time.time())
                known = names
