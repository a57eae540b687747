"""Blobs as files in a directory, which several machines may share."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path

from aqsync.server.errors import ServerStartError
from aqsync.server.files.blobs import (
    BlobReader,
    BlobsAway,
    BlobStore,
    BlobWriter,
    FoundBlob,
    new_key,
)
from aqsync.server.files.descriptors import sync_folder, write_all, write_early

_MARK = "aqsync-files"
_PIECE = 512 * 1024
_FOLDER_NAME = 2
_log = logging.getLogger(__name__)


class DirectoryBlobs(BlobStore):
    """Each blob is a file, in the folder that the first two characters of its key name.

    Args:
        folder: The directory; made if it is missing, but not those above it.

    Raises:
        ServerStartError: It cannot be used.
    """

    threads = 16
    piece_bytes = _PIECE

    def __init__(self, folder: Path) -> None:
        self.disk = folder
        self._folder = os.fspath(folder)
        try:
            folder.mkdir(mode=0o700, exist_ok=True)
        except OSError as exc:
            raise _unusable(folder, exc) from exc

    def mark(self, new: str | None) -> str | None:
        """Tell whose blobs these are."""
        place = Path(self._folder, _MARK)
        try:
            if new is not None and not place.exists():
                own = Path(self._folder, f"{_MARK}-{new_key()}")
                own.write_text(new, encoding="ascii")
                # Unlike a file that is opened, a link is there with all its bytes; and of several
                # servers that start at once, one makes it.
                with suppress(FileExistsError):
                    place.hardlink_to(own)
                own.unlink()
                sync_folder(self._folder)
            return place.read_text(encoding="ascii") if place.exists() else None
        except (OSError, ValueError) as exc:
            raise _unusable(Path(self._folder), exc) from exc

    def writer(self, key: str) -> BlobWriter:
        """Return a new blob, to be filled."""
        return _Writer(self._place(key))

    def reader(self, key: str, size: int) -> BlobReader:
        """Return a blob from its beginning."""
        place = self._place(key)
        try:
            return _Reader(os.open(place, os.O_RDONLY), size)
        except FileNotFoundError:
            _check_mounted(Path(self._folder))
            raise

    def remove(self, blobs: Iterable[tuple[str, int | None]]) -> None:
        """Remove blobs."""
        for key, _ in blobs:
            with suppress(FileNotFoundError):
                os.unlink(self._place(key))  # noqa: PTH108 - text

    def found(self) -> Iterator[FoundBlob]:
        """Give all blobs."""
        for name in sorted(os.listdir(self._folder)):  # noqa: PTH208 - names, not paths
            if len(name) != _FOLDER_NAME:
                continue
            with os.scandir(f"{self._folder}/{name}") as entries:
                for entry in entries:
                    with suppress(FileNotFoundError):
                        changed = entry.stat(follow_symlinks=False).st_mtime_ns
                        yield FoundBlob(entry.name, changed // 1000)

    def close(self) -> None:
        """Nothing goes on without its caller."""

    def _place(self, key: str) -> str:
        return f"{self._folder}/{key[:_FOLDER_NAME]}/{key}"


class _Writer(BlobWriter):
    def __init__(self, place: str) -> None:
        self._place = place
        self._descriptor: int | None = None
        self._size = 0

    def write(self, chunks: Sequence[bytes]) -> None:
        descriptor = self._open()
        for chunk in chunks:
            write_all(descriptor, chunk)
        size = sum(map(len, chunks))
        write_early(descriptor, self._size, size)
        self._size += size

    def finish(self) -> None:
        os.fsync(self._open())
        sync_folder(os.path.dirname(self._place))  # noqa: PTH120 - text

    def discard(self) -> None:
        if self._descriptor is not None:
            self.close()
            with suppress(FileNotFoundError):
                os.unlink(self._place)  # noqa: PTH108 - text

    def close(self) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def _open(self) -> int:
        if self._descriptor is None:
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL
            try:
                self._descriptor = os.open(self._place, flags, 0o600)
            except FileNotFoundError:
                self._make_folder()
                self._descriptor = os.open(self._place, flags, 0o600)
        return self._descriptor

    def _make_folder(self) -> None:
        folder = Path(self._place).parent
        _check_mounted(folder.parent)
        with suppress(FileExistsError):
            folder.mkdir(mode=0o700)
        sync_folder(folder.parent)


class _Reader(BlobReader):
    def __init__(self, descriptor: int, size: int) -> None:
        self._descriptor = descriptor
        self._left = size

    def next_piece(self) -> bytes:
        piece = os.read(self._descriptor, min(_PIECE, self._left))
        self._left -= len(piece)
        return piece

    def close(self) -> None:
        os.close(self._descriptor)


def _check_mounted(folder: Path) -> None:
    """Refuse a directory that has lost its mark: the file system with the blobs is not mounted.

    What was written then would be hidden below the file system once it is mounted again.

    Raises:
        BlobsAway: It has.
    """
    if not (folder / _MARK).exists():
        _log.error("the files are not in %s: is their file system mounted?", folder)
        raise BlobsAway


def _unusable(folder: Path, exc: Exception) -> ServerStartError:
    reason = exc.strerror if isinstance(exc, OSError) else exc
    return ServerStartError(
        f"the directory of files {folder} cannot be used: {reason}",
        "Name one that this user may write to, on a file system that is mounted.",
    )
