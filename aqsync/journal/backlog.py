"""How many files were still to come, now and then, for people: nothing is decided from it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from aqsync.journal.database import Database


class ToCome(NamedTuple):
    """What is not on the server as it is here."""

    files: int
    bytes: int


class Sample(NamedTuple):
    """How much of a mapping was still to come at one time."""

    at_ns: int
    """Nanoseconds since 1970."""
    mapping: str
    files: int
    bytes: int


class Backlog:
    """The table of samples; what stays the same is written down once."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def note(self, now_ns: int, found: Mapping[str, ToCome]) -> None:
        """Write down what has changed since the last sample of each mapping.

        Args:
            now_ns: The wall clock, nanoseconds since 1970.
            found: How much is still to come, by mapping.
        """
        known = {name: ToCome(files, size) for _, name, files, size in self._newest()}
        changed = [
            (now_ns, name, *to_come)
            for name, to_come in found.items()
            if known.get(name, ToCome(0, 0)) != to_come
        ]
        if changed:
            self._database.write_each(
                "INSERT OR REPLACE INTO backlog (at_ns, mapping, files, bytes) VALUES (?, ?, ?, ?)",
                changed,
            )

    def since(self, since_ns: int) -> list[Sample]:
        """All samples from a time on, and the last of each mapping before it; the oldest first."""
        rows = self._database.rows(
            "SELECT max(at_ns) AS at_ns, mapping, files, bytes FROM backlog WHERE at_ns < ?"
            " GROUP BY mapping UNION ALL"
            " SELECT at_ns, mapping, files, bytes FROM backlog WHERE at_ns >= ?"
            " ORDER BY at_ns, mapping",
            (since_ns, since_ns),
        )
        return [Sample(*row) for row in rows]

    def prune(self, before_ns: int) -> None:
        """Forget the samples before a time but the last of each mapping."""
        with self._database.writing() as connection:
            connection.execute(
                "DELETE FROM backlog WHERE at_ns < ? AND at_ns <"
                " (SELECT max(later.at_ns) FROM backlog later"
                " WHERE later.mapping = backlog.mapping AND later.at_ns < ?)",
                (before_ns, before_ns),
            )

    def _newest(self) -> list[Sample]:
        rows = self._database.rows(
            "SELECT max(at_ns), mapping, files, bytes FROM backlog GROUP BY mapping"
        )
        return [Sample(*row) for row in rows]
