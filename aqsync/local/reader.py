"""Guarded reading: what comes out is one whole, unchanged version of a file, or an error.

The signature expected is checked when the file is opened, and again before the last chunk is
given out, so a consumer that got all chunks got exactly the bytes of that version. Files are
opened for reading only, and nothing outside the root is ever opened.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

from aqsync.errors import FileChanged, FileUnreadable, FileVanished, LocalError
from aqsync.local.disk import kind_of, open_file, signature_of
from aqsync.model import EntryKind, Signature

CHUNK = 1 << 18
"""Bytes read at once; larger chunks cost page faults and gain nothing."""

_GONE = {errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.ESTALE, errno.ENXIO}


class GuardedFile:
    """One version of one file, open for reading; a context manager.

    Args:
        root: The mapping's directory.
        path: The file's path relative to it.
        expected: The signature of the version wanted.

    Raises:
        FileVanished: It is not there, or no longer a file.
        FileChanged: It is another version.
        FileUnreadable: It cannot be opened.
    """

    def __init__(self, root: Path, path: str, expected: Signature) -> None:
        self._place = root / path
        self._expected = expected
        try:
            self._descriptor = open_file(root, path)
        except OSError as exc:
            raise _explained(exc, self._place) from exc
        try:
            self._check(os.fstat(self._descriptor))
        except BaseException:
            os.close(self._descriptor)
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        os.close(self._descriptor)

    def chunks(self, size: int = CHUNK) -> Iterator[bytes]:
        """The content, once; the last chunk comes only after the second check.

        Raises:
            FileChanged: The file changed since the first check; what came out is worthless.
            FileVanished: The file was deleted or replaced meanwhile.
            FileUnreadable: The disk failed to deliver.
        """
        remaining = self._expected.size
        while remaining > size:
            chunk = self._read(size)
            remaining -= len(chunk)
            yield chunk
        last = b""
        while len(last) < remaining:
            last += self._read(remaining - len(last))
        self._check_again()
        if last:
            yield last

    def _read(self, size: int) -> bytes:
        try:
            chunk = os.read(self._descriptor, size)
        except OSError as exc:
            raise _explained(exc, self._place) from exc
        if not chunk:
            raise FileChanged(f"{self._place} became shorter while it was read")
        return chunk

    def _check_again(self) -> None:
        try:
            opened, named = os.fstat(self._descriptor), os.lstat(self._place)
        except OSError as exc:
            raise _explained(exc, self._place) from exc
        self._check(opened)
        self._check(named)

    def _check(self, status: os.stat_result) -> None:
        if kind_of(status) is not EntryKind.FILE:
            raise FileVanished(f"{self._place} is no longer a regular file")
        if signature_of(status) != self._expected:
            raise FileChanged(f"{self._place} changed while it was about to be sent")


def is_gone(root: Path, path: str) -> bool:
    """Whether there is nothing at this path now; an error is not an answer.

    Raises:
        FileUnreadable: It cannot be told: the way is barred, or leads through a symbolic link, as
            where a directory was moved to another disk.
    """
    place = root
    try:
        for part in path.split("/")[:-1]:
            place /= part
            if place.is_symlink():
                raise FileUnreadable(
                    f"{place} is a symbolic link now, so whether {path} is gone cannot be told",
                    hint="nothing was removed from the server; put the directory back, "
                    "or remove the link if its files are meant to go",
                )
        os.lstat(root / path)
    except (FileNotFoundError, NotADirectoryError):
        return True
    except OSError as exc:
        raise _explained(exc, root / path) from exc
    return False


def _explained(exc: OSError, place: Path) -> LocalError:
    if exc.errno in _GONE:
        return FileVanished(f"{place} is gone, or no longer a regular file")
    reason = exc.strerror or str(exc)
    hint = (
        "let the user that aqsync runs as read it"
        if isinstance(exc, PermissionError)
        else "check the disk"
    )
    return FileUnreadable(f"{place} cannot be read: {reason}", hint=hint)
