"""The number that the tables know an experiment by."""

from __future__ import annotations

from uuid import UUID

from aqsync.server.catalog.database import Connection


def number_of(database: Connection, uuid: UUID) -> int | None:
    """Return an experiment's number; None if there is no such experiment."""
    row = database.execute("SELECT number FROM experiment WHERE uuid = ?", (str(uuid),)).fetchone()
    return None if row is None else int(row[0])
