"""How much was uploaded, and how soon: counted from what the journal tells of the past."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass, field
from typing import TypeVar

from aqsync.journal.backlog import Sample, ToCome
from aqsync.journal.history import Event, HistoryKind
from aqsync.model import SECOND_NS

K = TypeVar("K", bound=Hashable)

HOUR_S = 3600
MEDIAN, SLOWEST = 0.5, 0.95
"""Shares of the files: half of them, and all but the slowest twentieth, came sooner."""
NO_SUFFIX = ""


@dataclass(slots=True)
class Tally:
    """Files that were uploaded."""

    files: int = 0
    bytes: int = 0
    waits: Counter[int] = field(default_factory=Counter)
    """How many came how long after they were last written, in seconds (see `cut`)."""

    def add(self, files: int, size: int, waited_s: int | None) -> None:
        """Count files that came after the same wait.

        Args:
            files: How many.
            size: Of all of them, in bytes.
            waited_s: In seconds; None: not known.
        """
        self.files += files
        self.bytes += size
        if waited_s is not None:
            self.waits[waited_s] += files

    def include(self, other: Tally) -> None:
        """Count what another tally has counted."""
        self.files += other.files
        self.bytes += other.bytes
        self.waits.update(other.waits)

    def waited_s(self, share: float) -> int | None:
        """Within how many seconds after their last write this share of the files came.

        Args:
            share: Such as `MEDIAN`.

        Returns:
            Cut as by `cut`; None: it is known of no file.
        """
        rest = share * self.waits.total()
        for waited, files in sorted(self.waits.items()):
            rest -= files
            if rest <= 0:
                return waited
        return None


def tallied(events: Iterable[Event], key: Callable[[Event], K]) -> dict[K, Tally]:
    """Count uploads by anything that is known of them.

    Args:
        events: What happened; other things than uploads are left out.
        key: By what they are counted, such as `hour_of`.
    """
    found: dict[K, Tally] = {}
    for event in events:
        if event.kind is HistoryKind.UPLOADED:
            tally = found.setdefault(key(event), Tally())
            tally.add(1, event.size or 0, wait_of(event))
    return found


def hour_of(event: Event) -> int:
    """When it happened, in whole hours since 1970."""
    return event.at_ns // (HOUR_S * SECOND_NS)


def mapping_of(event: Event) -> str:
    """The name of the mapping."""
    return event.mapping


def experiment_of(event: Event) -> str | None:
    """Where the file went; None: not known."""
    return event.eid


def kind_of(event: Event) -> str:
    """The kind of file, by its name: ``.hdf5``; `NO_SUFFIX`: its name has none."""
    stem, _, suffix = event.path.rpartition("/")[2].rpartition(".")
    return f".{suffix.lower()}" if stem and suffix else NO_SUFFIX


def wait_of(event: Event) -> int | None:
    """How long after its last write a file was on the server, in seconds (see `cut`)."""
    if event.written_ns is None:
        return None
    return cut((event.at_ns - event.written_ns) // SECOND_NS)


def cut(seconds: int) -> int:
    """A wait as the journal's sums have it: no more exact than people say it."""
    for below, step in ((120, 1), (7200, 60), (172_800, 3600)):
        if seconds < below:
            return max(0, seconds) // step * step
    return seconds // 86_400 * 86_400


def backlogs(samples: Iterable[Sample], hours: range, mappings: Iterable[str]) -> dict[int, ToCome]:
    """The most that was still to come at one time, hour by hour.

    Args:
        samples: The oldest first; each holds until the next of its mapping.
        hours: Which hours since 1970.
        mappings: Only those of these mappings count.
    """
    now = dict.fromkeys(mappings, ToCome(0, 0))
    rest = deque(sample for sample in samples if sample.mapping in now)
    found: dict[int, ToCome] = {}
    for hour in hours:
        begins_ns = hour * HOUR_S * SECOND_NS
        most = _sum(now.values())
        while rest and rest[0].at_ns < begins_ns + HOUR_S * SECOND_NS:
            sample = rest.popleft()
            now[sample.mapping] = ToCome(sample.files, sample.bytes)
            # What was there before the first hour was so when it began.
            begun = sample.at_ns <= begins_ns
            most = _sum(now.values()) if begun else larger(most, _sum(now.values()))
        found[hour] = most
    return found


def larger(one: ToCome, other: ToCome) -> ToCome:
    """The larger of both numbers."""
    return ToCome(max(one.files, other.files), max(one.bytes, other.bytes))


def _sum(each: Iterable[ToCome]) -> ToCome:
    every = tuple(each)
    return ToCome(sum(one.files for one in every), sum(one.bytes for one in every))
