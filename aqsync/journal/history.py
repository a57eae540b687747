"""What happened, for people: nothing is ever decided from it."""

from __future__ import annotations

import sys
from collections.abc import Collection, Iterator, Sequence
from enum import StrEnum
from itertools import chain
from sqlite3 import Connection
from typing import Any, NamedTuple

from aqsync.journal.database import Database
from aqsync.journal.rows import below, loaded, marks, stored, words
from aqsync.model import Reason, reason_of

_COLUMNS = "at_ns, kind, mapping, path, text, code, size, sha256, eid, written_ns, took_ns"
_PRUNED_AT_ONCE = 5_000
"""Rows removed in one transaction, so that uploads can go on in between."""
_SUMMED_AT_ONCE = 5_000
"""Rows that are sorted at once; ten times as many take a fifth longer."""
_READ_AT_ONCE = 1_000
_HOUR_NS = 3600 * 10**9
_WAITED = "(at_ns - written_ns) / 1000000000"
_CUT = """CASE WHEN waited < 120 THEN max(0, waited) WHEN waited < 7200 THEN waited / 60 * 60
    WHEN waited < 172800 THEN waited / 3600 * 3600 ELSE waited / 86400 * 86400 END"""
_UNKNOWN = 10**10 - 1
"""Stands for a wait that is not known; a signed number of 64 bits holds no wait that is as long."""


class HistoryKind(StrEnum):
    """What happened."""

    UPLOADED = "uploaded"
    ADOPTED = "adopted"
    REMOVED = "removed"
    FAILED = "failed"
    FOUND_CHANGED = "found changed"
    FREED = "freed"
    EXPERIMENT_MADE = "experiment made"
    MEASUREMENT_COMPLETE = "measurement complete"
    MEASUREMENT_ON_SERVER = "measurement on server"
    ACTION_BEGUN = "action begun"
    ACTION_ENDED = "action ended"
    ACTION_FAILED = "action failed"
    SERVER_AWAY = "server away"
    SERVER_BACK = "server back"


class Event(NamedTuple):
    """One thing that happened."""

    at_ns: int
    kind: HistoryKind
    mapping: str
    """Empty for what concerns all of them."""
    path: str
    """Empty for what concerns no single file."""
    text: str
    reason: Reason | None = None
    """Why; None for events without a reason."""
    size: int | None = None
    """Of what was uploaded, adopted or freed, in bytes."""
    sha256: str | None = None
    """And its SHA-256, in hexadecimal digits."""
    eid: str | None = None
    """The experiment that it went to, or came from."""
    written_ns: int | None = None
    """When what was uploaded had been written last, nanoseconds since 1970."""
    took_ns: int | None = None
    """From the first byte to the server's answer, in nanoseconds."""


class Counted(NamedTuple):
    """What happened on one day."""

    day: str
    """By the local calendar: ``2026-11-23``."""
    kind: HistoryKind
    times: int
    """How often."""
    size: int
    """Of what was uploaded, adopted or freed, in bytes."""


class Uploads(NamedTuple):
    """What was uploaded within one hour after about the same wait."""

    hour: int
    """Whole hours since 1970."""
    waited_s: int | None
    """From the last write to the server's answer, in whole seconds, beyond 2 minutes in whole
    minutes, beyond 2 hours in whole hours, and beyond 2 days in whole days; None: not known."""
    files: int
    bytes: int


class Wanted(NamedTuple):
    """Which events are asked for."""

    mapping: str | None = None
    """Only those of this mapping; None: all."""
    path: str = ""
    """Only those at and below this path of the mapping; empty: all."""
    since_ns: int | None = None
    """Only those from then on."""
    until_ns: int | None = None
    """Only those up to then."""
    kinds: Collection[HistoryKind] = ()
    """Only those of these kinds; none: of all."""


ALL = Wanted()


def note(connection: Connection, event: Event) -> None:
    """Write down an event; inside a transaction."""
    at_ns, kind, mapping, path, text, reason, *rest = event
    code = reason and reason.value
    connection.execute(
        f"INSERT INTO history ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (at_ns, kind.value, mapping, stored(path), words(text), code, *rest),
    )


