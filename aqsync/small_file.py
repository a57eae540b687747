"""Small files that are replaced as a whole."""

from __future__ import annotations

import os
from pathlib import Path


def replace_file(path: Path, content: bytes, mode: int) -> None:
    """Write a file, so that a reader finds the old content or the new one.

    Args:
        path: Its path.
        content: All of it.
        mode: Who may read and write it, whatever the umask is.

    Raises:
        OSError: It cannot be written; what was there stays.
    """
    beside = path.with_name(f".{path.name}.new")
    beside.unlink(missing_ok=True)
    # Nobody else reads it before it is whole, and no link that lies there is followed.
    made = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(made, "wb") as file:
            file.write(content)
        beside.chmod(mode)
        beside.replace(path)
    except OSError:
        beside.unlink(missing_ok=True)
        raise
