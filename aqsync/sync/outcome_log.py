"""Logs outcomes: a line for each file while they are few, otherwise their number."""

from __future__ import annotations

import threading
from collections import Counter, OrderedDict
from dataclasses import dataclass, field
from typing import NamedTuple

from aqsync.log import Log
from aqsync.model import (
    Adopted,
    Explanation,
    Failed,
    FoundDifferent,
    Hold,
    Outcome,
    Removed,
    Touched,
    Uploaded,
)

GATHER_S = 2.0
"""How long a line waits for others of the same kind."""
FEW = 10
"""Up to this many files of one kind are logged one by one."""
REMEMBERED = 100_000
"""Files whose trouble is remembered, so that it is logged once."""

_WORDS = {
    Uploaded: "uploaded",
    Adopted: "already on the server",
    Touched: "touched, content unchanged",
    Removed: "removed from the server",
}

log = Log(__name__)


class _Kind(NamedTuple):
    """What lines have in common."""

    words: str
    mapping: str
    why: Explanation | None = None


@dataclass(slots=True)
class _Files:
    """The files of one kind: the first few by name."""

    count: int = 0
    size: int = 0
    first: list[tuple[str, int]] = field(default_factory=list)


class OutcomeLog:
    """Gathers what happened to files, so that a burst of files is one line.

    Usable from several threads.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.counts: Counter[str] = Counter()
        """Outcomes since the start, by the words of the log."""
        self.bytes = 0
        """Uploaded since the start."""
        self._gathered: dict[_Kind, _Files] = {}
        self._tell_at: float | None = None
        self._told: OrderedDict[int, int] = OrderedDict()
        """By file, the trouble that was logged; hashes of both, as there may be many."""

    def add(self, place: str, mapping: str, outcome: Outcome, now: float) -> None:
        """One outcome.

        Args:
            place: The file's absolute path.
            mapping: Whose it is.
            outcome: Which.
            now: The monotonic clock.
        """
        with self._lock:
            words = _WORDS.get(type(outcome))
            if words is not None:
                size = 0
                if isinstance(outcome, Uploaded):
                    size, words = outcome.size, _how(outcome)
                self.counts[words] += 1
                self.bytes += size
                self._gather(_Kind(words, mapping), place, size, now)
                self._told.pop(hash(place), None)
            elif isinstance(outcome, Failed):
                self.counts["failed"] += 1
                self._trouble(_Kind("failed", mapping, outcome.why), place, 0, now)
            elif isinstance(outcome, FoundDifferent):
                self.counts["found different"] += 1

    def held(self, place: str, mapping: str, step: Hold, since_ns: int, now: float) -> None:
        """A file is held; logged once for each reason and state of the file.

        Args:
            place: The file's absolute path.
            mapping: Whose it is.
            step: Why.
            since_ns: When the file was first seen in its state.
            now: The monotonic clock.
        """
        with self._lock:
            self._trouble(_Kind("held", mapping, step.why), place, since_ns, now)

    def due_in(self, now: float) -> float:
        """Seconds until `tell` has something to say."""
        return float("inf") if self._tell_at is None else max(0.0, self._tell_at - now)

    def tell(self, now: float, *, idle: bool) -> None:
        """Write the lines that are due; all of them if nothing more is expected now."""
        with self._lock:
            if self._tell_at is None or (now < self._tell_at and not idle):
                return
            gathered, self._gathered = self._gathered, {}
            self._tell_at = None
        kinds: Counter[tuple[str, str]] = Counter()
        others: Counter[tuple[str, str]] = Counter()
        for kind, files in gathered.items():
            alike = kind.words, kind.mapping
            kinds[alike] += 1
            if kinds[alike] <= FEW:
                _tell(kind, files)
            else:
                others[alike] += files.count
        for (words, mapping), count in others.items():
            log.warning(words, files=count, mapping=mapping, reason="others: see `aqsync status`")

    def _trouble(self, kind: _Kind, place: str, since_ns: int, now: float) -> None:
        file, trouble = hash(place), hash((kind, since_ns))
        if self._told.get(file) == trouble:
            return
        self._told[file] = trouble
        self._told.move_to_end(file)
        if len(self._told) > REMEMBERED:
            self._told.popitem(last=False)
        self._gather(kind, place, 0, now)

    def _gather(self, kind: _Kind, place: str, size: int, now: float) -> None:
        files = self._gathered.setdefault(kind, _Files())
        files.count += 1
        files.size += size
        if len(files.first) < FEW:
            files.first.append((place, size))
        if self._tell_at is None:
            self._tell_at = now + GATHER_S


def _tell(kind: _Kind, files: _Files) -> None:
    words, mapping, why = kind
    write = log.info if why is None else log.warning
    many = files.count > FEW
    for place, size in [("", files.size)] if many else files.first:
        write(
            words,
            path=None if many else place,
            files=files.count if many else None,
            size=size if why is None else None,
            mapping=mapping,
            reason=why and why.message,
            hint=why and why.hint,
        )


def _how(outcome: Uploaded) -> str:
    if outcome.provisional:
        return "uploaded, provisional"
    if outcome.unfinished is not None:
        return "uploaded unfinished, as its writer had not closed it"
    return _WORDS[Uploaded]
