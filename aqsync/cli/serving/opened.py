"""A server's storage, opened by a command beside the server."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from aqsync.cli.output import complain
from aqsync.cli.serving.storage_options import not_installed
from aqsync.errors import LocalError, NotMoved, ServeFailed

if TYPE_CHECKING:
    from aqsync.server.settings import StorageSettings
    from aqsync.server.storage import Storage


@contextmanager
def opened_storage(settings: StorageSettings, *, may_be_new: bool) -> Iterator[Storage]:
    """Open a storage for the block, and turn what goes wrong in it into errors of commands.

    Args:
        settings: Where everything is kept.
        may_be_new: Whether it is made if it is missing.

    Raises:
        ServeFailed: It cannot be used, or a server uses it.
        NotMoved: What is to be moved cannot be.
        LocalError: The disk failed.
    """
    try:
        from aqsync.server.catalog.database import DatabaseAway  # noqa: PLC0415 - an optional extra
        from aqsync.server.catalog.opening import check_there  # noqa: PLC0415 - the same
        from aqsync.server.errors import FileRefused, ServerStartError  # noqa: PLC0415 - the same
        from aqsync.server.moving.moved import MoveRefused  # noqa: PLC0415 - the same
        from aqsync.server.storage import Storage  # noqa: PLC0415 - the same
    except ImportError as exc:
        raise not_installed(exc) from exc
    try:
        if not may_be_new:
            check_there(settings.data, settings.database)
        storage = Storage(settings)
    except ServerStartError as exc:
        raise ServeFailed(exc.message, hint=exc.hint) from exc
    try:
        storage.files.begin()
        yield storage
    except MoveRefused as exc:
        for line in exc.details:
            complain(f"  {line}")
        raise NotMoved(exc.message, hint=exc.hint) from exc
    except (DatabaseAway, FileRefused) as exc:
        raise NotMoved(str(exc).rstrip("."), hint="try again when it is back") from exc
    except OSError as exc:
        raise LocalError(f"the storage cannot be used: {exc.strerror or exc}") from exc
    finally:
        storage.close()
