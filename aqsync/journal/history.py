"""What happened, for people: nothing is ever decided from it."""

from __future__ import annotations

from enum import StrEnum
from itertools import chain
from sqlite3 import Connection
from typing import NamedTuple

from aqsync.journal.database import Database
from aqsync.journal.rows import below, loaded, stored, words
from aqsync.model import Reason, reason_of

_PRUNED_AT_ONCE = 5_000
"""Rows removed in one transaction, so that uploads can go on in between."""


class HistoryKind(StrEnum):
    """What happened."""

    UPLOADED = "uploaded"
    ADOPTED = "adopted"
    REMOVED = "removed"
    FAILED = "failed"
    FOUND_CHANGED = "found changed"
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


def note(connection: Connection, event: Event) -> None:
    """Write down an event; inside a transaction."""
    at_ns, kind, mapping, path, text, reason = event
    connection.execute(
        "INSERT INTO history (at_ns, kind, mapping, path, text, code) VALUES (?, ?, ?, ?, ?, ?)",
        (at_ns, kind.value, mapping, stored(path), words(text), reason and reason.value),
    )


class History:
    """The table of events."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def note(self, event: Event) -> None:
        """Write down an event."""
        with self._database.writing() as connection:
            note(connection, event)

    def recent(
        self,
        most: int,
        *,
        mapping: str | None = None,
        path: str = "",
        since_ns: int | None = None,
    ) -> list[Event]:
        """The youngest events, the youngest last.

        Args:
            most: How many.
            mapping: Only those of this mapping; None: all.
            path: Only those at and below this path of the mapping; empty: all.
            since_ns: Only those from then on.
        """
        conditions, values = ["TRUE"], list[int | str | bytes]()
        if since_ns is not None:
            conditions, values = ["at_ns >= ?"], [since_ns]
        if mapping is not None:
            conditions.append("mapping = ?")
            values.append(mapping)
        if path:
            conditions.append("(path = ? OR path > ? AND path < ? OR path > ? AND path < ?)")
            values += [stored(path), *chain.from_iterable(below(path))]
        rows = self._database.rows(
            "SELECT at_ns, kind, mapping, path, text, code FROM history"
            f" WHERE {' AND '.join(conditions)} ORDER BY id DESC LIMIT ?",
            (*values, most),
        )
        return [
            Event(at_ns, HistoryKind(kind), name, loaded(where), text, code and reason_of(code))
            for at_ns, kind, name, where, text, code in reversed(rows)
        ]

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
