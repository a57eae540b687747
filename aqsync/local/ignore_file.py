"""The ignore file of a root, which anybody who can write there may have made."""

from __future__ import annotations

import errno
from pathlib import Path

from aqsync.config import MappingConfig
from aqsync.errors import ConfigError, RootUnusable
from aqsync.local.disk import REAL_DISK, Disk
from aqsync.local.roots import require_enterable
from aqsync.local.rules import IGNORE_FILE, Rules
from aqsync.model import EntryKind

MOST_BYTES = 64 << 10
"""Of an ignore file; nobody writes so many patterns by hand."""


def load_rules(
    mapping: MappingConfig, disk: Disk = REAL_DISK, before: Rules | None = None
) -> Rules:
    """A mapping's rules, with what the root's own ignore file adds.

    Args:
        mapping: Which.
        disk: Where its root is.
        before: Its rules as last loaded; they are returned if the ignore file is the same.

    Raises:
        RootUnusable: The ignore file exists and is not valid, so it is unknown what to ignore.
    """
    path = mapping.directory / IGNORE_FILE
    try:
        text = read_ignore_file(mapping.directory, disk)
    except OSError as exc:
        if isinstance(exc, PermissionError):
            require_enterable(mapping.directory, IGNORE_FILE, disk)
        raise RootUnusable(
            f"{path} cannot be read: {exc.strerror}",
            hint="make it a small file that aqsync can read, or remove it",
        ) from exc
    if before is not None and before.root_ignore == text:
        return before
    try:
        return Rules(mapping, text)
    except ConfigError as exc:
        raise RootUnusable(exc.message, hint=f"correct {path}") from exc


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
