"""Opening things under a root without leaving it: the seam to the operating system.

Where the system can open relative to a directory (Linux, macOS), every part of a path is
opened without following a symbolic link. Elsewhere the whole path is checked first.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path

from aqsync.model import EntryKind, Signature

RELATIVE_OPEN = os.open in os.supports_dir_fd and hasattr(os, "O_NOFOLLOW")

_DIRECTORY = getattr(os, "O_DIRECTORY", 0) | getattr(os, "O_NOFOLLOW", 0) | os.O_RDONLY
# A FIFO that took a file's place would block an opener for ever without O_NONBLOCK.
_FILE = (
    os.O_RDONLY
    | getattr(os, "O_NOFOLLOW", 0)
    | getattr(os, "O_NONBLOCK", 0)
    | getattr(os, "O_BINARY", 0)
)

_INODE_MASK = 0x7FFF_FFFF_FFFF_FFFF
"""SQLite integers are signed; some file systems number their inodes with all 64 bits."""
_LATEST_NS = 0x7FFF_FFFF_FFFF_FFFF
"""In the year 2262; file systems know later times, which broken clocks and programs set."""


_A_FILE = EntryKind.FILE  # looking a member up in its class takes longer than all the rest

Seen = tuple[EntryKind | None, int, int, int, int]
"""Kind (None: a directory) and signature, in one plain tuple."""


def seen_in(status: os.stat_result) -> Seen:
    """The kind and the signature that a stat result shows.

    Quick, for every scan asks it of every file.
    """
    mtime_ns, ctime_ns = status.st_mtime_ns, status.st_ctime_ns
    if not (-_LATEST_NS <= mtime_ns <= _LATEST_NS and -_LATEST_NS <= ctime_ns <= _LATEST_NS):
        mtime_ns, ctime_ns = _within_64_bits(mtime_ns), _within_64_bits(ctime_ns)
    return (
        _A_FILE if stat.S_ISREG(status.st_mode) else kind_of(status),
        status.st_size,
        mtime_ns,
        ctime_ns,
        status.st_ino & _INODE_MASK,
    )


def _within_64_bits(time_ns: int) -> int:
    return max(-_LATEST_NS, min(time_ns, _LATEST_NS))


def signature_of(status: os.stat_result) -> Signature:
    """The signature that a stat result shows."""
    return Signature(*seen_in(status)[1:])


def kind_of(status: os.stat_result) -> EntryKind | None:
    """What an entry is; None for a directory."""
    if stat.S_ISREG(status.st_mode):
        return EntryKind.FILE
    if stat.S_ISDIR(status.st_mode):
        return None
    return EntryKind.SYMLINK if stat.S_ISLNK(status.st_mode) else EntryKind.SPECIAL


def open_root(root: Path) -> int:
    """A descriptor for the root itself, which may be reached through a symbolic link."""
    return os.open(root, os.O_RDONLY | getattr(os, "O_DIRECTORY", 0))


def open_file(root: Path, path: str) -> int:
    """A descriptor for reading one file below the root.

    Args:
        root: The mapping's directory.
        path: The file's path relative to it.

    Raises:
        OSError: It cannot be opened; ELOOP or ENOTDIR where a part is a symbolic link.
    """
    if not RELATIVE_OPEN:
        return _open_checked(root, path)
    *parents, name = path.split("/")
    directory = open_root(root)
    try:
        for parent in parents:
            below = os.open(parent, _DIRECTORY, dir_fd=directory)
            os.close(directory)
            directory = below
        return os.open(name, _FILE, dir_fd=directory)
    finally:
        os.close(directory)


def _open_checked(root: Path, path: str) -> int:
    place = root
    for part in path.split("/"):
        place /= part
        if place.is_symlink():
            raise OSError(f"{place} is a symbolic link")
    return os.open(place, _FILE)
