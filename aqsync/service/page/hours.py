"""What was uploaded hour by hour: counted from the journal's history, and no row of it twice."""

from __future__ import annotations

import threading

from aqsync.journal import Journal
from aqsync.model import SECOND_NS
from aqsync.sync.activity import HOUR_S, Tally

LONGEST_H = 30 * 24


class Hours:
    """Remembers what it has counted, and goes on from there; usable from several threads."""

    def __init__(self) -> None:
        self._counting = threading.Lock()
        self._upto = 0
        """The row of the history that was counted last."""
        self._first: int | None = None
        """All hours from this one on are known."""
        self._known: dict[int, Tally] = {}

    def counted(self, journal: Journal, hours: range) -> dict[int, Tally]:
        """What was uploaded in each of these hours in which anything was.

        Args:
            journal: Has the history.
            hours: In whole hours since 1970, `LONGEST_H` at most.
        """
        found = {}
        with self._counting:
            self._go_on(journal, hours[0])
            for hour in hours:
                if (known := self._known.get(hour)) is not None:
                    found[hour] = Tally()
                    found[hour].include(known)
            self._forget(hours[-1] - LONGEST_H)
        return found

    def _go_on(self, journal: Journal, first: int) -> None:
        if self._first is None or first < self._first:
            self._upto, self._first, self._known = 0, first, {}
        since_ns = self._first * HOUR_S * SECOND_NS
        for upto, rows in journal.history.uploads(self._upto, since_ns):
            for row in rows:
                tally = self._known.setdefault(row.hour, Tally())
                tally.add(row.files, row.bytes, row.waited_s)
            self._upto = upto

    def _forget(self, before: int) -> None:
        if self._first is not None and self._first < before:
            self._first = before
            for hour in [hour for hour in self._known if hour < before]:
                del self._known[hour]
