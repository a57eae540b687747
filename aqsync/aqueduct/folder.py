"""A directory that a tree is put into, or read from, handle by handle.

Each part of a path below it is opened relative to the directory above and never through a symbolic
link, so no name and no link that stands there leads out of it.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from threading import Lock
from typing import BinaryIO, NamedTuple, Self

from aqsync.aqueduct.partial_file import Partial, folds_case, remove_leftovers, writing
from aqsync.errors import LocalError
from aqsync.layout.own_files import is_own

_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW
_FILE = os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW
_BEHIND_LINK = {errno.ENOTDIR, errno.ELOOP}


class Entry(NamedTuple):
    """Something in a folder."""

    name: str
    is_folder: bool
    is_file: bool
    """Whether it is a regular file; a link, a FIFO and a device are neither."""


class Folder:
    """A directory and what is below it; threads may share one.

    Paths are relative, ``/`` between the parts, and as `os.fsdecode` gives them for UTF-8.

    Args:
        path: Links in it are followed: it is what the user named.
        make: Whether it is made, with the directories above it, if it is missing.

    Raises:
        LocalError: It is no directory, or cannot be made.
    """

    def __init__(self, path: Path, *, make: bool = False) -> None:
        self.path = path
        try:
            if make:
                path.mkdir(parents=True, exist_ok=True)
            self._top = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
        except (OSError, ValueError) as exc:
            why = exc.strerror if isinstance(exc, OSError) else "no path"
            verb = "made" if make else "opened"
            raise LocalError(f"{path} cannot be {verb}: {why}") from exc
        self._lock = Lock()
        self._written: set[bytes] = set()
        self._tidied: set[bytes] = set()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._top)

    def shown(self, path: str) -> str:
        """A path as errors name it."""
        return str(self.path / path)

    def stat(self, path: str) -> os.stat_result | None:
        """What stands at a path, itself and not what a link leads to; None: nothing.

        Raises:
            LocalError: The way there leads through a link or a file, or cannot be looked at.
        """
        above, name = _split(path, self.shown(path))
        with self._translated(path), contextlib.suppress(FileNotFoundError), self._at(above) as at:
            return os.stat(name, dir_fd=at, follow_symlinks=False)
        return None

    @contextlib.contextmanager
    def reading(self, path: str) -> Iterator[BinaryIO]:
        """A regular file, opened for reading.

        Raises:
            LocalError: It is none, or cannot be opened.
        """
        above, name = _split(path, self.shown(path))
        with self._translated(path), self._at(above) as at:
            descriptor = os.open(name, _FILE, dir_fd=at)
        with os.fdopen(descriptor, "rb", buffering=0) as file:
            with self._translated(path):
                status = os.fstat(descriptor)
            if not stat.S_ISREG(status.st_mode):
                raise LocalError(f"{self.shown(path)!r} is not a regular file")
            yield file

    def list(self, path: str) -> list[Entry]:
        """What is in a folder, by name; the empty path means the directory itself.

        Raises:
            LocalError: It cannot be looked at.
        """
        folder = _bytes(path, self.shown(path))
        with self._translated(path), self._at(folder) as at, os.scandir(at) as entries:
            return sorted(
                Entry(
                    os.fsencode(entry.name).decode("utf-8", "surrogateescape"),
                    entry.is_dir(follow_symlinks=False),
                    entry.is_file(follow_symlinks=False),
                )
                for entry in entries
            )

    def partial(self, path: str) -> Partial:
        """Begin a file, and make the folders above it.

        Raises:
            LocalError: It cannot be written, the way leads through a link or a file, or the name
                is one that aqsync removes again.
        """
        above, name = _split(path, self.shown(path))
        if is_own(os.fsdecode(name)):
            raise LocalError(
                f"{self.shown(path)!r} was left out: aqsync gives such names to what it removes"
                " again",
                hint="read it from Python with Experiment.open, or rename it on the server",
            )
        with self._translated(path):
            at = self._made(above)
        return Partial(at, name, self.shown(path))

    def touch(self, path: str, mtime_ns: int) -> None:
        """Set when a file was last modified, as far as its file system can keep that."""
        with self.reading(path) as file, contextlib.suppress(OverflowError, OSError):
            os.utime(file.fileno(), ns=(mtime_ns, mtime_ns))

    def make(self, path: str) -> None:
        """Make a folder, unless it is there.

        Raises:
            LocalError: It cannot be made, or something else stands there.
        """
        with self._translated(path):
            os.close(self._made(_bytes(path, self.shown(path))))

    def tidy(self, path: str) -> None:
        """Remove what downloads that were killed have left beside a file."""
        above, _ = _split(path, self.shown(path))
        with contextlib.suppress(OSError), self._at(above) as at:
            self._tidy(above, at)

    def make_durable(self) -> None:
        """Let the names of all that was written survive a power loss."""
        for folder in self._written:
            with contextlib.suppress(OSError), self._at(folder) as at:
                os.fsync(at)

    def folds_case(self) -> bool:
        """Whether its file system takes names that differ in case only for the same.

        Raises:
            LocalError: Nothing can be written there.
        """
        with writing(str(self.path)):
            return folds_case(self._top)

    def _made(self, folder: bytes) -> int:
        """A handle, to be closed, of a folder that is about to be written to."""
        at = self._open(folder, make=True)
        with self._lock:
            self._written.add(folder)
        self._tidy(folder, at)
        return at

    def _tidy(self, folder: bytes, at: int) -> None:
        """Remove leftovers, once for each folder."""
        with self._lock:
            first = folder not in self._tidied
            self._tidied.add(folder)
        if first:
            remove_leftovers(at)

    @contextlib.contextmanager
    def _at(self, folder: bytes) -> Iterator[int]:
        handle = self._open(folder)
        try:
            yield handle
        finally:
            os.close(handle)

    def _open(self, folder: bytes, *, make: bool = False) -> int:
        handle = os.dup(self._top)
        for part in folder.split(b"/") if folder else ():
            try:
                below = _below(part, handle, make=make)
            finally:
                os.close(handle)
            handle = below
        return handle

    @contextlib.contextmanager
    def _translated(self, path: str) -> Iterator[None]:
        try:
            yield
        except OSError as exc:
            shown = self.shown(path)
            if exc.errno in _BEHIND_LINK:
                raise LocalError(
                    f"{shown!r} cannot be reached: a symbolic link or a file stands in the way",
                    hint="links are not followed; move away what stands there",
                ) from exc
            raise LocalError(f"{shown!r} cannot be reached: {exc.strerror}") from exc


def _below(part: bytes, above: int, *, make: bool) -> int:
    try:
        return os.open(part, _DIRECTORY, dir_fd=above)
    except FileNotFoundError:
        if not make:
            raise
    with contextlib.suppress(FileExistsError):
        os.mkdir(part, dir_fd=above)
    return os.open(part, _DIRECTORY, dir_fd=above)


def _bytes(path: str, shown: str) -> bytes:
    try:
        return path.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError as exc:
        raise LocalError(f"{shown!r} cannot be a path on this machine") from exc


def _split(path: str, shown: str) -> tuple[bytes, bytes]:
    """The folder that a path stands in, and its name there."""
    above, _, name = _bytes(path, shown).rpartition(b"/")
    return above, name
