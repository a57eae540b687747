"""The files of an experiment as one ZIP archive, made while it is read."""

from __future__ import annotations

import struct
import zipfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import BinaryIO, cast
from uuid import UUID

from aqsync.aqueduct.client import Client
from aqsync.aqueduct.tree_download import arriving_file
from aqsync.aqueduct.tree_moves import Moved, concerns_one_file
from aqsync.aqueduct.typed import instant
from aqsync.errors import AqsyncError, NameNotSendable
from aqsync.layout.names import remote_name
from aqsync.layout.tree import Tree, TreeFile

_LARGE = 64 * 1024 * 1024
_FASTEST = 1
_FILE, _FOLDER = 0o100644 << 16, 0o040755 << 16 | 0x10
_FIRST, _LAST = datetime(1980, 1, 1, tzinfo=UTC), datetime(2107, 12, 31, tzinfo=UTC)
"""What ZIP itself can say of a time; it has no zone there, and is in UTC here."""
_LONGEST_NAME = 2**16 - 2
"""In bytes, with room for the ``/`` of a folder."""
_EXTENDED_TIME = 0x5455
"""An extra field with seconds since 1970, which unpackers prefer."""
_SECONDS = range(-(2**31), 2**31)
_1970 = datetime(1970, 1, 1, tzinfo=UTC)


def zip_chunks(
    server: Client,
    uuid: UUID,
    tree: Tree,
    *,
    ended: Callable[[Moved], object],
    came: Callable[[int], object] = lambda _: None,
) -> Iterator[bytes]:
    """Give an archive piece by piece; the same tree gives the same bytes.

    A file of up to 64 MiB goes into the archive only when it has come whole and its SHA-256 was
    compared; one that cannot come is left out. A larger one goes in as it comes, and where it
    breaks off or proves wrong, there is no archive.

    Args:
        server: The server.
        uuid: The experiment.
        tree: Its tree.
        ended: Told what became of each file.
        came: Called with the number of bytes that have come.

    Raises:
        AqsyncError: There is no archive, or no whole one.
    """
    archive = _Archive(tree)
    for folder in tree.folders:
        archive.add_folder(folder)
    for file in tree.files:
        begun = False
        try:
            info = archive.info(file)
            with arriving_file(server, uuid, file) as arriving:
                chunks = _told(arriving.chunks(), came)
                is_small = arriving.length is not None and arriving.length <= _LARGE
                content: Iterable[bytes] = [b"".join(chunks)] if is_small else chunks
                begun = True
                yield from archive.add(info, content, is_small=is_small)
        except AqsyncError as exc:
            if begun or not concerns_one_file(exc):
                raise
            ended(Moved(file.path, file.name, problem=exc))
        else:
            ended(Moved(file.path, file.name, arriving.size, note=arriving.note))
    yield from archive.end()


def _told(chunks: Iterable[bytes], came: Callable[[int], object]) -> Iterator[bytes]:
    for chunk in chunks:
        came(len(chunk))
        yield chunk


class _Archive:
    """An archive that comes in pieces.

    Args:
        tree: What is put into it.
    """

    def __init__(self, tree: Tree) -> None:
        self._taken = {file.path for file in tree.files}
        self._pieces = _Pieces()
        self._zip = zipfile.ZipFile(
            cast("BinaryIO", self._pieces), "w", zipfile.ZIP_DEFLATED, compresslevel=_FASTEST
        )

    def info(self, file: TreeFile) -> zipfile.ZipInfo:
        """Name and time of a file, as the archive has them.

        Raises:
            NameNotSendable: Another has the only name that it could have.
        """
        name = file.path
        if not _fits(name):
            name = file.name  # which tells its bytes, or its beginning
            if name in self._taken:
                raise NameNotSendable(f"{file.path!r} has no name in a ZIP archive")
        at = _modified(file)
        fits = min(max(at, _FIRST), _LAST)
        info = zipfile.ZipInfo(name, fits.timetuple()[:6])
        info.compress_type = zipfile.ZIP_DEFLATED
        info.external_attr = _FILE
        seconds = (at - _1970) // timedelta(seconds=1)
        if seconds in _SECONDS:
            info.extra = struct.pack("<HHBl", _EXTENDED_TIME, 5, 1, seconds)
        return info

    def add_folder(self, folder: str) -> None:
        """Put an empty folder into it."""
        name = folder if _fits(folder) else remote_name(folder)
        if name not in self._taken:
            info = zipfile.ZipInfo(f"{name}/")
            info.external_attr = _FOLDER
            self._zip.writestr(info, b"")

    def add(
        self, info: zipfile.ZipInfo, content: Iterable[bytes], *, is_small: bool
    ) -> Iterator[bytes]:
        """Put a file into it; gives what of the archive is done."""
        with self._zip.open(info, "w", force_zip64=not is_small) as entry:
            for chunk in content:
                entry.write(chunk)
                yield from self._pieces.take()
        yield from self._pieces.take()

    def end(self) -> Iterator[bytes]:
        """Give the rest of it."""
        self._zip.close()
        return self._pieces.take()


class _Pieces:
    """What `zipfile` writes into: a stream that cannot be gone back in."""

    def __init__(self) -> None:
        self._written: list[bytes] = []

    def write(self, piece: bytes) -> int:
        self._written.append(bytes(piece))
        return len(piece)

    def flush(self) -> None:
        """There is nothing to do."""

    def take(self) -> Iterator[bytes]:
        while self._written:
            written, self._written = self._written, []
            yield b"".join(written)


def _modified(file: TreeFile) -> datetime:
    """When a file was last modified; if that is not known, when it was uploaded."""
    if file.told is not None:
        with suppress(OverflowError):
            return _1970 + timedelta(microseconds=file.told.mtime_ns // 1000)
    with suppress(ValueError):
        return instant(file.modified_at).astimezone(UTC)
    return _FIRST


def _fits(path: str) -> bool:
    """Whether ZIP can have this name: in Unicode, and not too long."""
    try:
        return len(path.encode()) <= _LONGEST_NAME
    except UnicodeEncodeError:
        return False
