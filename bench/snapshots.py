"""When aqsync began its snapshots of databases, as folders show that it makes for them."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Self

from watchdog.events import (
    DirCreatedEvent,
    DirDeletedEvent,
    FileSystemEvent,
    FileSystemEventHandler,
)
from watchdog.observers import Observer

_PLACE = ".snapshots"
"""How the name of the folder ends in which each snapshot has one of its own."""


class SnapshotTimes(FileSystemEventHandler):
    """Watches the folder of the journal, beside which snapshots are made.

    Args:
        folder: Which.
    """

    def __init__(self, folder: Path) -> None:
        self._begun: dict[str, float] = {}
        self._ended: dict[str, float] = {}
        self._observer = Observer()
        self._observer.schedule(
            self, str(folder), recursive=True, event_filter=[DirCreatedEvent, DirDeletedEvent]
        )

    def __enter__(self) -> Self:
        self._observer.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._observer.stop()
        self._observer.join()

    def dispatch(self, event: FileSystemEvent) -> None:
        """Take an event."""
        path = str(event.src_path)
        if Path(path).parent.name.endswith(_PLACE):
            times = self._begun if isinstance(event, DirCreatedEvent) else self._ended
            times.setdefault(path, time.time())

    def begun_before(self, at: float) -> float | None:
        """When the snapshot was begun that was sent then; in seconds since 1970.

        Of several that were under way it is the oldest. None: none was seen.
        """
        sent = (
            begun
            for path, begun in self._begun.items()
            if begun < at <= self._ended.get(path, float("inf"))
        )
        return min(sent, default=None)
