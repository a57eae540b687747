"""Whether a database and the place of its files belong together.

Of another place, all files would seem to be lost; of another database, all blobs would be nobody's,
and the sweep would remove them.
"""

from __future__ import annotations

from pathlib import Path
from uuid import uuid4

from aqsync.server.catalog.database import Database
from aqsync.server.errors import ServerStartError
from aqsync.server.files.blobs import BlobStore
from aqsync.server.files.experiment_folders import EXPERIMENTS

MARK = "server.id"
_BLOBS = "blobs-"
"""How the marks of places for blobs begin."""


def check_place(data: Path, database: Database, *, is_shared: bool) -> None:
    """Refuse a database whose files are elsewhere.

    Args:
        data: The directory with the files; with a shared database it gets a mark if it has none.
        database: It notes the mark of the first place that it was used with.
        is_shared: Whether the database is elsewhere than in the directory.

    Raises:
        ServerStartError: They do not belong together.
        OSError: The directory cannot be used.
    """
    noted = _noted(database)
    if noted is not None and noted.startswith(_BLOBS):
        raise ServerStartError(
            "the files of this database are not in a data directory",
            "Name their place by --files.",
        )
    if not is_shared:
        return
    path = data / MARK
    try:
        mark = path.read_text(encoding="ascii").strip()
    except FileNotFoundError:
        mark = str(uuid4())
        path.write_text(f"{mark}\n", encoding="ascii")
    noted = _note(database, mark)
    if noted != mark:
        raise ServerStartError(
            f"the files of this database are not in {data}",
            f"Name the directory that has the file {MARK} with the line {noted}.",
        )


def check_folders(data: Path) -> None:
    """Refuse a data directory that has files of its own, which nobody would see any more.

    Raises:
        ServerStartError: It has some.
        OSError: It cannot be read.
    """
    folders = data / EXPERIMENTS
    if folders.is_dir() and any(any(folder.iterdir()) for folder in folders.iterdir()):
        raise ServerStartError(
            f"the data directory {data} has files of its own",
            "Start without --files, or with another --data.",
        )


def check_blobs(blobs: BlobStore, database: Database) -> None:
    """Refuse a place for blobs that belongs to another database.

    Args:
        blobs: The place; it gets a mark if it is new.
        database: It notes the mark of the first place that it was used with.

    Raises:
        ServerStartError: They do not belong together, or the place cannot be used.
    """
    # The database first: of several servers that start at once, all go on with one mark.
    noted = _note(database, f"{_BLOBS}{uuid4()}")
    if not noted.startswith(_BLOBS):
        raise ServerStartError(
            "the files of this database are in a data directory",
            f"Start without --files, with the --data that has the file {MARK} with {noted}.",
        )
    with database.reading() as connection:
        is_new = connection.execute("SELECT 1 FROM file LIMIT 1").fetchone() is None
    there = blobs.mark(noted if is_new else None)
    if there != noted:
        whose = "no server's" if there is None else "those of another database"
        raise ServerStartError(
            f"the files of this database are not where --files says: what is there is {whose}",
            "Name the place that this database was used with before, or an empty one for a new"
            " database.",
        )


def _noted(database: Database) -> str | None:
    with database.reading() as connection:
        row = connection.execute("SELECT mark FROM place_of_files").fetchone()
    return None if row is None else str(row[0])


def _note(database: Database, mark: str) -> str:
    """Note a mark, unless another one is noted; return the one that is noted."""
    with database.changing() as connection:
        connection.execute(
            "INSERT INTO place_of_files VALUES (1, ?) ON CONFLICT DO NOTHING", (mark,)
        )
        ((noted,),) = connection.execute("SELECT mark FROM place_of_files").fetchall()
    return str(noted)
