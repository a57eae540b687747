"""The tokens of an embedded server, which may be running, as commands work with them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from aqsync.cli.serving.storage_options import not_installed
from aqsync.errors import ServeFailed

if TYPE_CHECKING:
    from aqsync.server.catalog.catalog import Catalog
    from aqsync.server.catalog.database import Database
    from aqsync.server.rights.tokens import Tokens
    from aqsync.server.settings import StorageSettings


@dataclass(frozen=True, slots=True)
class OpenedTokens:
    """The tokens, the experiments that they may be bound to, and the database of both."""

    tokens: Tokens
    catalog: Catalog
    database: Database


@contextmanager
def opened_tokens(storage: StorageSettings, *, may_be_new: bool) -> Iterator[OpenedTokens]:
    """Open the database where a server keeps its tokens, whether it runs or not.

    Args:
        storage: Where the server keeps everything.
        may_be_new: Whether the database is made if it is missing.

    Raises:
        ServeFailed: It cannot be used, or what is done with the tokens is refused.
    """
    try:
        from aqsync.server.catalog.catalog import Catalog  # noqa: PLC0415 - an optional extra
        from aqsync.server.errors import OperationRefused, ServerStartError  # noqa: PLC0415
        from aqsync.server.rights.opening import open_database_of  # noqa: PLC0415
        from aqsync.server.rights.tokens import Tokens  # noqa: PLC0415
    except ImportError as exc:
        raise not_installed(exc) from exc
    try:
        with closing(open_database_of(storage, may_be_new=may_be_new)) as database:
            yield OpenedTokens(Tokens(database), Catalog(database), database)
    except ServerStartError as exc:
        raise ServeFailed(exc.message, hint=exc.hint) from exc
    except OperationRefused as exc:
        raise ServeFailed(str(exc).rstrip(".")) from exc
