"""The server's file lists: fetching them, their age, and how long they take."""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Callable, Collection

from aqsync.clock import Clock
from aqsync.sync.mirror import Mirror


class Lists:
    """Fetches file lists; threads that need the same list share one request.

    Usable from several threads. If answers overtake each other, the journal keeps the list that
    was requested last.
    """

    def __init__(self, mirror: Mirror, clock: Clock) -> None:
        self._mirror = mirror
        self._clock = clock
        self._asked_at: dict[str, float] = {}
        self._took: dict[str, float] = {}
        self._guard = threading.Lock()
        self._fetching: defaultdict[str, threading.Lock] = defaultdict(threading.Lock)
        self.fetched = 0
        """How many. What was read from the journal before the last fetch may be outdated."""

    def fetch(self, eids: Collection[str], beat: Callable[[], None] = lambda: None) -> set[str]:
        """Fetch the lists of these experiments.

        Args:
            eids: Which.
            beat: Called for each request, to show progress.

        Returns:
            The experiments that the server shows.

        Raises:
            RemoteError: The server cannot be asked.
        """
        began = self._clock.monotonic()
        seen = self._mirror.refresh(eids, beat)
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
            eid: The experiment.
            enough: Returns whether the known list is good enough; called while no other thread
                fetches it.
            wait: If false and another thread is fetching it, return at once.

        Returns:
            False if the server does not show the experiment.

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
        """When the newest list was requested, by the monotonic clock; minus infinity: never."""
        return self._asked_at.get(eid, float("-inf"))

    def age(self, eid: str) -> float:
        """Seconds since the newest list was requested; infinity: it never was."""
        return self._clock.monotonic() - self.asked_at(eid)

    def took(self, eid: str) -> float:
        """Seconds that the newest list took; 0 if none was fetched."""
        return self._took.get(eid, 0.0)
