"""Access to this disk: everything is looked at, listed and read through one object, a `Disk`.

Nothing is opened for writing, and nothing outside a root is looked at: where the system can open
relative to a directory (Linux, macOS), every part of a path is opened without following a symbolic
link, from `/` on (`handles`). Elsewhere the whole path is checked first.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Collection, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import NamedTuple, Protocol

from aqsync.journal.mappings import RootIdentity
from aqsync.local.handles import UNNOTICED, HeldRoot, open_at
from aqsync.local.mounts import mounts_below
from aqsync.local.open_files import (
    INODE_MASK,
    OpenForWriting,
    locked_for_writing,
    open_for_writing,
)
from aqsync.local.reflink import cloned
from aqsync.local.writeback import write_back_ns
from aqsync.model import EntryKind
from aqsync.paths import parents

BY_HANDLES = {os.open, os.stat, os.readlink} <= os.supports_dir_fd and (
    os.scandir in os.supports_fd and hasattr(os, "O_NOFOLLOW")
)

# Without O_NONBLOCK, opening a FIFO in a file's place would block for ever.
_FILE = (
    os.O_RDONLY
    | getattr(os, "O_NOFOLLOW", 0)
    | getattr(os, "O_NONBLOCK", 0)
    | getattr(os, "O_BINARY", 0)
    | UNNOTICED
)

_LATEST_NS = 0x7FFF_FFFF_FFFF_FFFF
"""In the year 2262; broken clocks and programs set later times, which file systems can store."""


_A_FILE = EntryKind.FILE  # looking a member up in its class takes longer than all the rest

Seen = tuple[EntryKind | None, int, int, int, int]
"""Kind (None: a directory) and signature, in one plain tuple."""


class Listing(NamedTuple):
    """A directory that is being listed."""

    identity: RootIdentity
    """Its file system's own number is not asked for."""
    entries: Iterator[tuple[str, Seen | OSError]]
    """Names and what was seen there, or why nothing could be seen; in no order. An error of the
    directory itself comes out of the iterator."""


class OpenFile(Protocol):
    """A file that is open for reading."""

    def look(self) -> Seen:
        """What it is now, whatever its name leads to."""

    def read(self, size: int) -> bytes:
        """The next bytes, `size` at most; none at the end."""

    def read_at(self, offset: int, size: int) -> bytes:
        """The bytes there, `size` at most; what comes next by `read` stays the same."""

    def locked_for_writing(self) -> bool:
        """Whether a program holds a lock for writing on it, as far as the system tells."""

    def cloned_into(self, descriptor: int) -> bool:
        """Let another, empty file share all of its bytes (reflink); false where that cannot be."""

    def fileno(self) -> int:
        """Its descriptor, for a process that is to read it; not to be closed.

        Raises:
            io.UnsupportedOperation: It has none.
        """

    def close(self) -> None:
        """Read no more."""


class Disk(Protocol):
    """What is asked of a disk. Paths are relative to a root; an empty one is the root itself.

    Every method raises `OSError`: `FileNotFoundError` where nothing is there, and
    `NotADirectoryError` where the way leads through a symbolic link or anything else that is no
    directory. Only the root itself may be reached through symbolic links, which nobody but the user
    that aqsync runs as, and root, may have made; others raise `UntrustedLink`.
    """

    def holding(self, root: Path, owners: Collection[int] = ()) -> AbstractContextManager[Disk]:
        """The same disk, with what stands at a root now: what takes its place later is not seen.

        The disk that it gives is for this root and for one thread.

        Args:
            root: Which.
            owners: The numbers of users, if files of others are to be `EntryKind.OTHERS`.
        """

    def identity(self, root: Path, path: str = "") -> RootIdentity:
        """Which directory this is; `NotADirectoryError` where it is none."""

    def mounts_below(self, root: Path) -> frozenset[str]:
        """Where something is mounted below the root, as far as the system tells.

        It is asked once or twice in a scan: a mount from the device that holds its surroundings
        shows nowhere else.
        """

    def listing(self, root: Path, path: str) -> AbstractContextManager[Listing]:
        """A directory's entries."""

    def look(self, root: Path, path: str) -> Seen:
        """What is at a path below the root."""

    def open(self, root: Path, path: str) -> OpenFile:
        """Open what is at a path below the root; it need not be a file, and is never waited for."""

    def open_for_writing(self, root: Path) -> OpenForWriting | None:
        """The files below a root that are open for writing; None: the system does not tell."""

    def write_back_ns(self) -> int:
        """Nanoseconds for which a page that was written to may change again without a sign."""


