"""The status file of this PC in its fleet: what it is called by, and what was sent last."""

from __future__ import annotations

import secrets
from typing import NamedTuple

from aqsync.journal.database import Database

_ID_BYTES = 6


class OwnStatus(NamedTuple):
    """What is known of the status file of this PC."""

    id: str
    """12 hexadecimal digits, drawn once."""
    sequence: int = 0
    """The number of the last one that was sent, or was about to be."""
    sha256: bytes | None = None
    """Of the last one; None: none was sent under this id."""


class Fleet:
    """The table of one row."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def own(self) -> OwnStatus:
        """What is known; the id is drawn at the first call."""
        rows = self._database.rows("SELECT id, sequence, sha256 FROM fleet")
        return OwnStatus(*rows[0]) if rows else self.draw()

    def draw(self) -> OwnStatus:
        """Draw another id: something else stands where the file of this one belongs."""
        drawn = OwnStatus(secrets.token_hex(_ID_BYTES))
        self.note(drawn)
        return drawn

    def note(self, own: OwnStatus) -> None:
        """Write down what is about to be sent."""
        with self._database.writing() as connection:
            connection.execute(
                "INSERT OR REPLACE INTO fleet (only, id, sequence, sha256) VALUES (1, ?, ?, ?)", own
            )
