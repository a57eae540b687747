"""A disk in memory: what programs do to it on one side, what aqsync sees of it on the other.

Paths of programs are absolute. Nothing here depends on chance, on the machine's clock, or on
how strings are hashed: the same calls at the same fake times give the same disk.
"""

from __future__ import annotations

import errno
import io
import os
from collections.abc import Callable, Collection, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from aqsync.clock import Clock
from aqsync.journal.mappings import RootIdentity
from aqsync.local.disk import Disk, Listing, OpenFile, Seen
from aqsync.local.handles import UntrustedLink
from aqsync.local.open_files import OpenForWriting
from aqsync.model import EntryKind

MOST_LINKS = 40
MOST_READS = 16
"""A file is read in no more pieces than about so many."""
WRITE_BACK_S = 45.0
"""How long after a store through mmap further stores leave the times unchanged."""
SAME_INSTANT_NS = 1_000_000_000


class Volume:
    """A file system that can be mounted.

    Args:
        device: Its number, while it is mounted.
        step_ns: How far apart times are that differ; 1: no two changes get the same time.
        top: Its uppermost folder, if it is one of another file system: a bind mount.
    """

    def __init__(self, device: int, step_ns: int = 1, top: Folder | None = None) -> None:
        self.device = device
        self.step_ns = step_ns
        # Some tell a number that stays theirs, some tell none.
        self.file_system = 0 if device % 2 else device << 32
        self._last_inode = 1
        self._free: list[int] = []
        self.top = Folder(self) if top is None else top

    def new_inode(self) -> int:
        """The inode for a new entry: the one deleted last, as in many file systems."""
        if self._free:
            return self._free.pop()
        self._last_inode += 1
        return self._last_inode

    def free_inode(self, inode: int) -> None:
        """Nothing has this inode any more."""
        self._free.append(inode)


class Node:
    """Anything that has an inode."""

    kind: EntryKind | None = None

    def __init__(self, volume: Volume) -> None:
        self.volume = volume
        self.inode = volume.new_inode()
        self.links = 1
        self.mtime_ns = 0
        self.ctime_ns = 0
        self.barred = False
        """Nobody may read it, or enter it."""

    @property
    def size(self) -> int:
        return 0

    def seen(self) -> Seen:
        return (self.kind, self.size, self.mtime_ns, self.ctime_ns, self.inode)

    def identity(self) -> RootIdentity:
        return RootIdentity(self.volume.device, self.inode, self.volume.file_system)


class Folder(Node):
    """A directory."""

    def __init__(self, volume: Volume) -> None:
        super().__init__(volume)
        self.entries: dict[str, Node] = {}
        self.mounted: Volume | None = None


class File(Node):
    """A regular file."""

    kind = EntryKind.FILE

    def __init__(self, volume: Volume) -> None:
        super().__init__(volume)
        self.content = b""
        self.locked = False
        """A program holds a lock for writing on it."""
        self.writers = 0
        """How many programs have it open for writing."""

    @property
    def size(self) -> int:
        return len(self.content)


class Link(Node):
    """A symbolic link."""

    kind = EntryKind.SYMLINK

    def __init__(self, volume: Volume, target: str) -> None:
        super().__init__(volume)
        self.target = target
        self.foreign = False
        """Another user of the machine could have made it."""

    @property
    def size(self) -> int:
        return len(os.fsencode(self.target))


class Special(Node):
    """A FIFO, a socket or a device."""

    kind = EntryKind.SPECIAL