def seen_in(status: os.stat_result, owners: Collection[int] = ()) -> Seen:
    """The kind and the signature that a stat result shows.

    Fast, as every scan calls it for every file.

    Args:
        status: The result.
        owners: As for `Disk.holding`.
    """
    mtime_ns, ctime_ns = status.st_mtime_ns, status.st_ctime_ns
    if not (-_LATEST_NS <= mtime_ns <= _LATEST_NS and -_LATEST_NS <= ctime_ns <= _LATEST_NS):
        mtime_ns, ctime_ns = _within_64_bits(mtime_ns), _within_64_bits(ctime_ns)
    return (
        _A_FILE if not owners and stat.S_ISREG(status.st_mode) else _kind_of(status, owners),
        status.st_size,
        mtime_ns,
        ctime_ns,
        status.st_ino & INODE_MASK,
    )


def _within_64_bits(time_ns: int) -> int:
    return max(-_LATEST_NS, min(time_ns, _LATEST_NS))


def _kind_of(status: os.stat_result, owners: Collection[int]) -> EntryKind | None:
    """What an entry is; None for a directory."""
    if stat.S_ISREG(status.st_mode):
        return EntryKind.OTHERS if owners and status.st_uid not in owners else EntryKind.FILE
    if stat.S_ISDIR(status.st_mode):
        return None
    return EntryKind.SYMLINK if stat.S_ISLNK(status.st_mode) else EntryKind.SPECIAL


class RealDisk:
    """The disk of this machine."""

    @contextmanager
    def holding(self, root: Path, owners: Collection[int] = ()) -> Iterator[Disk]:
        """The same disk, with what stands at a root now."""
        if not BY_HANDLES:
            yield _ByPath(owners)
            return
        held = HeldRoot(root)
        try:
            yield _ByHandles(held, owners)
        finally:
            held.close()

    def identity(self, root: Path, path: str = "") -> RootIdentity:
        """Which directory this is."""
        with self.holding(root) as held:
            return held.identity(root, path)

    def mounts_below(self, root: Path) -> frozenset[str]:
        """Where something is mounted below the root."""
        try:
            with self.holding(root) as held:
                return held.mounts_below(root)
        except OSError:
            return frozenset()

    @contextmanager
    def listing(self, root: Path, path: str) -> Iterator[Listing]:
        """A directory's entries."""
        with self.holding(root) as held, held.listing(root, path) as listing:
            yield listing

    def look(self, root: Path, path: str) -> Seen:
        """What is at a path below the root."""
        with self.holding(root) as held:
            return held.look(root, path)

    def open(self, root: Path, path: str) -> OpenFile:
        """Open a file below the root."""
        with self.holding(root) as held:
            return held.open(root, path)

    def open_for_writing(self, root: Path) -> OpenForWriting | None:
        """The files below a root that are open for writing."""
        with self.holding(root) as held:
            return held.open_for_writing(root)

    def write_back_ns(self) -> int:
        """As the kernel is set."""
        return write_back_ns()


class _ByHandles(RealDisk):
    """This disk, with one root held."""

    def __init__(self, held: HeldRoot, owners: Collection[int]) -> None:
        self._held = held
        self._owners = owners

    @contextmanager
    def holding(self, root: Path, owners: Collection[int] = ()) -> Iterator[Disk]:  # noqa: ARG002
        yield self

    def identity(self, root: Path, path: str = "") -> RootIdentity:  # noqa: ARG002
        handle = self._held.directory(path)
        return _identity(os.fstat(handle), _file_system(handle))

    def mounts_below(self, root: Path) -> frozenset[str]:  # noqa: ARG002
        return mounts_below(self._held.real)

    def open_for_writing(self, root: Path) -> OpenForWriting | None:  # noqa: ARG002
        device = os.fstat(self._held.directory("")).st_dev
        return open_for_writing(self._held.real, device)

    @contextmanager
    def listing(self, root: Path, path: str) -> Iterator[Listing]:  # noqa: ARG002
        handle = self._held.begin_list(path)
        try:
            with os.scandir(handle) as entries:
                yield Listing(_identity(os.fstat(handle)), _look_through(entries, self._owners))
        finally:
            self._held.end_list(path, handle)

    def look(self, root: Path, path: str) -> Seen:  # noqa: ARG002
        directory, name = self._held.parent(path)
        return seen_in(os.stat(name, dir_fd=directory, follow_symlinks=False), self._owners)

    def open(self, root: Path, path: str) -> OpenFile:  # noqa: ARG002
        directory, name = self._held.parent(path)
        return _RealFile(open_at(name, _FILE, directory), self._owners)


