"""Files that nobody is known to own get an owner; the server may be running."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from uuid import UUID

from aqsync.server import rules
from aqsync.server.catalog.database import Connection, Database, transaction
from aqsync.server.files.experiment_folders import EXPERIMENTS
from aqsync.server.files.file_rows import OF_EXPERIMENT
from aqsync.server.settings import StorageSettings


@transaction
def hand_over(
    settings: StorageSettings,
    database: Database,
    uuid: UUID,
    owner: str,
    wanted: Callable[[str], bool],
) -> int:
    """Give an owner all files of an experiment that belong to nobody known.

    A file that is replaced at this moment stays whose it then is: only versions that were seen are
    handed over.

    Args:
        settings: Where everything is kept.
        database: The database of it.
        uuid: The experiment, which is there.
        owner: Whose they become.
        wanted: Tells which names are meant.

    Returns:
        How many files.

    Raises:
        OSError: The directory cannot be read.
    """
    if settings.files is None and settings.data is not None:
        versions = _in_folder(settings.data / EXPERIMENTS / str(uuid))
        with database.changing() as connection:
            return _note(connection, uuid, owner, [each for each in versions if wanted(each[0])])
    with database.changing() as connection:
        rows = connection.execute(
            f"SELECT name, stored_at FROM file WHERE {OF_EXPERIMENT} AND owner IS NULL",  # noqa: S608 - of constants
            (str(uuid),),
        ).fetchall()
        return sum(
            connection.execute(
                f"UPDATE file SET owner = ? WHERE {OF_EXPERIMENT} AND name = ?"  # noqa: S608 - the same
                " AND stored_at = ? AND owner IS NULL",
                (owner, str(uuid), name, stored_at),
            ).rowcount
            for name, stored_at in rows
            if wanted(name)
        )


def _in_folder(folder: Path) -> list[tuple[str, int]]:
    """The files in a folder, with the times of their versions."""
    with os.scandir(folder) as entries:
        return [
            (entry.name, entry.stat(follow_symlinks=False).st_mtime_ns // 1000)
            for entry in entries
            if rules.is_file_name(entry.name) and entry.is_file(follow_symlinks=False)
        ]


def _note(connection: Connection, uuid: UUID, owner: str, versions: list[tuple[str, int]]) -> int:
    return sum(
        connection.execute(
            "INSERT INTO file_note (experiment, name, stored_at, owner)"
            " SELECT number, ?, ?, ? FROM experiment WHERE uuid = ?"
            " ON CONFLICT (experiment, name, stored_at) DO UPDATE SET owner = excluded.owner"
            " WHERE file_note.owner IS NULL",
            (name, stored_at, owner, str(uuid)),
        ).rowcount
        for name, stored_at in versions
    )
