"""The ignore file of a root, which anybody who can write there may have made."""

from __future__ import annotations

import errno
from pathlib import Path

from aqsync.local.disk import Disk
from aqsync.local.rules import IGNORE_FILE
from aqsync.model import EntryKind

MOST_BYTES = 64 << 10
"""Of an ignore file; nobody writes so many patterns by hand."""


def read_ignore_file(root: Path, disk: Disk) -> str:
    """Its text; bytes that are no UTF-8 escape. Empty where there is none.

    Raises:
        OSError: It is a symbolic link, no file, or too large, or it cannot be read.
    """
    try:
        opened = disk.open(root, IGNORE_FILE)
    except (FileNotFoundError, NotADirectoryError):
        return ""
    except OSError as exc:
        if exc.errno == errno.ELOOP:
            raise OSError(errno.ELOOP, "it is a symbolic link, which is not followed") from exc
        raise
    try:
        kind = opened.look()[0]
        if kind is EntryKind.OTHERS:
            raise OSError(errno.EPERM, "it belongs to a user whom `require_owner` does not name")
        if kind is not EntryKind.FILE:
            raise OSError(errno.EINVAL, "it is not a file")
        content = b""
        while piece := opened.read(MOST_BYTES + 1 - len(content)):
            content += piece
        if len(content) > MOST_BYTES:
            raise OSError(errno.EFBIG, f"it has more than {MOST_BYTES >> 10} KiB")
    finally:
        opened.close()
    return content.decode("utf-8", "surrogateescape")
