"""What the system says about files that are open for writing. Only Linux says so, of this machine.

`/proc/*/fd` shows what each process has open, as far as this user may look; `/proc/locks` shows
what anybody has locked for writing. No file is opened and no lock is taken: no writer notices.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from aqsync.local.mounts import without_events

PROC = Path("/proc")
_LOCK = re.compile(r"^\d+: (?!->).* WRITE -?\d+ ([0-9a-f]+):([0-9a-f]+):(\d+) ", re.MULTILINE)
_WRITABLE = 0o200
INODE_MASK = 0x7FFF_FFFF_FFFF_FFFF
"""SQLite integers are signed; some file systems number their inodes with all 64 bits."""


class OpenForWriting(NamedTuple):
    """Files that are open for writing, or locked for it."""

    paths: frozenset[str]
    """Relative to the root."""
    inodes: frozenset[int]
    """Of those whose paths the system does not tell."""


def open_for_writing(root: str, device: int, proc: Path = PROC) -> OpenForWriting | None:
    """The files below a root that are open for writing, as far as the system tells.

    Args:
        root: Absolute, without symbolic links.
        device: Its number.
        proc: Where the kernel tells of processes and locks.

    Returns:
        None: it tells nothing, or other machines may write to this file system.
    """
    if without_events(Path(root)) is not None:
        return None
    top = f"{root.rstrip('/')}/"
    try:
        with os.scandir(proc / "self" / "fd"):
            pass
        locks = (proc / "locks").read_text()
    except OSError:
        return None
    paths = (path for process in _processes(proc) for path in _written_by(process))
    return OpenForWriting(
        frozenset(path[len(top) :] for path in paths if path.startswith(top)),
        frozenset(inode & INODE_MASK for inode in _locked(locks, device)),
    )


def locked_for_writing(status: os.stat_result, proc: Path = PROC) -> bool:
    """Whether some program holds a lock for writing on a file, of whatever kind.

    Locks of programs in other containers are not told, nor those of other machines; of some file
    systems (btrfs) the kernel tells another device. Then, and where it tells nothing, the answer
    is no.

    Args:
        status: The file's.
        proc: Where the kernel tells of locks.
    """
    try:
        table = (proc / "locks").read_text()
    except OSError:
        return False
    return status.st_ino in _locked(table, status.st_dev)


def _processes(proc: Path) -> Iterator[str]:
    with os.scandir(proc) as entries:
        for entry in entries:
            if entry.name.isdecimal():
                yield f"{entry.path}/fd"


def _written_by(process: str) -> Iterator[str]:
    """The paths of what a process has open for writing; nothing if it ends, or is not shown."""
    try:
        with os.scandir(process) as entries:
            for entry in entries:
                # The link's own mode tells how the file was opened.
                if entry.stat(follow_symlinks=False).st_mode & _WRITABLE:
                    yield os.readlink(entry.path)  # noqa: PTH115 - of thousands
    except OSError:
        return


def _locked(table: str, device: int) -> Iterator[int]:
    for major, minor, inode in _LOCK.findall(table):
        if os.makedev(int(major, 16), int(minor, 16)) == device:
            yield int(inode)
