"""Files that a person removed here to free space: their copies on the server are the only ones."""

from __future__ import annotations

from collections.abc import Iterable
from sqlite3 import Connection
from typing import NamedTuple

from aqsync.journal import history
from aqsync.journal.database import Database
from aqsync.journal.history import Event, HistoryKind
from aqsync.journal.manifests import LOST
from aqsync.journal.rows import UNCHANGED, joined, split
from aqsync.model import FileRecord, Freed

_NOTE = (
    "INSERT OR REPLACE INTO freed (uuid, name, at_ns, sha256, size, modified_at)"
    " SELECT uuid, ?, ?, ?, ?, ? FROM experiment WHERE eid = ? AND uuid IS NOT NULL"
)
_TOLD_BY = (  # noting it has just changed what the manifest would say
    "UPDATE freed SET changes = (SELECT changes FROM manifest WHERE eid = ?)"
    " WHERE name = ? AND uuid = (SELECT uuid FROM experiment WHERE eid = ?)"
)


class FreedOf(NamedTuple):
    """How much of a mapping was freed."""

    mapping: str | None
    """None: no mapping leads to these files now."""
    files: int
    bytes: int


class FreedCopies:
    """The table of freed files, by experiment and name."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def note(self, files: Iterable[tuple[FileRecord, Freed]], now_ns: int) -> list[FileRecord]:
        """Before files are removed here: from now on nothing may touch their copies.

        Args:
            files: Each as it was when it was proved to be on the server, with what was proved.
            now_ns: The wall clock, nanoseconds since 1970.

        Returns:
            Those that are noted: the others are no longer as they were here, or in the last list.
        """
        noted = []
        with self._database.writing() as connection:
            for file, freed in files:
                if file.local is None:
                    continue
                here = connection.execute(
                    "SELECT 1 FROM file f JOIN remote_file r ON r.eid = f.eid"
                    f" AND r.name = f.remote_name WHERE f.id = ? AND f.eid = ? AND {UNCHANGED}"
                    " AND f.size = ? AND f.mtime_ns = ? AND f.ctime_ns = ? AND f.inode = ?"
                    " AND f.log = ? AND f.remote_name = ? AND f.synced_sha256 = ?"
                    " AND r.modified_at = ?",
                    (
                        *(file.id, file.eid, *file.local, file.remote_name),
                        *(freed.sha256, freed.modified_at),
                    ),
                ).fetchone()
                if here is not None:
                    note(connection, file, freed._replace(at_ns=now_ns))
                    noted.append(file)
        return noted

    def is_told(self, file: FileRecord) -> bool:
        """Whether a manifest on the server calls a file freed: from now on any journal knows it."""
        told: int | None = self._database.value(
            "SELECT m.size IS NOT NULL AND m.uuid = d.uuid AND m.has_changes >= d.changes"
            f" AND NOT ({LOST}) FROM manifest m JOIN experiment e ON e.eid = m.eid"
            " JOIN freed d ON d.uuid = e.uuid AND d.name = ? WHERE m.eid = ?",
            (file.remote_name, file.eid),
        )
        return bool(told)

    def paths(self, mapping_id: int) -> set[str]:
        """The paths of a mapping whose files were freed, or are about to be."""
        rows = self._database.rows(
            "SELECT f.directory, f.name FROM freed d JOIN experiment e ON e.uuid = d.uuid"
            " JOIN file f ON f.eid = e.eid AND f.remote_name = d.name WHERE f.mapping_id = ?",
            (mapping_id,),
        )
        return {joined(directory, name) for directory, name in rows}

    def counted(self, since_ns: int, until_ns: int) -> list[FreedOf]:
        """What was freed in a period and has not come back since, by mapping.

        Args:
            since_ns: Nanoseconds since 1970.
            until_ns: The same.
        """
        rows = self._database.rows(
            "SELECT (SELECT m.name FROM experiment e"
            " JOIN file f ON f.eid = e.eid AND f.remote_name = d.name"
            " JOIN mapping m ON m.id = f.mapping_id WHERE e.uuid = d.uuid LIMIT 1) AS mapping,"
            " count(*), sum(size) FROM freed d WHERE at_ns >= ? AND at_ns <= ? GROUP BY mapping"
            " ORDER BY mapping",
            (since_ns, until_ns),
        )
        return [FreedOf(*row) for row in rows]

    def forget(self, files: Iterable[FileRecord]) -> None:
        """A person knows that these copies are lost, or was told that the files stay here."""
        with self._database.writing() as connection:
            for file in files:
                forget(connection, file)


def note(connection: Connection, file: FileRecord, freed: Freed) -> None:
    """Note what is known of the copy of a file; inside a transaction."""
    connection.execute(_NOTE, (file.remote_name, *freed, file.eid))
    connection.execute(_TOLD_BY, (file.eid, file.remote_name, file.eid))


def forget(connection: Connection, file: FileRecord) -> None:
    """The copy is not the only one any more; inside a transaction."""
    connection.execute(
        "DELETE FROM freed WHERE name = ? AND uuid = (SELECT uuid FROM experiment WHERE eid = ?)",
        (file.remote_name, file.eid),
    )


def note_gone(connection: Connection, mapping_id: int, path: str, now_ns: int) -> None:
    """Tell the history that a file is gone which a person has freed; inside a transaction.

    Args:
        connection: To the journal.
        mapping_id: Of its mapping.
        path: Of the file, which is still known as being here.
        now_ns: When it was seen to be gone, nanoseconds since 1970.
    """
    row = connection.execute(
        "SELECT m.name, d.size, d.sha256, coalesce(e.shown_eid, e.eid) FROM file f"
        " JOIN mapping m ON m.id = f.mapping_id JOIN experiment e ON e.eid = f.eid"
        " JOIN freed d ON d.uuid = e.uuid AND d.name = f.remote_name"
        f" WHERE f.mapping_id = ? AND f.directory = ? AND f.name = ? AND {UNCHANGED}"
        " AND f.synced_sha256 = d.sha256",
        (mapping_id, *split(path)),
    ).fetchone()
    if row is not None:
        name, size, sha256, eid = row
        told = Event(now_ns, HistoryKind.FREED, name, path, "", None, size, sha256.hex(), eid)
        history.note(connection, told)