class _ByPath(RealDisk):
    """This disk where the system knows no handles of directories, so that none is held."""

    def __init__(self, owners: Collection[int]) -> None:
        self._owners = owners

    @contextmanager
    def holding(self, root: Path, owners: Collection[int] = ()) -> Iterator[Disk]:  # noqa: ARG002
        yield self

    def identity(self, root: Path, path: str = "") -> RootIdentity:
        _check_way(root, path)
        place = f"{root}/{path}"
        status = os.lstat(place) if path else root.stat()
        if not stat.S_ISDIR(status.st_mode):
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR))
        return _identity(status, _file_system(place))

    def mounts_below(self, root: Path) -> frozenset[str]:
        return mounts_below(os.path.realpath(root))

    def open_for_writing(self, root: Path) -> OpenForWriting | None:  # noqa: ARG002
        return None  # a system without handles of directories does not tell

    @contextmanager
    def listing(self, root: Path, path: str) -> Iterator[Listing]:
        identity = self.identity(root, path)
        with os.scandir(f"{root}/{path}") as entries:
            yield Listing(identity, _look_through(entries, self._owners))

    def look(self, root: Path, path: str) -> Seen:
        _check_way(root, path)
        return seen_in(os.lstat(f"{root}/{path}"), self._owners)

    def open(self, root: Path, path: str) -> OpenFile:
        _check_way(root, f"{path}/")
        return _RealFile(open_at(root / path, _FILE), self._owners)


REAL_DISK = RealDisk()


def real_root(root: Path) -> str:
    """A root's path without symbolic links.

    Raises:
        UntrustedLink: Others could have made a link in it.
        OSError: It cannot be reached.
    """
    if not BY_HANDLES:
        return os.path.realpath(root)
    held = HeldRoot(root)
    held.close()
    return held.real


class _RealFile:
    def __init__(self, descriptor: int, owners: Collection[int]) -> None:
        self._descriptor = descriptor
        self._owners = owners

    def look(self) -> Seen:
        return seen_in(os.fstat(self._descriptor), self._owners)

    def read(self, size: int) -> bytes:
        return os.read(self._descriptor, size)

    def read_at(self, offset: int, size: int) -> bytes:
        return os.pread(self._descriptor, size, offset)

    def locked_for_writing(self) -> bool:
        return locked_for_writing(os.fstat(self._descriptor))

    def cloned_into(self, descriptor: int) -> bool:
        return cloned(self._descriptor, descriptor)

    def fileno(self) -> int:
        return self._descriptor

    def close(self) -> None:
        os.close(self._descriptor)


def _identity(status: os.stat_result, file_system: int = 0) -> RootIdentity:
    return RootIdentity(status.st_dev, status.st_ino & INODE_MASK, file_system)


def _file_system(place: str | int) -> int:
    """The number that stays with a file system, whatever its device number is; 0: unknown."""
    if not hasattr(os, "statvfs"):
        return 0
    try:
        return os.statvfs(place).f_fsid & INODE_MASK
    except OSError:
        return 0


def _look_through(
    entries: Iterator[os.DirEntry[str]], owners: Collection[int]
) -> Iterator[tuple[str, Seen | OSError]]:
    """Fast, as every scan calls it for every file."""
    for entry in entries:
        try:
            yield entry.name, seen_in(entry.stat(follow_symlinks=False), owners)
        except FileNotFoundError:
            continue  # deleted since the directory was read
        except PermissionError:
            raise  # every other entry would fail in the same way
        except OSError as exc:
            yield entry.name, exc


def _check_way(root: Path, path: str) -> None:
    """Raise if a directory on the way to a path is a symbolic link."""
    for parent in parents(path):
        if os.path.islink(f"{root}/{parent}"):  # noqa: PTH114 - no error, whatever is there
            raise NotADirectoryError(errno.ENOTDIR, f"{parent} is a symbolic link")
