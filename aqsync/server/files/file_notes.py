"""What the database knows of files that lie in folders: their SHA-256, and whose they are."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from aqsync.server.catalog.database import Database, transaction
from aqsync.server.catalog.experiment_number import number_of
from aqsync.server.files.file_rows import OF_EXPERIMENT


@dataclass(frozen=True, slots=True)
class Note:
    """What is known of one version of a file.

    Attributes:
        sha256: Of its bytes; None if nobody has asked for it yet.
        owner: The owner of the token with which it was put there; None if that is not known.
    """

    sha256: bytes | None = None
    owner: str | None = None


class FileNotes:
    """Notes on files. Any thread may call. A note holds for the version with its time alone.

    Args:
        database: Where they are kept.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    @transaction
    def of(self, uuid: UUID, name: str, time: int) -> Note:
        """Return what is noted of the version with this time."""
        with self._database.reading() as database:
            row = database.execute(
                f"SELECT sha256, owner FROM file_note WHERE {OF_EXPERIMENT}"  # noqa: S608 - of constants
                " AND name = ? AND stored_at = ?",
                (str(uuid), name, time),
            ).fetchone()
        if row is None:
            return Note()
        sha256, owner = row
        return Note(None if sha256 is None else bytes(sha256), owner)

    @transaction
    def note(self, uuid: UUID, name: str, time: int, note: Note, *, beside: int | None) -> None:
        """Note what is known of a version.

        Args:
            uuid: The experiment.
            name: The file's name.
            time: The version's time.
            note: What is known of it.
            beside: The time of a version that is still there, whose note stays; None for no other.
        """
        with self._database.changing() as database:
            number = number_of(database, uuid)
            if number is None:
                return
            database.execute(
                "DELETE FROM file_note WHERE experiment = ? AND name = ? AND stored_at <> ?",
                (number, name, time if beside is None else beside),
            )
            database.execute(
                "INSERT INTO file_note (experiment, name, stored_at, sha256, owner)"
                " VALUES (?, ?, ?, ?, ?) ON CONFLICT (experiment, name, stored_at)"
                " DO UPDATE SET sha256 = excluded.sha256, owner = excluded.owner",
                (number, name, time, note.sha256, note.owner),
            )
