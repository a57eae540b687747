"""Files taken from the queue and loaded from the journal, which are decided on next."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from aqsync.model import FileRecord
from aqsync.sync.engine import Engine

BATCH = 100
"""Records loaded at once; few, since a loaded record can be outdated before its turn comes."""


class FilesInHand:
    """One lane's files in hand. A file stays the first until `pop`, so that no failure loses it.

    Args:
        engine: Knows the records.
        take: Takes up to so many files from the queue.
        forget: Called with a file that the journal no longer knows, or whose mapping is no longer
            configured.
    """

    def __init__(
        self, engine: Engine, take: Callable[[int], list[int]], forget: Callable[[int], None]
    ) -> None:
        self._engine = engine
        self._take = take
        self._forget = forget
        self._mappings = {mapping.name for mapping in engine.mappings}
        self._taken: list[int] = []
        """Not loaded yet, which lasts only if the journal fails."""
        self._loaded: deque[FileRecord] = deque()
        self._lists_fetched = 0
        """How many lists had been fetched when they were loaded."""

    def __bool__(self) -> bool:
        """Whether there are any."""
        return bool(self._loaded or self._taken)

    def first(self) -> FileRecord | None:
        """The next file, as it is known after the newest list; None: none is queued."""
        if not (self._loaded or self._load()):
            return None
        file = self._loaded[0]
        return (
            file if self._lists_fetched == self._engine.lists_fetched else self._engine.again(file)
        )

    def pop(self) -> None:
        """The first file was decided on."""
        self._loaded.popleft()

    def drain(self) -> tuple[list[FileRecord], list[int]]:
        """Take all out of hand: the records, and files that are not loaded yet."""
        files, taken = list(self._loaded), self._taken
        self._loaded.clear()
        self._taken = []
        return files, taken

    def _load(self) -> bool:
        """Take files into hand; false if none is queued."""
        while taken := self._taken or self._take(BATCH):
            self._taken = taken
            fetched = self._engine.lists_fetched
            records = self._engine.journal.observations.records(taken)
            self._taken = []
            known = [file for file in records if file.mapping in self._mappings]
            for file_id in set(taken) - {file.id for file in known}:
                self._forget(file_id)
            if known:
                self._lists_fetched = fetched
                self._loaded.extend(known)
                return True
        return False
