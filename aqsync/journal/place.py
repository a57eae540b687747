"""Whether a journal can be used, or made where it is to be."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from aqsync.errors import ConfigError
from aqsync.journal import Journal
from aqsync.journal.trusted import require_trusted


def check_journal(path: Path) -> None:
    """See that it can be read, or made where it is to be; nothing is left behind.

    Raises:
        JournalError: It is there and cannot be used, or others could put one there.
        ConfigError: It cannot be made.
    """
    if os.path.lexists(path):
        Journal.open_for_reading(path).close()
        return
    folder = next(parent for parent in path.parents if os.path.lexists(parent))
    if folder != path.parent and str(path.parent) == os.environ.get("STATE_DIRECTORY"):
        return  # systemd makes it at the first start of the service
    try:
        if folder == path.parent:
            require_trusted(path)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as exc:
        raise ConfigError(
            f"the journal {path} cannot be made: {folder}: {exc.strerror}",
            hint="name a file in a folder on a local disk where this user may write",
        ) from exc
