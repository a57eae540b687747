"""What happened in a period: counted in one pass over the journal's events. Pure."""

from __future__ import annotations

import heapq
from collections import Counter, deque
from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass, field
from typing import NamedTuple, TypeVar

from aqsync.journal.history import Event, HistoryKind
from aqsync.model import Reason
from aqsync.sync.activity import Tally, experiment_of, kind_of, mapping_of, wait_of

K = TypeVar("K", bound=Hashable)

SERVER_KINDS = (HistoryKind.SERVER_AWAY, HistoryKind.SERVER_BACK)
OTHER_KINDS = tuple(kind for kind in HistoryKind if kind not in SERVER_KINDS)
FEW = 10
"""So many of the largest and of the slowest files are named."""
NEWEST = 50
"""So many of the newest measurements, experiments and failed actions are named."""
NUMBERED = ".0-9"
"""The kind of files whose names end in a dot and a number: each of them is no kind of its own."""
_NAMED_KINDS = {
    HistoryKind.MEASUREMENT_COMPLETE,
    HistoryKind.EXPERIMENT_MADE,
    HistoryKind.ACTION_FAILED,
}


@dataclass(slots=True)
class Failures:
    """What failed, or was held, in a mapping for one reason."""

    last: Event
    times: int = 0


class Absence(NamedTuple):
    """A time in which the server could not be used."""

    since_ns: int
    until_ns: int
    why: str
    """Empty: it began before anything that is known."""
    over: bool
    """Whether the server was back within the period."""


@dataclass(slots=True)
class Period:
    """What happened; files that were uploaded twice count twice."""

    whole: Tally = field(default_factory=Tally)
    by_day: dict[str, Tally] = field(default_factory=dict)
    by_mapping: dict[str, Tally] = field(default_factory=dict)
    by_experiment: dict[str | None, Tally] = field(default_factory=dict)
    """None: it is not known where the files went."""
    by_kind: dict[str, Tally] = field(default_factory=dict)
    largest: list[Event] = field(default_factory=list)
    slowest: list[Event] = field(default_factory=list)
    """Those that were on the server longest after they were last written."""
    failures: dict[tuple[str, Reason | None], Failures] = field(default_factory=dict)
    times: Counter[tuple[str, HistoryKind]] = field(default_factory=Counter)
    """How often anything happened, by mapping and kind."""
    newest: dict[HistoryKind, deque[Event]] = field(default_factory=dict)


def counted_period(events: Iterable[Event], day_of: Callable[[int], str]) -> Period:
    """Count what happened; memory grows with the days, experiments and kinds, not with the files.

    Args:
        events: All but those of the server; read once.
        day_of: The day of a time in nanoseconds since 1970.
    """
    found = Period(newest={kind: deque(maxlen=NEWEST) for kind in _NAMED_KINDS})
    cells: dict[tuple[str, str, str | None, str], Tally] = {}
    largest, slowest = _Most(), _Most()
    for event in events:
        found.times[event.mapping, event.kind] += 1
        if event.kind is HistoryKind.UPLOADED:
            waited_s = wait_of(event)
            key = (day_of(event.at_ns), mapping_of(event), experiment_of(event), _kind(event))
            if (cell := cells.get(key)) is None:
                cell = cells[key] = Tally()
            cell.add(1, event.size or 0, waited_s)
            largest.offer(event.size, event)
            slowest.offer(waited_s, event)
        elif event.kind is HistoryKind.FAILED:
            failures = found.failures.setdefault((event.mapping, event.reason), Failures(event))
            failures.times += 1
            failures.last = event
        elif event.kind in found.newest:
            found.newest[event.kind].append(event)
    for (day, mapping, eid, kind), tally in cells.items():
        for tallies, key_of in (
            (found.by_day, day),
            (found.by_mapping, mapping),
            (found.by_kind, kind),
        ):
            tallies.setdefault(key_of, Tally()).include(tally)
        found.by_experiment.setdefault(eid, Tally()).include(tally)
        found.whole.include(tally)
    found.largest, found.slowest = largest.events(), slowest.events()
    return found


def absences(
    before: Event | None, events: Iterable[Event], since_ns: int, until_ns: int
) -> list[Absence]:
    """When the server could not be used.

    Args:
        before: The last that is known of it from before the period.
        events: Those of the server in the period, the oldest first.
        since_ns: The period's beginning, nanoseconds since 1970.
        until_ns: And its end.
    """
    found = list[Absence]()
    away = before if before is not None and before.kind is HistoryKind.SERVER_AWAY else None
    begun_ns, known = since_ns, before is not None
    for event in events:
        if event.kind is HistoryKind.SERVER_AWAY:
            if away is None:  # else it was still away, whatever was told once more
                away, begun_ns = event, event.at_ns
        elif away is not None or not known:
            why = "" if away is None else away.text
            found.append(Absence(begun_ns, event.at_ns, why, over=True))
            away = None
        known = True
    if away is not None:
        found.append(Absence(begun_ns, until_ns, away.text, over=False))
    return found


class _Most:
    """The few events with the greatest numbers."""

    def __init__(self) -> None:
        self._heap: list[tuple[int, int, Event]] = []
        self._count = 0

    def offer(self, number: int | None, event: Event) -> None:
        if number is None:
            return
        self._count -= 1  # of two alike the one that came first stays
        if len(self._heap) < FEW:
            heapq.heappush(self._heap, (number, self._count, event))
        elif number > self._heap[0][0]:
            heapq.heapreplace(self._heap, (number, self._count, event))

    def events(self) -> list[Event]:
        return [event for *_, event in sorted(self._heap, reverse=True)]


def _kind(event: Event) -> str:
    kind = kind_of(event)
    return NUMBERED if kind[1:].isdigit() else kind
