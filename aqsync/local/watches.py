"""The kernel's own list of what it watches for this process, and its limits."""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Collection
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import NamedTuple

_PROCESSES = Path("/proc")
_DESCRIPTIONS = Path("/proc/self/fdinfo")
_LIMITS = Path("/proc/sys/fs/inotify")
_WATCH = re.compile(rb"^inotify wd:[0-9a-f]+ ino:([0-9a-f]+)", re.MULTILINE)

_INSTANCE = "anon_inode:inotify"
"""Where the descriptor of an instance leads."""
_INODE_BITS = 0x7FFF_FFFF_FFFF_FFFF
"""The journal knows inodes by 63 bits."""
_FEWEST_WATCHES = 1 << 16
_FEWEST_INSTANCES = 512
_FILES_OF_A_WATCHER = 8
"""To look at the root, and for inotify and a pipe."""
_SETTINGS_FILE = "/etc/sysctl.d/60-aqsync.conf"


def watched_inodes(descriptor: int | None = None) -> set[int] | None:
    """The inodes that inotify watches.

    Args:
        descriptor: Of one inotify instance; none: all that this process has.

    Returns:
        None where the system does not tell.
    """
    if descriptor is not None:
        return _described(_DESCRIPTIONS / str(descriptor))
    try:
        places = list(_DESCRIPTIONS.iterdir())
    except OSError:
        return None
    return set().union(*(_described(place) or () for place in places))


class Need(NamedTuple):
    """What inotify is needed for, or has, or may have."""

    watches: int
    """One for each directory."""
    instances: int
    """One for each root."""


def inotify_in_use(user: int, without: int | None = None) -> Need:
    """What the processes of a user have of inotify, as far as this process may see.

    Args:
        user: Its number.
        without: A process that does not count.
    """
    watches = instances = 0
    for process in _PROCESSES.glob("[0-9]*"):
        if process.name == str(without):
            continue
        with suppress(OSError):  # it has ended, or is another's
            if process.stat().st_uid == user:
                for place in (process / "fdinfo").iterdir():
                    watches += len(_WATCH.findall(place.read_bytes()))
                    instances += (process / "fd" / place.name).readlink().name == _INSTANCE
    return Need(watches, instances)


def inotify_limits() -> Need | None:
    """What a user may have of it, all programs together; None where the system does not tell."""
    watches, instances = watch_limit(), _limit("max_user_instances")
    return None if watches is None or instances is None else Need(watches, instances)


def watch_limit() -> int | None:
    """How many inotify watches a user may have; None where the system does not tell."""
    return _limit("max_user_watches")


def blind(
    directories: Collection[int], root_inode: int, watched: Collection[int] | None = None
) -> int:
    """How many directories have no watch, so that changes in them go unheard.

    Some file systems, such as overlayfs, show programs other inode numbers than the kernel uses.
    Then the root is not among the watched inodes, and only the counts are compared.

    Args:
        directories: The inodes of the directories that a scan has visited.
        root_inode: The root's.
        watched: The inodes watched; none given: all that this process watches.

    Returns:
        0 also where the system does not tell.
    """
    if watched is None:
        watched = watched_inodes()
    if watched is None:
        return 0
    known = {inode & _INODE_BITS for inode in watched}
    if known and root_inode & _INODE_BITS not in known:
        return max(0, len(directories) - len(known))
    return sum(inode & _INODE_BITS not in known for inode in directories)


def limit_problem(blind: int, total: int) -> tuple[str, str]:
    """What to tell people about directories without a watch.

    Args:
        blind: How many have none.
        total: Of how many.

    Returns:
        A message and a hint that names the cure.
    """
    limit = watch_limit()
    now = "" if limit is None else f" ({limit:,} for this user, all programs together)"
    message = (
        f"changes in {blind:,} of {total:,} directories go unheard, "
        f"most likely because the system's limit of watches is reached{now}"
    )
    wanted = max(_FEWEST_WATCHES, 2 * (limit or 0), (limit or 0) + 2 * blind, 2 * total)
    return message, limit_cure(wanted)


def limit_cure(wanted: int) -> str:
    """How a person raises the limit, so that at least so many watches are allowed."""
    return _raise_limit("max_user_watches", 1 << (wanted - 1).bit_length())


def instances_cure(wanted: int) -> str:
    """The same for so many instances."""
    return _raise_limit("max_user_instances", max(_FEWEST_INSTANCES, wanted))


def start_problem(exc: OSError, root: Path) -> tuple[str, str]:
    """What to tell people where watching a root could not begin.

    Args:
        exc: Why.
        root: Which.

    Returns:
        A message and a hint that names the cure.
    """
    if exc.errno == errno.ENOSPC:
        return (
            f"{root} cannot be watched: the system's limit of watches is reached",
            limit_problem(1, 1)[1],
        )
    if exc.errno == errno.EMFILE and not _files_exhausted():
        limit = _limit("max_user_instances")
        now = "" if limit is None else f" ({limit:,} for this user, all programs together)"
        return (
            f"{root} cannot be watched: the system's limit of inotify instances is reached{now}",
            instances_cure(2 * (limit or 0)),
        )
    if exc.errno == errno.EMFILE:
        return (
            f"{root} cannot be watched: this process has too many files open",
            "raise its limit: `ulimit -n 4096`, or `LimitNOFILE=4096` in its systemd unit",
        )
    return f"{root} cannot be watched: {exc.strerror or exc}", _ADVICE.get(exc.errno or 0, "")


_ADVICE = {
    errno.ENOENT: "mount or create it",
    errno.ENOTDIR: "name a directory",
    errno.EACCES: "let the user that aqsync runs as read and enter it",
}


def _described(place: Path) -> set[int] | None:
    try:
        description = place.read_bytes()
    except OSError:
        return None
    return {int(inode, 16) for inode in _WATCH.findall(description)}


def _raise_limit(name: str, value: int) -> str:
    setting = f"fs.inotify.{name}={value}"
    return (
        f"raise it: `sudo sysctl {setting}`; for good: "
        f"`echo {setting} | sudo tee -a {_SETTINGS_FILE}`"
    )


def _limit(name: str) -> int | None:
    try:
        return int((_LIMITS / name).read_text())
    except (OSError, ValueError):
        return None


def _files_exhausted() -> bool:
    """EMFILE has two causes; with this one, not as many files can be opened as a watcher needs."""
    with ExitStack() as opened:
        for _ in range(_FILES_OF_A_WATCHER):
            try:
                opened.callback(os.close, os.open(os.devnull, os.O_RDONLY))
            except OSError as exc:
                return exc.errno == errno.EMFILE
    return False
