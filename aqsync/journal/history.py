"""What happened, for people: nothing is ever decided from it."""

from __future__ import annotations

from collections.abc import Collection
from enum import StrEnum
from itertools import chain
from sqlite3 import Connection
from typing import NamedTuple

from aqsync.journal.database import Database
from aqsync.journal.rows import below, loaded, marks, stored, words
from aqsync.model import Reason, reason_of

_COLUMNS = "at_ns, kind, mapping, path, text, code, size, sha256, eid, written_ns, took_ns"
_PRUNED_AT_ONCE = 5_000
"""Rows removed in one transaction, so that uploads can go on in between."""


class HistoryKind(StrEnum):
    """What happened."""

    UPLOADED = "uploaded"
    ADOPTED = "adopted"
    REMOVED = "removed"
    FAILED = "failed"
    FOUND_CHANGED = "found changed"
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
    """Of what was uploaded or adopted, in bytes."""
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
    """Of what was uploaded or adopted, in bytes."""


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
        return [
            Event(
                at_ns, HistoryKind(kind), name, loaded(where), text, code and reason_of(code), *rest
            )
            for at_ns, kind, name, where, text, code, *rest in reversed(rows)
        ]

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

    def prune(self, before_ns: int, most_rows: int) -> int:
        """Forget events that are too old or too many; returns how many were forgotten.

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
                    f" (SELECT id FROM history WHERE {condition} LIMIT {_PRUNED_AT_ONCE})",
                    (value,),
                ).rowcount
            deleted += some
            if some < _PRUNED_AT_ONCE:
                return deleted


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
