"""Guarded reading: it gives one whole, unchanged version of a file, or an error.

The expected signature is checked when the file is opened, and again before the last chunk is given
out. So a consumer that got all chunks got exactly the bytes of that version. Files are
opened for reading only, and nothing outside the root is ever opened.
"""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Self, TypeVar, TypeVarTuple

from aqsync.errors import FileChanged, FileUnreadable, FileVanished, LocalError
from aqsync.local.disk import REAL_DISK, Disk, Seen
from aqsync.model import EntryKind, Signature
from aqsync.paths import parents

CHUNK = 1 << 18
"""Bytes read at once; larger chunks cost page faults and gain nothing."""

_T = TypeVar("_T")
_Given = TypeVarTuple("_Given")

_GONE = {errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.ESTALE, errno.ENXIO}


class GuardedFile:
    """One version of one file, open for reading; a context manager.

    Args:
        root: The mapping's directory.
        path: The file's path relative to it.
        expected: The signature of the version wanted.
        disk: Where the root is.

    Raises:
        FileVanished: It is not there, or no longer a file.
        FileChanged: It is another version.
        FileUnreadable: It cannot be opened.
    """

    def __init__(self, root: Path, path: str, expected: Signature, disk: Disk = REAL_DISK) -> None:
        self._root, self._path = root, path
        self._expected = expected
        self._disk = disk
        self._ahead = b""
        """Read, and not given out yet."""
        self._file = self._ask(disk.open, root, path)
        try:
            self._check(self._ask(self._file.look))
        except BaseException:
            self._file.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    @property
    def size(self) -> int:
        """Bytes of the version wanted."""
        return self._expected.size

    @property
    def signature(self) -> Signature:
        """See `Content.signature`."""
        return self._expected

    def beginning(self) -> bytes:
        """The first `CHUNK` of bytes, in front of all chunks; these begin with the same ones.

        Raises:
            FileChanged: The file became shorter.
            FileUnreadable: The disk failed to deliver.
        """
        self._ahead = self._all_of(min(CHUNK, self._expected.size))
        return self._ahead

    def read_at(self, offset: int, size: int) -> bytes:
        """The bytes there, `size` at most; they are of this version if `chunks` comes to its end.

        Raises:
            FileUnreadable: The disk failed to deliver.
        """
        return self._ask(self._file.read_at, offset, size)

    def locked_for_writing(self) -> bool:
        """Whether a program holds a lock for writing on it, as far as the system tells.

        Raises:
            FileUnreadable: The disk failed.
        """
        return self._ask(self._file.locked_for_writing)

    def chunks(self, size: int = CHUNK) -> Iterator[bytes]:
        """The content, once; the last chunk comes only after the second check.

        Raises:
            FileChanged: The file changed since the first check; the chunks given out do not count.
            FileVanished: The file was deleted or replaced meanwhile.
            FileUnreadable: The disk failed to deliver.
        """
        remaining = self._expected.size
        while remaining > size:
            chunk = self._read(size)
            remaining -= len(chunk)
            yield chunk
        last = self._all_of(remaining)
        self._check_again()
        if last:
            yield last

    def _all_of(self, size: int) -> bytes:
        """The next bytes, no fewer: some file systems give few at a time."""
        found = b""
        while len(found) < size:
            found += self._read(size - len(found))
        return found

    def _read(self, size: int) -> bytes:
        if self._ahead:
            chunk, self._ahead = self._ahead[:size], self._ahead[size:]
            return chunk
        chunk = self._ask(self._file.read, size)
        if not chunk:
            raise FileChanged(f"{self._root / self._path} became shorter while it was read")
        return chunk

    def _check_again(self) -> None:
        opened = self._ask(self._file.look)
        named = self._ask(self._disk.look, self._root, self._path)
        self._check(opened)
        self._check(named)

    def _check(self, seen: Seen) -> None:
        if seen[0] is not EntryKind.FILE:
            raise FileVanished(f"{self._root / self._path} is no longer a regular file")
        if seen[1:] != self._expected.own:
            raise FileChanged(f"{self._root / self._path} changed while it was about to be sent")

    def _ask(self, call: Callable[[*_Given], _T], *given: *_Given) -> _T:
        return asked(self._root / self._path, call, *given)


def asked(place: Path, call: Callable[[*_Given], _T], *given: *_Given) -> _T:
    """The answer of a disk about a file.

    Raises:
        FileVanished: It is gone, or no longer a regular file.
        FileUnreadable: The disk failed to answer.
    """
    try:
        return call(*given)
    except OSError as exc:
        raise explained(exc, place) from exc


def is_gone(root: Path, path: str, disk: Disk = REAL_DISK) -> bool:
    """Whether there is no file at this path now; an error does not mean that it is gone.

    Where a directory has taken its place, the file is gone.

    Raises:
        FileUnreadable: It cannot be found out: a directory may not be entered, or is a symbolic
            link now, for example because it was moved to another disk.
    """
    try:
        for parent in parents(path):
            if disk.look(root, parent)[0] is EntryKind.SYMLINK:
                raise FileUnreadable(
                    f"{root / parent} is a symbolic link now, so whether {path} is gone cannot be"
                    " told",
                    hint="nothing was removed from the server; put the directory back, "
                    "or remove the link if its files are meant to go",
                )
        return disk.look(root, path)[0] is None
    except (FileNotFoundError, NotADirectoryError):
        return True
    except OSError as exc:
        raise explained(exc, root / path) from exc


def explained(exc: OSError, place: Path) -> LocalError:
    """The error for what the disk said of a file."""
    if exc.errno in _GONE:
        return FileVanished(f"{place} is gone, or no longer a regular file")
    reason = exc.strerror or str(exc)
    hint = (
        "let the user that aqsync runs as read it"
        if isinstance(exc, PermissionError)
        else "check the disk"
    )
    return FileUnreadable(f"{place} cannot be read: {reason}", hint=hint)