class History:
    """The table of events."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def note(self, event: Event) -> None:
        """Write down an event."""
        with self._database.writing() as connection:
            note(connection, event)

    def recent(self, most: int, wanted: Wanted = ALL) -> list[Event]:
        """The youngest events, the youngest last.

        Args:
            most: How many.
            wanted: Which of them.
        """
        condition, values = _condition(wanted)
        rows = self._database.rows(
            f"SELECT {_COLUMNS} FROM history WHERE {condition} ORDER BY id DESC LIMIT ?",
            (*values, most),
        )
        return [_event(row) for row in reversed(rows)]

    def counted(self, wanted: Wanted = ALL) -> list[Counted]:
        """How often each kind of event was, day by day, the youngest day last.

        Args:
            wanted: Which events.
        """
        condition, values = _condition(wanted)
        rows = self._database.rows(
            "SELECT date(at_ns / 1000000000, 'unixepoch', 'localtime') AS day, kind, count(*),"
            f" coalesce(sum(size), 0) FROM history WHERE {condition}"
            " GROUP BY day, kind ORDER BY day, kind",
            values,
        )
        return [Counted(day, HistoryKind(kind), *rest) for day, kind, *rest in rows]

    def uploads(self, after: int, since_ns: int) -> Iterator[tuple[int, list[Uploads]]]:
        """What was uploaded hour by hour, in parts that are to be added up.

        Each part comes with the row up to which it goes. A million rows take half a second.

        Args:
            after: Only rows after this one; 0: all.
            since_ns: Only those from this time on.
        """
        newest = self.newest()
        while after < newest:
            upto = after + _SUMMED_AT_ONCE
            rows = self._database.rows(
                # By one number, as to sort by two takes half as long again.
                f"SELECT hour * {_UNKNOWN + 1} + coalesce({_CUT}, {_UNKNOWN}) AS both,"
                f" count(*), coalesce(sum(size), 0) FROM (SELECT at_ns / {_HOUR_NS} AS hour, size,"
                f" {_WAITED} AS waited FROM history"
                " WHERE kind = ? AND at_ns >= ? AND id > ? AND id <= ?) GROUP BY both",
                (HistoryKind.UPLOADED.value, since_ns, after, upto),
            )
            after = min(upto, newest)
            yield after, [_uploads(*row) for row in rows]

    def newest(self) -> int:
        """The number of the row that was written last; 0: there is none."""
        return int(self._database.value("SELECT coalesce(max(id), 0) FROM history"))

    def each(
        self, wanted: Wanted = ALL, *, after: int = 0, upto: int = sys.maxsize
    ) -> Iterator[Event]:
        """The events in the order in which they were written down, few in memory at once.

        Args:
            wanted: Which events.
            after: Only those after this row.
            upto: And up to this one.
        """
        condition, values = _condition(wanted)
        last = after
        while True:
            rows = self._database.rows(
                f"SELECT id, {_COLUMNS} FROM history WHERE id > ? AND id <= ? AND {condition}"
                " ORDER BY id LIMIT ?",
                (last, upto, *values, _READ_AT_ONCE),
            )
            for row in rows:
                yield _event(row[1:])
            if len(rows) < _READ_AT_ONCE:
                return
            last = rows[-1][0]

    def prune(self, before_ns: int, most_rows: int) -> int:
        """Forget events that are too old or too many; returns how many were forgotten.

        The newest one stays: SQLite numbers new rows from it on, and who has counted up to a number
        goes on from there. In an empty table numbers would begin anew.

        Args:
            before_ns: Events before then are forgotten.
            most_rows: Of the rest, so many of the youngest are kept.
        """
        return self._delete("at_ns < ?", before_ns) + self._delete(
            "id <= (SELECT id FROM history ORDER BY id DESC LIMIT 1 OFFSET ?)", most_rows
        )

    def _delete(self, condition: str, value: int) -> int:
        deleted = 0
        while True:
            with self._database.writing() as connection:
                some = connection.execute(
                    "DELETE FROM history WHERE id IN"
                    f" (SELECT id FROM history WHERE {condition}"
                    f" AND id < (SELECT max(id) FROM history) LIMIT {_PRUNED_AT_ONCE})",
                    (value,),
                ).rowcount
            deleted += some
            if some < _PRUNED_AT_ONCE:
                return deleted


def _uploads(both: int, files: int, size: int) -> Uploads:
    hour, waited_s = divmod(both, _UNKNOWN + 1)
    return Uploads(hour, None if waited_s == _UNKNOWN else waited_s, files, size)


def _event(row: Sequence[Any]) -> Event:
    at_ns, kind, mapping, path, text, code, *rest = row
    reason = code and reason_of(code)
    return Event(at_ns, HistoryKind(kind), mapping, loaded(path), text, reason, *rest)


def _condition(wanted: Wanted) -> tuple[str, list[int | str | bytes]]:
    """In SQL, with its values."""
    conditions, values = ["TRUE"], list[int | str | bytes]()
    for condition, value in (
        ("at_ns >= ?", wanted.since_ns),
        ("at_ns <= ?", wanted.until_ns),
        ("mapping = ?", wanted.mapping),
    ):
        if value is not None:
            conditions.append(condition)
            values.append(value)
    if wanted.kinds:
        conditions.append(f"kind IN ({marks(wanted.kinds)})")
        values += [kind.value for kind in wanted.kinds]
    if wanted.path:
        conditions.append("(path = ? OR path > ? AND path < ? OR path > ? AND path < ?)")
        values += [stored(wanted.path), *chain.from_iterable(below(wanted.path))]
    return " AND ".join(conditions), values
