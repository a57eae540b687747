"""Whether a database and a directory of files belong together."""

from __future__ import annotations

from pathlib import Path
from uuid import uuid4

from aqsync.server.catalog.database import Database
from aqsync.server.errors import ServerStartError

MARK = "server.id"


def check_place(data: Path, database: Database) -> None:
    """Refuse a database whose files are elsewhere: all of them would seem to be lost.

    Args:
        data: The directory; it gets a mark if it has none.
        database: It notes the mark of the first directory that it was used with.

    Raises:
        ServerStartError: They do not belong together.
        OSError: The directory cannot be used.
    """
    path = data / MARK
    try:
        mark = path.read_text(encoding="ascii").strip()
    except FileNotFoundError:
        mark = str(uuid4())
        path.write_text(f"{mark}\n", encoding="ascii")
    with database.changing() as connection:
        connection.execute(
            "INSERT INTO place_of_files VALUES (1, ?) ON CONFLICT DO NOTHING", (mark,)
        )
        ((noted,),) = connection.execute("SELECT mark FROM place_of_files").fetchall()
    if noted != mark:
        raise ServerStartError(
            f"the files of this database are not in {data}",
            f"Name the directory that has the file {MARK} with the line {noted}.",
        )
