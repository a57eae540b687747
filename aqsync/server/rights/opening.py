"""Opening the tokens of a server beside it, without the lock on its directory."""

from __future__ import annotations

from contextlib import closing

from aqsync.server.catalog.database import Database
from aqsync.server.catalog.opening import CATALOG, check_there, open_database
from aqsync.server.errors import ServerStartError
from aqsync.server.private_folder import make_private
from aqsync.server.rights.tokens import Tokens
from aqsync.server.settings import StorageSettings


def open_database_of(settings: StorageSettings, *, may_be_new: bool = False) -> Database:
    """Open the database of a server that may be running.

    Args:
        settings: Where the server keeps everything.
        may_be_new: Whether the database is made if it is missing.

    Raises:
        ServerStartError: It cannot be used.
    """
    if not may_be_new:
        check_there(settings.data, settings.database)
    try:
        if settings.data is not None:
            make_private(settings.data)
        return open_database(settings.data, settings.database)
    except OSError as exc:
        raise ServerStartError(
            f"the data directory {settings.data} cannot be used: {exc.strerror or exc}",
            "Name the directory of the server, as its user.",
        ) from exc


def has_tokens(settings: StorageSettings) -> bool:
    """Tell whether a server has ever had a token, so that it asks for one.

    Raises:
        ServerStartError: Its database cannot be used.
    """
    data = settings.data
    if data is not None and settings.database is None and not (data / CATALOG).exists():
        return False
    with closing(open_database_of(settings, may_be_new=True)) as database:
        return Tokens(database).there_are_any()
