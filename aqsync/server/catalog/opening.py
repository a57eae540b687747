"""Which database a server keeps everything in."""

from __future__ import annotations

import logging
from pathlib import Path

from aqsync.server.catalog.database import Database
from aqsync.server.catalog.sqlite import SqliteDatabase
from aqsync.server.errors import ServerStartError

CATALOG = "catalog.db"
_log = logging.getLogger(__name__)


def check_there(data: Path | None, url: str | None) -> None:
    """Refuse a directory that no server was started with: a wrong one is not to become a new one.

    Raises:
        ServerStartError: It is none.
    """
    if data is None or (data / CATALOG).is_file() or (url is not None and data.is_dir()):
        return
    raise ServerStartError(
        f"{data} holds nothing of a server", "Name the directory that the server was started with."
    )


def open_database(data: Path | None, url: str | None) -> Database:
    """Open the database, and bring it up to date.

    Args:
        data: The directory that has it if it is a file; may be None if it is none.
        url: Where the PostgreSQL database is; None: it is a file.

    Raises:
        ServerStartError: It cannot be used.
        OSError: The directory cannot be used.
    """
    if url is None:
        if data is None:
            raise ServerStartError("no place for the database is named", "Name a --database.")
        return SqliteDatabase(data / CATALOG)
    if data is not None and (data / CATALOG).exists():
        raise ServerStartError(
            f"the data directory {data} belongs to a server whose database is in it",
            "Start with another --data, or without --database.",
        )
    try:
        # An optional extra.
        from aqsync.server.catalog.postgres import PostgresDatabase  # noqa: PLC0415
        from aqsync.server.catalog.postgres_address import PostgresAddress  # noqa: PLC0415
    except ImportError as exc:
        raise ServerStartError(
            f"what talks to PostgreSQL is not installed ({exc.name or exc} is missing)",
            "In a clone of aqsync: pip install '.[server,postgres]'",
        ) from exc
    address = PostgresAddress(url)
    if address.shows_a_password:
        _log.warning(
            "other users of this machine can see the password of the database in the list of"
            " processes; put it into ~/.pgpass instead"
        )
    return PostgresDatabase(address)
