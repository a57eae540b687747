"""Removes files of a root: for a person's command only, and only the very version that was proved.

The only place that changes anything in a root. A file is first renamed out of its place, so that a
writer that opens the name meanwhile makes a new file; what was renamed is looked at again, and put
back if it is not that version, or if a program has it open for writing: what that program writes
next would be lost with it.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import hashlib
import os
import secrets
import signal
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple, Self

from aqsync.errors import FileChanged, LocalError
from aqsync.layout.own_files import partial_name
from aqsync.local.aside import aside_name, put_back
from aqsync.local.disk import REAL_DISK, seen_in
from aqsync.local.handles import HeldRoot, open_at
from aqsync.local.reader import CHUNK, explained
from aqsync.model import EntryKind, Signature

_BESIDE = "an `aqsync free` was interrupted: rename one of them"
_READ = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)


class Proved(NamedTuple):
    """The version of a file that may go."""

    path: str
    """Relative to the root."""
    signature: Signature
    sha256: bytes


class Remover:
    """Removes files of one root, or moves them to a trash folder; a context manager.

    Args:
        root: Absolute.
        trash: A folder outside every root, made if missing; None: files are deleted.

    Raises:
        LocalError: The root cannot be reached, or the trash not be made.
    """

    def __init__(self, root: Path, trash: Path | None) -> None:
        self._root, self._trash = root, trash
        try:
            self._held = HeldRoot(root)
        except OSError as exc:
            raise explained(exc, root) from exc

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._held.close()

    def remove(self, proved: Proved) -> None:
        """Remove one file.

        Raises:
            FileChanged: Another version is there; it was left as it is.
            LocalError: It cannot be removed; it was left as it is.
        """
        place = self._root / proved.path
        try:
            folder, name = self._held.parent(proved.path)
            _require(place, os.stat(name, dir_fd=folder, follow_symlinks=False), proved.signature)
            with self._set_aside(place, folder, name, proved.signature) as aside:
                if self._trash is not None:
                    self._to_trash(self._trash / proved.path, folder, aside, proved)
                else:
                    os.unlink(aside, dir_fd=folder)
        except (FileNotFoundError, NotADirectoryError) as exc:
            raise explained(exc, place) from exc
        except OSError as exc:
            raise LocalError(
                f"{place} cannot be removed: {exc.strerror or exc}",
                hint="may this user write to its folder, and is there room in the trash?",
            ) from exc

    @contextmanager
    def _set_aside(self, place: Path, folder: int, name: str, expected: Signature) -> Iterator[str]:
        """The name in the same folder that the file has until it is gone; put back on an error."""
        aside = aside_name(name)
        if _is_there(aside, folder):
            raise LocalError(f"what was there before is beside {place}, as {aside}", hint=_BESIDE)
        os.rename(name, aside, src_dir_fd=folder, dst_dir_fd=folder)
        try:
            self._require_unused(place, folder, aside)
            # Renaming may change the time of the change of the entry, and nothing else.
            seen = os.stat(aside, dir_fd=folder, follow_symlinks=False)
            _require(place, seen, expected._replace(ctime_ns=seen_in(seen)[3]))
            yield aside
        except BaseException:
            with contextlib.suppress(FileNotFoundError):
                put_back(place, folder, aside, name)
            raise

    def _require_unused(self, place: Path, folder: int, aside: str) -> None:
        """Nobody can open it by its name any more; so who has it open for writing has it open now.

        Raises:
            FileChanged: A program has.
        """
        handle = open_at(aside, _READ, folder)
        try:
            used = _is_open_for_writing(handle)
            if used is None:  # the kernel does not answer of this file: ask what it says of all
                opened = REAL_DISK.open_for_writing(self._root)
                path = str(Path(place.relative_to(self._root)).with_name(aside))
                inode = seen_in(os.fstat(handle))[4]
                used = opened is not None and (path in opened.paths or inode in opened.inodes)
        finally:
            os.close(handle)
        if used:
            raise FileChanged(f"a program has {place} open for writing; it was left as it is")

    def _to_trash(self, target: Path, folder: int, aside: str, proved: Proved) -> None:
        _make_private(target.parent)
        try:
            os.rename(aside, target, src_dir_fd=folder)
        except OSError as exc:
            if exc.errno != errno.EXDEV:
                raise
            self._copy(target, folder, aside, proved)
            os.unlink(aside, dir_fd=folder)

    def _copy(self, target: Path, folder: int, aside: str, proved: Proved) -> None:
        """Copy to another file system."""
        part = target.with_name(partial_name(secrets.token_hex(8)))
        try:
            self._write(part, folder, aside, proved)
            part.rename(target)
        except BaseException:
            part.unlink(missing_ok=True)  # a full disk would stay full
            raise

    def _write(self, part: Path, folder: int, aside: str, proved: Proved) -> None:
        """Write the copy; what arrives has the digest that was proved."""
        digest = hashlib.sha256()
        with os.fdopen(open_at(aside, _READ, folder), "rb") as source, part.open("xb") as copy:
            os.fchmod(copy.fileno(), stat.S_IMODE(os.fstat(source.fileno()).st_mode))
            while chunk := source.read(CHUNK):
                digest.update(chunk)
                copy.write(chunk)
            copy.flush()
            os.fsync(copy.fileno())
        if digest.digest() != proved.sha256:
            raise FileChanged(f"{self._root / proved.path} is not as it was proved")
        os.utime(part, ns=(proved.signature.mtime_ns, proved.signature.mtime_ns))


def _is_there(name: str, folder: int) -> bool:
    with contextlib.suppress(FileNotFoundError):
        os.stat(name, dir_fd=folder, follow_symlinks=False)
        return True
    return False


def _make_private(folder: Path) -> None:
    """Make a folder, and those above it that are missing, for this user alone.

    A file may lie in a folder of the root that others cannot enter. `Path.mkdir` would let them
    into each folder that it makes above the one that it is asked for.
    """
    missing = []
    while not folder.is_dir():
        missing.append(folder)
        folder = folder.parent
    for each in reversed(missing):
        each.mkdir(mode=0o700, exist_ok=True)


def _is_open_for_writing(handle: int) -> bool | None:
    """Whether anybody has a file open for writing, or mapped; None: the kernel does not say.

    A lease for reading is refused then. It is given back at once; should a program open the file
    just now, by another of its names, it waits for that, and no signal ends this process.
    """
    if not hasattr(fcntl, "F_SETLEASE"):
        return None
    try:
        fcntl.fcntl(handle, fcntl.F_SETSIG, signal.SIGURG)  # ignored, unlike SIGIO
        fcntl.fcntl(handle, fcntl.F_SETLEASE, fcntl.F_RDLCK)
        fcntl.fcntl(handle, fcntl.F_SETLEASE, fcntl.F_UNLCK)
    except OSError as exc:
        return True if exc.errno == errno.EAGAIN else None
    return False


def _require(place: Path, status: os.stat_result, expected: Signature) -> None:
    kind, *seen = seen_in(status)
    if kind is not EntryKind.FILE or tuple(seen) != expected.own:
        raise FileChanged(
            f"{place} has changed since it was proved to be on the server, and was left as it is"
        )