class FakeDisk:
    """All file systems of one machine; `aqsync.local.disk.Disk` is its other side.

    Args:
        clock: Gives the times of what is written.

    Attributes:
        on_access: Called before each access of aqsync, with what it is about to do (``identity``,
            ``listing``, ``entry``, ``look``, ``open``, ``read``) and where. It may
            change the disk, as another program does at that moment, or raise an OSError.
        on_asked: Called when aqsync asks which files below a root are open for writing.
        tells_open: The system tells which files are open for writing.
        most_read: Bytes that one read gives at most.
    """

    def __init__(self, clock: Clock) -> None:
        self.on_access: Callable[[str, str], None] = lambda _what, _where: None
        self.on_asked: Callable[[str], None] = lambda _root: None
        self.tells_open = True
        self.most_read = 1 << 30
        self._clock = clock
        self._last_ns = 0
        self._last_device = 0
        self._top = self.new_volume().top

    # What programs do

    def new_volume(self, step_ns: int = 1) -> Volume:
        """A file system with nothing in it, not mounted yet."""
        self._last_device += 1
        volume = Volume(self._last_device, step_ns)
        self._touch(volume.top)
        return volume

    def bound(self, path: str) -> Volume:
        """A folder that can be mounted elsewhere too, as the same file system."""
        folder = _through(self._get(path))
        return Volume(folder.volume.device, folder.volume.step_ns, folder)

    def mount(self, volume: Volume, place: str, *, renumbered: bool = False) -> None:
        """Mount a file system on a folder, under another device number if so wished."""
        if renumbered:
            self._last_device += 1
            volume.device = self._last_device
        covered = self._uncovered(place)
        assert covered.mounted is None, f"{place} has something mounted on it"
        covered.mounted = volume

    def unmount(self, place: str) -> Volume:
        """Unmount, even if it is in use; returns what was mounted."""
        covered = self._uncovered(place)
        volume, covered.mounted = covered.mounted, None
        assert volume is not None, f"nothing is mounted on {place}"
        return volume

    def is_mounted(self, place: str) -> bool:
        """Whether something is mounted on this very place."""
        return self._uncovered(place).mounted is not None

    def mkdir(self, path: str) -> None:
        """Make a folder and the missing ones above it; an existing one is left as it is."""
        folder = self._top
        for part in _parts(path):
            below = folder.entries.get(part)
            if below is None:
                below = Folder(folder.volume)
                self._touch(below)
                folder.entries[part] = below
            folder = _through(below)

    def write(self, path: str, content: bytes) -> None:
        """Write a file from its beginning: what was in it is cut off first."""
        folder, name = self._parent(path)
        file = folder.entries.get(name)
        if file is None:
            file = File(folder.volume)
            folder.entries[name] = file
        self._set(_as_file(file, path), content)

    def append(self, path: str, piece: bytes) -> None:
        """Write a piece at a file's end; the file is made if it is not there."""
        if not self.exists(path):
            self.write(path, b"")
        file = self._file(path)
        self._set(file, file.content + piece)

    def overwrite(self, path: str, at: int, piece: bytes) -> None:
        """Write a piece into the middle of a file."""
        content = self._file(path).content.ljust(at, b"\0")
        self._set(self._file(path), content[:at] + piece + content[at + len(piece) :])

    def file(self, path: str) -> File:
        """A file by its node, so that it is found after a rename."""
        return self._file(path)

    def store_unseen(self, file: File, at: int, piece: bytes) -> None:
        """Write into the middle of a file through a page that was dirty: no time changes."""
        if at + len(piece) <= file.size:
            file.content = file.content[:at] + piece + file.content[at + len(piece) :]

    def truncate(self, path: str, size: int) -> None:
        """Cut a file, or let it grow by zeros."""
        file = self._file(path)
        self._set(file, file.content[:size].ljust(size, b"\0"))

    def set_mtime(self, path: str, mtime_ns: int) -> None:
        """Put a time back, as copying programs do."""
        node = self._get(path)
        node.ctime_ns = self._stamp(node)
        node.mtime_ns = mtime_ns // node.volume.step_ns * node.volume.step_ns

    def bar(self, path: str, *, barred: bool = True) -> None:
        """Take the permission to read a file, or to enter a folder; or give it again."""
        node = self._get(path)
        node.barred = barred
        node.ctime_ns = self._stamp(node)

    def open_all(self) -> None:
        """Give every permission again, wherever things have been moved."""
        waiting: list[Node] = [self._top]
        while waiting:
            node = _covering(waiting.pop())
            if node.barred:
                node.barred = False
                node.ctime_ns = self._stamp(node)
            if isinstance(node, Folder):
                waiting += node.entries.values()

    def link(self, path: str, other: str) -> None:
        """Give a file one more name."""
        file = self._file(path)
        folder, name = self._parent(other)
        if name in folder.entries:
            raise FileExistsError(errno.EEXIST, "it is there", other)
        if folder.volume is not file.volume:
            raise OSError(errno.EXDEV, "on another file system", other)
        folder.entries[name] = file
        file.links += 1
        file.ctime_ns = self._stamp(file)

    def symlink(self, path: str, target: str, *, foreign: bool = False) -> None:
        """Make a symbolic link."""
        self._add(path, lambda volume: Link(volume, target))
        if foreign:
            link = self._get(path)
            assert isinstance(link, Link)
            link.foreign = True

    def mkfifo(self, path: str) -> None:
        """Make a FIFO."""
        self._add(path, Special)

    def remove(self, path: str) -> None:
        """Delete a file, a link, an empty folder, or a folder with all that is in it."""
        folder, name = self._parent(path)
        node = self._get(path)
        if isinstance(node, Folder):
            if folder.entries[name] is not node:
                raise OSError(errno.EBUSY, "something is mounted on it", path)
            for below in list(node.entries):
                self.remove(f"{path}/{below}")
        del folder.entries[name]
        self._lost_a_name(node)

    def rename(self, path: str, other: str) -> None:
        """Move anything; a file in its way is replaced, in one step."""
        folder, name = self._parent(path)
        target_folder, target = self._parent(other)
        node = folder.entries.get(name)
        if node is None:
            raise FileNotFoundError(errno.ENOENT, "not there", path)
        if target_folder.volume is not node.volume:
            raise OSError(errno.EXDEV, "on another file system", other)
        if isinstance(node, Folder):
            if node.mounted is not None:
                raise OSError(errno.EBUSY, "something is mounted on it", path)
            if f"{other}/".startswith(f"{path}/"):
                raise OSError(errno.EINVAL, "into itself", other)
        replaced = target_folder.entries.get(target)
        if replaced is node:
            return
        if replaced is not None:
            _check_replaceable(replaced, node, other)
        del folder.entries[name]
        target_folder.entries[target] = node
        node.ctime_ns = self._stamp(node)
        if replaced is not None:
            self._lost_a_name(replaced)

    # What a test asks

    def exists(self, path: str) -> bool:
        """Whether anything is there; a link is not followed."""
        try:
            self._get(path)
        except (FileNotFoundError, NotADirectoryError):
            return False
        return True

    def content(self, path: str) -> bytes:
        """What is in a file."""
        return self._file(path).content

    def mtime_ns(self, path: str) -> int:
        """When something was last written."""
        return self._get(path).mtime_ns

    def names(self, path: str) -> list[str]:
        """The entries of a folder, even without permission to read it."""
        node = self._get(path)
        return sorted(node.entries) if isinstance(node, Folder) else []

    def files(self, top: str) -> dict[str, bytes]:
        """All regular files below a folder by their relative path, permissions ignored."""
        found: dict[str, bytes] = {}
        waiting = [("", self._get(top))]
        while waiting:
            path, node = waiting.pop()
            if isinstance(node, File):
                found[path] = node.content
            elif isinstance(node, Folder):
                prefix = f"{path}/" if path else ""
                waiting += [(prefix + n, _covering(e)) for n, e in sorted(node.entries.items())]
        return found

    def being_written(self, root: str) -> dict[str, File]:
        """The files below a root that a program has open for writing, or has locked, by path."""
        found: dict[str, File] = {}
        # Who holds a root may ask although it was moved away: nothing has its path any more.
        waiting = [("", self._get(root))] if self.exists(root) else []
        while waiting:
            path, node = waiting.pop()
            if isinstance(node, File) and (node.writers or node.locked):
                found[path] = node
            elif isinstance(node, Folder):
                prefix = f"{path}/" if path else ""
                waiting += [(prefix + name, _covering(e)) for name, e in node.entries.items()]
        return found

    # What aqsync does

    @contextmanager
    def holding(self, root: Path, owners: Collection[int] = ()) -> Iterator[Disk]:
        """The same disk, with what stands at a root now."""
        assert not owners, "nobody else is on this machine"
        yield _Held(self, _through(self._follow(str(root))))

    def identity(self, root: Path, path: str = "", top: Node | None = None) -> RootIdentity:
        """Which directory this is."""
        self.on_access("identity", _place(root, path))
        node = self._below(root, path, top)
        if not isinstance(node, Folder):
            raise NotADirectoryError(errno.ENOTDIR, "not a directory")
        return node.identity()

    def mounts_below(self, root: Path, top: Node | None = None) -> frozenset[str]:
        """Where something is mounted below the root."""
        try:
            top = self._below(root, "", top)
        except OSError:
            return frozenset()
        found: set[str] = set()
        waiting: list[tuple[str, Node]] = [("", top)]
        while waiting:
            path, folder = waiting.pop()
            if isinstance(folder, Folder):
                prefix = f"{path}/" if path else ""
                for name, node in folder.entries.items():
                    if isinstance(node, Folder) and node.mounted is not None:
                        found.add(prefix + name)
                    waiting.append((prefix + name, _covering(node)))
        return frozenset(found)

    @contextmanager
    def listing(self, root: Path, path: str, top: Node | None = None) -> Iterator[Listing]:
        """A directory's entries."""
        self.on_access("listing", _place(root, path))
        node = self._below(root, path, top)
        if not isinstance(node, Folder):
            raise NotADirectoryError(errno.ENOTDIR, "not a directory")
        if node.barred:
            raise _refused()
        yield Listing(node.identity(), self._entries(node, _place(root, path)))

    def look(self, root: Path, path: str, top: Node | None = None) -> Seen:
        """What is at a path below the root."""
        self.on_access("look", _place(root, path))
        return self._below(root, path, top).seen()

    def open(self, root: Path, path: str, top: Node | None = None) -> OpenFile:
        """Open what is at a path below the root."""
        self.on_access("open", _place(root, path))
        node = self._below(root, path, top)
        if isinstance(node, Link):
            raise OSError(errno.ELOOP, "a symbolic link")
        if node.barred:
            raise _refused()
        return _Open(self, node, _place(root, path))

    def open_for_writing(self, root: Path) -> OpenForWriting | None:
        """What is open below a root by its path, and what is locked by its inode alone."""
        self.on_access("locks", str(root))
        self.on_asked(str(root))
        if not self.tells_open:
            return None
        if not (found := self.being_written(str(root))):
            return OpenForWriting(frozenset(), frozenset())
        device = self._get(str(root)).volume.device
        locked = (f.inode for f in found.values() if f.locked and f.volume.device == device)
        return OpenForWriting(
            frozenset(path for path, file in found.items() if file.writers), frozenset(locked)
        )

    def write_back_ns(self) -> int:
        """How long a store through mmap may go unseen."""
        return int(WRITE_BACK_S * 1e9)

    def _entries(self, folder: Folder, place: str) -> Iterator[tuple[str, Seen | OSError]]:
        for name in list(folder.entries):
            try:
                self.on_access("entry", f"{place}/{name}")
            except PermissionError:
                raise
            except FileNotFoundError:
                continue
            except OSError as exc:
                yield name, exc
                continue
            node = folder.entries.get(name)
            if node is not None:  # else deleted since the directory was read
                yield name, _covering(node).seen()

    # How

    def _below(self, root: Path, path: str, top: Node | None) -> Node:
        """What is at a path, reached from the root without following a link.

        Args:
            root: The root.
            path: Relative to it.
            top: The root's own folder, if it is held.
        """
        node = self._follow(str(root)) if top is None else top
        for part in path.split("/") if path else ():
            folder = _entered(node)
            if part not in folder.entries:
                raise FileNotFoundError(errno.ENOENT, "not there")
            node = _covering(folder.entries[part])
        return node

    def _follow(self, path: str) -> Node:
        """What is at a path, links followed, but for those of others."""
        waiting = list(reversed(_parts(path)))
        way: list[Node] = [_covering(self._top)]
        links = 0
        while waiting:
            part = waiting.pop()
            if part == "..":
                way = way[:-1] or way
                continue
            folder = _entered(way[-1])
            if part not in folder.entries:
                raise FileNotFoundError(errno.ENOENT, "not there")
            node = _covering(folder.entries[part])
            if not isinstance(node, Link):
                way.append(node)
                continue
            if node.foreign:
                raise UntrustedLink(errno.EACCES, "a symbolic link that others could change")
            links += 1
            if links > MOST_LINKS:
                raise OSError(errno.ELOOP, "too many symbolic links")
            if node.target.startswith("/"):
                way = way[:1]
            waiting += reversed(_parts(node.target))
        return way[-1]

    def _get(self, path: str) -> Node:
        """What is at a path, for programs, which may do everything; no link is followed."""
        node: Node = _covering(self._top)
        for part in _parts(path):
            folder = _through(node)
            if part not in folder.entries:
                raise FileNotFoundError(errno.ENOENT, "not there", path)
            node = _covering(folder.entries[part])
        return node

    def _parent(self, path: str) -> tuple[Folder, str]:
        above, _, name = path.rpartition("/")
        return _through(self._get(above)), name

    def _uncovered(self, place: str) -> Folder:
        folder, name = self._parent(place)
        node = folder.entries[name]
        assert isinstance(node, Folder), f"{place} is no folder"
        return node

    def _file(self, path: str) -> File:
        return _as_file(self._get(path), path)

    def _add(self, path: str, make: Callable[[Volume], Node]) -> None:
        folder, name = self._parent(path)
        if name in folder.entries:
            raise FileExistsError(errno.EEXIST, "it is there", path)
        node = make(folder.volume)
        self._touch(node)
        folder.entries[name] = node

    def _set(self, file: File, content: bytes) -> None:
        file.content = content
        self._touch(file)

    def _touch(self, node: Node) -> None:
        node.mtime_ns = node.ctime_ns = self._stamp(node)

    def _lost_a_name(self, node: Node) -> None:
        node.links -= 1
        node.ctime_ns = self._stamp(node)
        if not node.links:
            node.volume.free_inode(node.inode)

    def _stamp(self, node: Node) -> int:
        now_ns = self._clock.now_ns()
        if node.volume.step_ns > 1:
            return now_ns // node.volume.step_ns * node.volume.step_ns
        if 0 <= self._last_ns - now_ns < SAME_INSTANT_NS:
            now_ns = self._last_ns + 1
        self._last_ns = now_ns
        return now_ns


