"""The beginning of a file that others append to: what of it makes sense by itself."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Self

from aqsync.errors import FileChanged, FileRewritten, FileVanished
from aqsync.local.disk import REAL_DISK, Disk, OpenFile
from aqsync.local.formats import format_of
from aqsync.local.reader import CHUNK, asked
from aqsync.local.sqlite_files import DATABASE, begins_database
from aqsync.model import Beginning, EntryKind, Signature

TEXT_BYTES = 8 << 10
"""A file without a NUL among its first bytes, so many of them, is text."""


class GrowingFile:
    """A file that is open for reading while it grows; a context manager, and a content.

    It is read twice: first to choose what to give out (`find_beginning`), then by `chunks`, whose
    last one comes only if the bytes are the same. So all of them stood there at once, between the
    two readings.

    Args:
        root: The mapping's directory.
        path: The file's path relative to it.
        seen: Its signature when it was last looked at.
        disk: Where the root is.

    Raises:
        FileVanished: It is not there, or no longer a file.
        FileChanged: It is another file, or shorter.
        FileUnreadable: It cannot be opened.
    """

    def __init__(self, root: Path, path: str, seen: Signature, disk: Disk = REAL_DISK) -> None:
        self._root, self._path, self._seen, self._disk = root, path, seen, disk
        self._found = Beginning(0, b"")
        self._file = self._opened()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def all(self) -> Iterator[bytes]:
        """All bytes that it had when it was last looked at, for `find_beginning`."""
        yield from self._read(self._seen.size, CHUNK)

    def give_out(self, found: Beginning) -> None:
        """Give out this beginning of it, from its first byte on."""
        self._found = found
        self._file.close()
        self._file = self._opened()

    @property
    def size(self) -> int:
        """Bytes that it gives out."""
        return self._found.size

    @property
    def signature(self) -> Signature:
        """See `Content.signature`."""
        return Signature.unknown(self._found.size)

    def chunks(self, size: int = CHUNK) -> Iterator[bytes]:
        """The bytes, once; the last chunk comes only after the second check.

        Raises:
            FileRewritten: Bytes of it have changed since it was read first.
            FileChanged: It became shorter, or another file has its name.
            FileVanished: It was deleted or replaced meanwhile.
            FileUnreadable: The disk failed to deliver.
        """
        digest, given = hashlib.sha256(), 0
        for chunk in self._read(self.size, size):
            digest.update(chunk)
            given += len(chunk)
            if given == self.size:
                if digest.digest() != self._found.sha256:
                    raise FileRewritten(f"{self._place} was changed while it was read")
                self._check(self._file)
            yield chunk

    @property
    def _place(self) -> Path:
        return self._root / self._path

    def _opened(self) -> OpenFile:
        file = asked(self._place, self._disk.open, self._root, self._path)
        try:
            self._check(file)
        except BaseException:
            file.close()
            raise
        return file

    def _read(self, size: int, chunk_size: int) -> Iterator[bytes]:
        """So many bytes, in pieces of `chunk_size`; only the last one is smaller."""
        while size > 0:
            wanted, chunk = min(size, chunk_size), b""
            while len(chunk) < wanted:
                piece = asked(self._place, self._file.read, wanted - len(chunk))
                if not piece:
                    raise FileChanged(f"{self._place} became shorter while it was read")
                chunk += piece
            size -= wanted
            yield chunk

    def _check(self, file: OpenFile) -> None:
        named = asked(self._place, self._disk.look, self._root, self._path)
        for kind, size, _, _, inode in (asked(self._place, file.look), named):
            if kind is not EntryKind.FILE:
                raise FileVanished(f"{self._place} is no longer a regular file")
            if inode != self._seen.inode or size < self._seen.size:
                raise FileChanged(f"{self._place} was replaced, or became shorter")


def whole_or_nothing(beginning: bytes) -> str | None:
    """The name of the format of a file that begins so, if no part of such a file makes sense."""
    if begins_database(beginning):
        return DATABASE
    known = format_of(beginning)
    return None if known is None else known.name


def find_beginning(chunks: Iterable[bytes], known: Beginning | None) -> Beginning | None:
    """The longest beginning of a file that makes sense by itself.

    Of text, that is up to its last line end, or to the last one before a NUL: bytes that are not
    written yet read as NULs. Of anything else, all of it.

    Args:
        chunks: The file, the first of at least `TEXT_BYTES` unless it is smaller.
        known: How it began before, if that is known.

    Returns:
        None: There is no such part, or `known` is longer.

    Raises:
        FileRewritten: It does not begin with `known`.
    """
    digest, given, is_text = hashlib.sha256(), 0, None
    found: Beginning | None = None
    for chunk in chunks:
        if is_text is None:
            is_text = b"\0" not in chunk[:TEXT_BYTES]
        nul = chunk.find(b"\0") if is_text else -1
        part = chunk if nul < 0 else chunk[:nul]
        if known is not None and given < known.size <= given + len(part):
            start = digest.copy()
            start.update(part[: known.size - given])
            if start.digest() != known.sha256:
                raise FileRewritten("it no longer begins as it did before")
        end = part.rfind(b"\n") + 1 if is_text else len(part)
        digest.update(part[:end])
        if end:
            found = Beginning(given + end, digest.digest())
        digest.update(part[end:])
        given += len(part)
        if nul >= 0:
            break
    return None if known is not None and given < known.size else found
