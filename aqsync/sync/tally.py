"""What delivery tells the log: a line for each file while they are few, else their number."""

from __future__ import annotations

import threading
from collections import Counter, OrderedDict

from aqsync.log import Log
from aqsync.model import Adopted, Failed, FoundDifferent, Hold, Outcome, Removed, Touched, Uploaded

GATHER_S = 2.0
"""How long a line waits for others of its kind."""
FEW = 10
"""So many files of one kind are told one by one."""
REMEMBERED = 10_000
"""Files whose trouble was told and is not told again."""

_WORDS = {
    Uploaded: "uploaded",
    Adopted: "already on the server",
    Touched: "touched, content unchanged",
    Removed: "removed from the server",
}

log = Log(__name__)


class Tally:
    """Gathers what happened to files, so that a burst is one line and not one for each.

    May be used by several threads.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.counts: Counter[str] = Counter()
        """Since the start, by the words of the log."""
        self.bytes = 0
        """Uploaded since the start."""
        self._gathered: dict[tuple[str, str], list[tuple[str, int]]] = {}
        self._dropped: Counter[tuple[str, str]] = Counter()
        self._sizes: Counter[tuple[str, str]] = Counter()
        self._tell_at: float | None = None
        self._told: OrderedDict[str, tuple[str, int]] = OrderedDict()

    def add(self, place: str, mapping: str, outcome: Outcome, now: float) -> None:
        """One outcome."""
        with self._lock:
            self._add(place, mapping, outcome, now)

    def _add(self, place: str, mapping: str, outcome: Outcome, now: float) -> None:
        words = _WORDS.get(type(outcome))
        if words is not None:
            size = outcome.signature.size if isinstance(outcome, Uploaded) else 0
            self.counts[words] += 1
            self.bytes += size
            self._gather((words, mapping), place, size, now)
            self._told.pop(place, None)
        elif isinstance(outcome, Failed):
            self.counts["failed"] += 1
            if self._is_news(place, outcome.message, 0):
                log.warning("failed", path=place, reason=outcome.message, hint=outcome.hint)
        elif isinstance(outcome, FoundDifferent):
            self.counts["found different"] += 1

    def held(self, place: str, mapping: str, step: Hold, since_ns: int) -> None:
        """A file is held; told once for each reason and state of the file."""
        with self._lock:
            news = self._is_news(place, step.reason, since_ns)
        if news:
            log.warning("held", path=place, mapping=mapping, reason=step.reason, hint=step.hint)

    def due_in(self, now: float) -> float:
        """Seconds until `tell` has something to say."""
        return float("inf") if self._tell_at is None else max(0.0, self._tell_at - now)

    def tell(self, now: float, *, idle: bool) -> None:
        """Write the lines that are due; all of them where nothing more is to be expected."""
        with self._lock:
            self._tell(now, idle=idle)

    def _tell(self, now: float, *, idle: bool) -> None:
        if self._tell_at is None or (now < self._tell_at and not idle):
            return
        for (words, mapping), files in self._gathered.items():
            key = words, mapping
            if not self._dropped[key]:
                for place, size in files:
                    log.info(words, path=place, size=size, mapping=mapping)
            else:
                count = len(files) + self._dropped[key]
                log.info(words, files=count, size=self._sizes[key], mapping=mapping)
        self._gathered.clear()
        self._dropped.clear()
        self._sizes.clear()
        self._tell_at = None

    def _gather(self, key: tuple[str, str], place: str, size: int, now: float) -> None:
        files = self._gathered.setdefault(key, [])
        self._sizes[key] += size
        if len(files) < FEW:
            files.append((place, size))
        else:
            self._dropped[key] += 1
        if self._tell_at is None:
            self._tell_at = now + GATHER_S

    def _is_news(self, place: str, reason: str, since_ns: int) -> bool:
        if self._told.get(place) == (reason, since_ns):
            return False
        self._told[place] = reason, since_ns
        self._told.move_to_end(place)
        if len(self._told) > REMEMBERED:
            self._told.popitem(last=False)
        return True
