"""What people were told, and messages that are still to be sent.

Nothing is decided about files from it. What was told, and the messages about it, are noted in one
transaction, so that a kill neither loses a message nor makes one twice.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from aqsync.journal.database import Database


class Key(NamedTuple):
    """What an alarm is known by."""

    kind: str
    """What the message about it is about: `aqsync.config.notify.On`."""
    mapping: str
    """Its mapping; empty: it concerns all."""
    code: str
    """Its reason's code."""


class Notice(NamedTuple):
    """An alarm that people were told of."""

    key: Key
    text: str
    told_at_ns: int
    """When, nanoseconds since 1970."""
    gone_at_ns: int | None = None
    """Since when it has not been seen; None: it is there."""
    over_at_ns: int | None = None
    """When people were told that it is over; None: they were not."""
    again: int = 0
    """How often it came back soon after that."""


class Outgoing(NamedTuple):
    """A message that one address has not taken yet."""

    id: int
    at_ns: int
    address: str
    """The label of where it goes: no secret."""
    body: str


class Notices:
    """The tables of notices and of outgoing messages."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def all(self) -> list[Notice]:
        """What people were told of, also what is over but not forgotten."""
        rows = self._database.rows(
            "SELECT kind, mapping, code, text, told_at_ns, gone_at_ns, over_at_ns, again"
            " FROM notice ORDER BY told_at_ns, kind, mapping, code"
        )
        return [Notice(Key(*row[:3]), *row[3:]) for row in rows]

    def note(
        self,
        changed: Iterable[Notice],
        forgotten: Iterable[Key] = (),
        outgoing: Iterable[tuple[int, str, str]] = (),
    ) -> None:
        """Write down what people are about to be told, in one transaction.

        Args:
            changed: Notices that are new or otherwise than before.
            forgotten: Notices to forget.
            outgoing: Messages: when they were made, to which address, and the body.
        """
        with self._database.writing() as connection:
            connection.executemany(
                "INSERT OR REPLACE INTO notice (kind, mapping, code, text, told_at_ns, gone_at_ns,"
                " over_at_ns, again) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                [(*notice.key, *notice[1:]) for notice in changed],
            )
            connection.executemany(
                "DELETE FROM notice WHERE kind = ? AND mapping = ? AND code = ?", list(forgotten)
            )
            connection.executemany(
                "INSERT INTO outgoing (at_ns, address, body) VALUES (?, ?, ?)", list(outgoing)
            )

    def outgoing(self) -> list[Outgoing]:
        """The messages that are still to be sent, the oldest first."""
        rows = self._database.rows("SELECT id, at_ns, address, body FROM outgoing ORDER BY id")
        return [Outgoing(*row) for row in rows]

    def sent(self, message: Outgoing) -> None:
        """An address has taken a message, or never will."""
        with self._database.writing() as connection:
            connection.execute("DELETE FROM outgoing WHERE id = ?", (message.id,))
