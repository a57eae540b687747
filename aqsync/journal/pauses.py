"""What people have paused; a pause outlives a restart."""

from __future__ import annotations

from typing import NamedTuple

from aqsync.journal.database import Database

EVERYTHING = ""
"""Instead of a mapping's name: all mappings."""


class Pause(NamedTuple):
    """Nothing of a mapping talks to the server."""

    since_ns: int
    until_ns: int | None
    """None: until a person resumes it."""

    def active(self, now_ns: int) -> bool:
        """Whether it is not over yet."""
        return self.until_ns is None or now_ns < self.until_ns


class Pauses:
    """The table of pauses, by the mapping's name or `EVERYTHING`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def all(self) -> dict[str, Pause]:
        """Every pause, also those that are over."""
        rows = self._database.rows("SELECT mapping, since_ns, until_ns FROM pause ORDER BY mapping")
        return {mapping: Pause(since_ns, until_ns) for mapping, since_ns, until_ns in rows}

    def active(self, now_ns: int) -> dict[str, Pause]:
        """The pauses that are not over yet."""
        return {name: pause for name, pause in self.all().items() if pause.active(now_ns)}

    def pause(self, mapping: str, now_ns: int, until_ns: int | None) -> None:
        """Pause a mapping, or everything; a pause that exists gets another end.

        Args:
            mapping: Its name, or `EVERYTHING`.
            now_ns: The wall clock, nanoseconds since 1970.
            until_ns: When it ends by itself; None: never.
        """
        with self._database.writing() as connection:
            connection.execute("DELETE FROM pause WHERE until_ns <= ?", (now_ns,))
            connection.execute(
                "INSERT INTO pause (mapping, since_ns, until_ns) VALUES (?, ?, ?)"
                " ON CONFLICT (mapping) DO UPDATE SET until_ns = excluded.until_ns",
                (mapping, now_ns, until_ns),
            )

    def resume(self, mapping: str) -> None:
        """End the pause of a mapping; `EVERYTHING` ends all pauses."""
        with self._database.writing() as connection:
            if mapping == EVERYTHING:
                connection.execute("DELETE FROM pause")
            else:
                connection.execute("DELETE FROM pause WHERE mapping = ?", (mapping,))
