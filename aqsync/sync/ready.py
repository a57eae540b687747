"""Files that need a decision now: longest-waiting first, mappings in turn."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterable

from aqsync.journal.observations import Waiting
from aqsync.sync.lanes import LARGE


class Ready:
    """A queue of file ids in two lanes; none is in it twice, or in anybody's hands twice.

    `add` may be called from any thread.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._lanes: dict[bool, dict[str, deque[int]]] = {False: {}, True: {}}
        self._queued: set[int] = set()
        self._in_hand: dict[int, tuple[str, Waiting] | None] = {}
        """Taken and not yet given back; with what was added again meanwhile."""

    def __len__(self) -> int:
        return len(self._queued)

    def add(self, mapping: str, files: Iterable[Waiting]) -> None:
        """Files of a mapping to decide on; those in hand come again when they are given back."""
        with self._lock:
            for file in files:
                if file.id in self._in_hand:
                    self._in_hand[file.id] = (mapping, file)
                elif file.id not in self._queued:
                    self._queue(mapping, file)

    def _queue(self, mapping: str, file: Waiting) -> None:
        self._queued.add(file.id)
        self._lanes[file.size >= LARGE].setdefault(mapping, deque()).append(file.id)

    def take(self, large: bool, most: int, closed: frozenset[str]) -> list[int]:  # noqa: FBT001 - which lane
        """Take files into hand, from the mappings in turn.

        Args:
            large: From which lane.
            most: How many at most.
            closed: Mappings whose turn it is not.
        """
        taken: list[int] = []
        with self._lock:
            lane = self._lanes[large]
            names = deque(name for name in lane if name not in closed)
            while names and len(taken) < most:
                name = names.popleft()
                queue = lane[name]
                taken.append(queue.popleft())
                if queue:
                    names.append(name)
                    # What was served goes to the back, for the next call too.
                    lane[name] = lane.pop(name)
                else:
                    del lane[name]
            self._queued.difference_update(taken)
            self._in_hand.update(dict.fromkeys(taken))
        return taken

    def has_any(self, closed: frozenset[str]) -> bool:
        """Whether there is anything to take.

        Args:
            closed: Mappings whose turn it is not.
        """
        with self._lock:
            return any(name not in closed for lane in self._lanes.values() for name in lane)

    def give_back(self, file_id: int) -> None:
        """Nobody works on the file any more."""
        with self._lock:
            again = self._in_hand.pop(file_id, None)
            if again is not None:
                self._queue(*again)
