"""Every file that needs work: queued, in hand or in flight, and the orders that ask for some.

A file is in one of these places at a time. So it is decided on once, and no two jobs work on it,
even if a scan, a list, an order, and the sessions before and after a reload all ask for it.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple

from aqsync.journal.observations import Waiting
from aqsync.model import FileRecord
from aqsync.sync.order import Order

LARGE = 32 << 20
"""A file of at least this many bytes counts as large."""


class Lane(Enum):
    """Large and small files are queued apart, so that small files do not wait for large ones."""

    SMALL = "small"
    LARGE = "large"


def lane_of(size: int) -> Lane:
    """The lane of a file of this size in bytes."""
    return Lane.LARGE if size >= LARGE else Lane.SMALL


@dataclass(slots=True)
class InFlight:
    """A job that runs now.

    Attributes:
        file: Its file.
        since: When it began, by the monotonic clock.
        sent: Bytes sent or compared so far.
    """

    file: FileRecord
    since: float
    sent: int = 0


class _Queue(NamedTuple):
    """Where a queued file waits."""

    first: bool
    lane: Lane
    mapping: str


@dataclass(slots=True)
class _Held:
    """A file in hand or in flight."""

    holders: int = 1
    again: _Queue | None = None
    """Where it is queued when the last holder releases it."""
    lost: bool = False
    """Its job was given up; the file is held until its disk answers."""


class WorkQueue:
    """The files of one journal. Every method may be called from any thread.

    Attributes:
        changed: Called when files were queued.
    """

    def __init__(self) -> None:
        self.changed: Callable[[], None] = lambda: None
        self._lock = threading.Lock()
        self._queues: dict[tuple[bool, Lane], dict[str, deque[int]]] = {
            (first, lane): {} for first in (True, False) for lane in Lane
        }
        self._queued: dict[int, _Queue] = {}
        self._held: dict[int, _Held] = {}
        self._in_flight: dict[int, InFlight] = {}
        self._orders: tuple[Order, ...] = ()

    def __len__(self) -> int:
        """How many files are queued."""
        return len(self._queued)

    # Queued

    def add(self, mapping: str, files: Iterable[Waiting], *, first: bool = False) -> None:
        """Queue files of a mapping; files in hand are queued when they are released.

        Args:
            mapping: Its name.
            files: Which.
            first: Take them before the files that no order asks for.
        """
        with self._lock:
            for file in files:
                place = _Queue(first, lane_of(file.size), mapping)
                held = self._held.get(file.id)
                if held is None:
                    self._put(file.id, place)
                    continue
                asked_before = held.again is not None and held.again.first
                held.again = place._replace(first=first or asked_before)
                if held.lost:
                    self._settle(file.id)
        self.changed()

    def _settle(self, file_id: int) -> None:
        """No order waits for the file, as its disk does not answer."""
        for order in self._orders:
            order.forget(file_id)

    def _put(self, file_id: int, place: _Queue) -> None:
        before = self._queued.get(file_id)
        if before is None or (place.first and not before.first):
            self._queued[file_id] = place  # where it was before, `take` passes it over
            self._queues[place.first, place.lane].setdefault(place.mapping, deque()).append(file_id)

    def take(
        self,
        lane: Lane,
        most: int,
        blocked: frozenset[str] = frozenset(),
        blocked_first: frozenset[str] = frozenset(),
        *,
        first_only: bool = False,
    ) -> list[int]:
        """Take files into hand: those of orders first, mappings in turn, longest-waiting first.

        Args:
            lane: From which lane.
            most: How many at most.
            blocked: Mappings whose files are left, except those that orders ask for.
            blocked_first: Mappings whose files are left even if orders ask for them.
            first_only: Only what orders ask for.
        """
        with self._lock:
            taken = self._take(True, lane, most, blocked_first)
            if not first_only:
                taken += self._take(False, lane, most - len(taken), blocked)
        return taken

    def _take(self, first: bool, lane: Lane, most: int, blocked: frozenset[str]) -> list[int]:  # noqa: FBT001 - a key
        taken: list[int] = []
        queues = self._queues[first, lane]
        names = deque(name for name in queues if name not in blocked)
        while names and len(taken) < most:
            name = names.popleft()
            queue = queues[name]
            file_id = queue.popleft()
            if queue:
                names.append(name)
                # The mapping that was served goes to the back, for the next call too.
                queues[name] = queues.pop(name)
            else:
                del queues[name]
            if self._queued.get(file_id) == _Queue(first, lane, name):
                del self._queued[file_id]
                self._held[file_id] = _Held()
                taken.append(file_id)
        return taken

    def has_any(self, blocked: frozenset[str]) -> bool:
        """Whether anything is queued.

        Args:
            blocked: Mappings that do not count.
        """
        with self._lock:
            return any(name not in blocked for queues in self._queues.values() for name in queues)

    # In hand and in flight

    def claim(self, file_id: int) -> bool:
        """Take one file into hand; false if it is in hand already."""
        with self._lock:
            if file_id in self._held:
                return False
            self._held[file_id] = _Held(again=self._queued.pop(file_id, None))
            return True

    def hold(self, file_id: int) -> None:
        """Add a holder to a file in hand; it must be released once more."""
        with self._lock:
            self._held[file_id].holders += 1

    def release(self, file_id: int) -> None:
        """A holder releases a file; after the last one has, it may be taken again."""
        with self._lock:
            held = self._held[file_id]
            held.holders -= 1
            if held.holders == 0:
                del self._held[file_id]
            if held.holders or held.again is None:
                return
            self._put(file_id, held.again)
        self.changed()

    def lose(self, file_id: int) -> None:
        """The job on a file was given up: until its disk answers, no order waits for it."""
        with self._lock:
            if file_id in self._held:
                self._held[file_id].lost = True
                self._settle(file_id)

    def begin(self, file: FileRecord, now: float) -> InFlight:
        """A job begins on a file in hand.

        Args:
            file: Which.
            now: The monotonic clock.
        """
        job = InFlight(file, now)
        with self._lock:
            self._in_flight[file.id] = job
        return job

    def end(self, file_id: int) -> None:
        """The job on a file has ended, or was given up."""
        with self._lock:
            self._in_flight.pop(file_id, None)

    def in_flight(self) -> list[InFlight]:
        """The jobs that run now, the longest-running first."""
        with self._lock:
            return list(self._in_flight.values())

    # Orders

    @contextmanager
    def placed(self, order: Order) -> Iterator[None]:
        """An order is served while the context is open."""
        with self._lock:
            self._orders = (*self._orders, order)
        try:
            yield
        finally:
            with self._lock:
                self._orders = tuple(each for each in self._orders if each is not order)

    @property
    def orders(self) -> tuple[Order, ...]:
        """The orders that are served now."""
        return self._orders

    def orders_for(self, file: FileRecord) -> tuple[Order, ...]:
        """The orders that ask for a file."""
        orders = self._orders
        return tuple(order for order in orders if order.covers(file)) if orders else ()