class _Held:
    """A disk with one root held: what takes its place is not seen."""

    def __init__(self, disk: FakeDisk, top: Node) -> None:
        self._disk = disk
        self._top = top
        self.open_for_writing = disk.open_for_writing
        self.write_back_ns = disk.write_back_ns

    @contextmanager
    def holding(self, root: Path, owners: Collection[int] = ()) -> Iterator[Disk]:  # noqa: ARG002
        yield self

    def identity(self, root: Path, path: str = "") -> RootIdentity:
        return self._disk.identity(root, path, self._top)

    def mounts_below(self, root: Path) -> frozenset[str]:
        return self._disk.mounts_below(root, self._top)

    def listing(self, root: Path, path: str) -> AbstractContextManager[Listing]:
        return self._disk.listing(root, path, self._top)

    def look(self, root: Path, path: str) -> Seen:
        return self._disk.look(root, path, self._top)

    def open(self, root: Path, path: str) -> OpenFile:
        return self._disk.open(root, path, self._top)


class _Open:
    """A file that is open for reading."""

    def __init__(self, disk: FakeDisk, node: Node, place: str) -> None:
        self._disk = disk
        self._node = node
        self._place = place
        self._at = 0
        self._closed = False

    def look(self) -> Seen:
        self._check()
        return self._node.seen()

    def read(self, size: int) -> bytes:
        self._check()
        self._disk.on_access("read", self._place)
        content = self._content()
        most = max(self._disk.most_read, len(content) // MOST_READS)
        piece = content[self._at : self._at + min(size, most)]
        self._at += len(piece)
        return piece

    def read_at(self, offset: int, size: int) -> bytes:
        self._check()
        self._disk.on_access("read", self._place)
        return self._content()[offset : offset + min(size, self._disk.most_read)]

    def locked_for_writing(self) -> bool:
        self._check()
        return isinstance(self._node, File) and self._node.locked

    def cloned_into(self, descriptor: int) -> bool:  # noqa: ARG002 - each copies here
        self._check()
        return False

    def fileno(self) -> int:
        raise io.UnsupportedOperation

    def close(self) -> None:
        self._check()
        self._closed = True

    def _content(self) -> bytes:
        if not isinstance(self._node, File):
            raise OSError(errno.EISDIR, "not a file")
        return self._node.content

    def _check(self) -> None:
        assert not self._closed, f"{self._place} was closed before"


def _parts(path: str) -> list[str]:
    return [part for part in path.split("/") if part and part != "."]


def _place(root: Path, path: str) -> str:
    return f"{root}/{path}" if path else str(root)


def _covering(node: Node) -> Node:
    """What one comes to: the top of what is mounted on a folder."""
    while isinstance(node, Folder) and node.mounted is not None:
        node = node.mounted.top
    return node


def _through(node: Node) -> Folder:
    node = _covering(node)
    if not isinstance(node, Folder):
        raise NotADirectoryError(errno.ENOTDIR, "not a directory")
    return node


def _entered(node: Node) -> Folder:
    """A folder on the way to something in it."""
    folder = _through(node)
    if folder.barred:
        raise _refused()
    return folder


def _as_file(node: Node, path: str) -> File:
    if isinstance(node, Folder):
        raise IsADirectoryError(errno.EISDIR, "a folder", path)
    if not isinstance(node, File):
        raise OSError(errno.EINVAL, "no file", path)
    return node


def _check_replaceable(replaced: Node, node: Node, path: str) -> None:
    if not isinstance(replaced, Folder):
        if isinstance(node, Folder):
            raise NotADirectoryError(errno.ENOTDIR, "a file is in the way", path)
    elif not isinstance(node, Folder):
        raise IsADirectoryError(errno.EISDIR, "a folder is in the way", path)
    elif replaced.entries:
        raise OSError(errno.ENOTEMPTY, "a folder is in the way", path)


def _refused() -> PermissionError:
    return PermissionError(errno.EACCES, "Permission denied")
