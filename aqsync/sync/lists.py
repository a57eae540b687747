"""The server's file lists: who fetches them, how old they are, and what they cost."""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Callable, Collection

from aqsync.clock import Clock
from aqsync.sync.mirror import Mirror


class Lists:
    """Fetches file lists, and shares a fetch among all threads that ask for the same list.

    Threads may share it. If lists overtake each other, the journal keeps the one that was asked
    for last.

    Args:
        mirror: Fetches them.
        clock: Tells their age.
    """

    def __init__(self, mirror: Mirror, clock: Clock) -> None:
        self._mirror = mirror
        self._clock = clock
        self._asked_at: dict[str, float] = {}
        self._took: dict[str, float] = {}
        self._guard = threading.Lock()
        self._fetching: defaultdict[str, threading.Lock] = defaultdict(threading.Lock)
        self.fetched = 0
        """How many; what was read from the journal before the last fetch may be outdated."""

    def fetch(self, eids: Collection[str]) -> set[str]:
        """Fetch the lists of these experiments.

        Returns:
            Those that the server shows; what is known of others stays as old as it was.

        Raises:
            RemoteError: The server cannot be asked.
        """
        began = self._clock.monotonic()
        seen = self._mirror.refresh(eids)
        took = self._clock.monotonic() - began
        with self._guard:
            self.fetched += 1
            for eid in seen:
                self._asked_at[eid] = max(began, self._asked_at.get(eid, began))
                self._took[eid] = took / len(eids)
        return seen

    def share(self, eid: str, enough: Callable[[], bool], *, wait: bool = True) -> bool:
        """Fetch a list, or wait for the one that another thread is fetching.

        Args:
            eid: Whose.
            enough: Returns whether the list known is good enough; called when no other thread is
                fetching it.
            wait: If false and another thread is fetching it, return at once.

        Returns:
            False: the server does not show it.

        Raises:
            RemoteError: The server cannot be asked.
        """
        with self._guard:
            lock = self._fetching[eid]
        if not lock.acquire(blocking=wait):
            return True
        try:
            return enough() or eid in self.fetch({eid})
        finally:
            lock.release()

    def asked_at(self, eid: str) -> float:
        """When the newest list was asked for, by the monotonic clock; minus infinity: never."""
        return self._asked_at.get(eid, float("-inf"))

    def age(self, eid: str) -> float:
        """Seconds since the newest list was asked for; infinity: it never was."""
        return self._clock.monotonic() - self.asked_at(eid)

    def took(self, eid: str) -> float:
        """Seconds that the newest list took; 0 where none was fetched."""
        return self._took.get(eid, 0.0)
