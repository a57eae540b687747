"""What the kernel says about mounts: where they are, and where events cannot be trusted.

Only Linux says so; on other systems no mounts are known.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

_MOUNTS = Path("/proc/self/mountinfo")
_OCTAL = re.compile(rb"\\([0-7]{3})")
_ESCAPED = re.compile(rb"[\s\\#]")

_NETWORK = ["afs", "auristorfs", "ceph", "cifs", "coda", "davfs", "ncpfs", "nfs", "nfs4", "smb2"]
_NETWORK += ["smb3", "smbfs"]
_CLUSTER = ["acfs", "beegfs", "gfs2", "glusterfs", "gpfs", "lustre", "ocfs2", "orangefs", "panfs"]
_CLUSTER += ["pvfs2", "wekafs"]
_OF_THE_HOST = ["9p", "drvfs", "prl_fs", "vboxsf", "virtiofs", "vmhgfs"]
_REMOTE = frozenset([*_NETWORK, *_CLUSTER, *_OF_THE_HOST])
_LOCAL_FUSE = frozenset(["fuse.exfat", "fuse.fuse2fs", "fuse.ntfs", "fuse.ntfs-3g"])


class _Mount(NamedTuple):
    number: bytes
    parent: bytes
    device: bytes
    shows: str
    """Which directory of the file system; another mount may show it elsewhere."""
    place: str
    kind: str


def without_events(path: Path) -> str | None:
    """The kind of file system that a path lies on, if events cannot be trusted there.

    For network file systems, folders shared with a virtual machine, and FUSE, the kernel reports
    only changes made by this machine.

    Args:
        path: A directory; symbolic links in it are followed.

    Returns:
        The kind as the kernel calls it, such as ``nfs4`` or ``fuse.sshfs``; None for a local file
        system and where it cannot be known.
    """
    kind = kind_at(path)
    return kind if kind is not None and _is_remote(kind) else None


def kind_at(path: Path) -> str | None:
    """The kind of file system that a path lies on, as the kernel calls it; None: not known.

    Args:
        path: Of anything; symbolic links in it are followed.
    """
    try:
        table = _MOUNTS.read_bytes()
    except OSError:
        return None
    return kind_of_mount(os.path.realpath(path), table)


def is_within(path: str, directory: str) -> bool:
    """Whether a path lies in a directory, also if another mount of the same leads to it.

    Args:
        path: Of anything; what is missing of it would be made.
        directory: Symbolic links in both are followed.
    """
    path, directory = os.path.realpath(path), os.path.realpath(directory)
    if _holds(directory, path):
        return True
    try:
        table = _MOUNTS.read_bytes()
    except OSError:
        return False
    inner = location_of(path, table)
    below = (f"{directory}/{place}" for place in places_below(directory, table))
    outer = (location_of(each, table) for each in (directory, *below))
    return inner is not None and any(
        each is not None and each[0] == inner[0] and _holds(each[1], inner[1]) for each in outer
    )


def location_of(path: str, table: bytes) -> tuple[bytes, str] | None:
    """The file system that a path lies on, and where in it; None: it is not known.

    Args:
        path: Absolute, without symbolic links.
        table: The content of ``/proc/self/mountinfo``.
    """
    mounts = [mount for line in table.splitlines() if (mount := _parsed(line)) is not None]
    holder = _holder(path, mounts)
    if holder is None:
        return None
    inside = path[len(holder.place.rstrip("/")) :]
    return holder.device, f"{holder.shows.rstrip('/')}{inside}" or "/"


def mounts_below(root: str) -> frozenset[str]:
    """Where something is mounted below a directory, by paths relative to it.

    Files on which something is mounted are among them; what a later mount covers is not.

    Args:
        root: Absolute, without symbolic links.
    """
    try:
        table = _MOUNTS.read_bytes()
    except OSError:
        return frozenset()
    return places_below(root, table)


def places_below(root: str, table: bytes) -> frozenset[str]:
    """The same, of a given table: the content of ``/proc/self/mountinfo``."""
    top = f"{root.rstrip('/')}/"
    start, *_ = _ESCAPED.split(os.fsencode(top), maxsplit=1)
    if start not in table:  # nearly always
        return frozenset()
    mounts = [mount for line in table.splitlines() if (mount := _parsed(line)) is not None]
    below = {mount.place for mount in mounts if mount.place.startswith(top) and mount.place != top}
    return frozenset(
        place[len(top) :]
        for place in below
        if (holder := _holder(place, mounts)) is not None and holder.place == place
    )


def kind_of_mount(path: str, table: bytes) -> str | None:
    """The kind of file system that holds a path.

    Args:
        path: Absolute, without symbolic links.
        table: The content of ``/proc/self/mountinfo``.
    """
    mounts = [mount for line in table.splitlines() if (mount := _parsed(line)) is not None]
    holder = _holder(path, mounts)
    return None if holder is None else holder.kind


def _holder(path: str, mounts: Sequence[_Mount]) -> _Mount | None:
    """The mount that holds a path.

    It goes down from mount to mount as the kernel does: of what is mounted on the way, the first
    met counts, so that what a later mount has covered does not.
    """
    numbers = {mount.number for mount in mounts}
    here = [m for m in mounts if m.parent not in numbers or m.parent == m.number]
    holder = None
    while met := [mount for mount in here if _holds(mount.place, path)]:
        holder = min(reversed(met), key=lambda m: len(m.place))
        here = [m for m in mounts if m.parent == holder.number != m.number]
    return holder


def _parsed(line: bytes) -> _Mount | None:
    before, separator, after = line.partition(b" - ")
    fields, kind = before.split(b" "), after.split(b" ")[0]
    if not separator or len(fields) <= 4:  # noqa: PLR2004 - the place is the fifth field
        return None
    shows, place = (
        os.fsdecode(_OCTAL.sub(lambda octal: bytes([int(octal[1], 8)]), field))
        for field in fields[3:5]
    )
    return _Mount(fields[0], fields[1], fields[2], shows, place, kind.decode("ascii", "replace"))


def _holds(place: str, path: str) -> bool:
    return path == place or path.startswith(f"{place.rstrip('/')}/")


def _is_remote(kind: str) -> bool:
    if kind == "fuse" or kind.startswith("fuse."):
        return kind not in _LOCAL_FUSE
    return kind in _REMOTE
