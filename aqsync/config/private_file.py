"""Files that hold secrets: read only if nobody else can read them."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from aqsync.errors import ConfigError

_MAX_BYTES = 65_536


def read_private_file(path: Path, what: str, *, open_to_others: bool = False) -> str | None:
    """The file's content; None if there is no such file.

    Args:
        path: The file.
        what: What it is, for messages: ``token file``.
        open_to_others: Others may have the right to read it.

    Raises:
        ConfigError: Others can read it, it is no regular file, or it cannot be read.
    """
    try:
        # A FIFO without a writer would block for ever.
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
        with os.fdopen(descriptor, "rb") as file:
            status = os.fstat(file.fileno())
            if not stat.S_ISREG(status.st_mode):
                raise ConfigError(f"the {what} {path} is not a regular file")
            if os.name == "posix" and not open_to_others and status.st_mode & 0o077:
                raise ConfigError(
                    f"other users can read the {what} {path} "
                    f"(mode {stat.S_IMODE(status.st_mode):04o})",
                    hint=f"chmod 600 {path}",
                )
            return file.read(_MAX_BYTES).decode("latin-1")
    except FileNotFoundError:
        return None
    except OSError as error:
        raise ConfigError(f"the {what} {path} cannot be read: {error.strerror}") from error
