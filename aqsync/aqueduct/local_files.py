"""The local end of uploads and downloads: files read and written whole, with progress."""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

from aqsync.aqueduct.partial_file import Partial, remove_leftovers, writing
from aqsync.errors import FileToUploadNotFoundError, FileUnreadable, LocalError

Progress = Callable[[int, int | None], object]
"""Called with the bytes moved so far and the file's size, None where that is not known; first with
0. What it raises ends the transfer."""

_CHUNK_BYTES = 512 * 1024


def open_regular(path: Path) -> tuple[BinaryIO, int]:
    """Open a file for reading and return it with its size; never wait for one that is a FIFO.

    Raises:
        FileToUploadNotFoundError, FileUnreadable: It cannot be opened, or is no regular file.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    except FileNotFoundError as exc:
        raise FileToUploadNotFoundError(f"there is no file {str(path)!r}") from exc
    except OSError as exc:
        raise FileUnreadable(f"{str(path)!r} cannot be read: {exc.strerror}") from exc
    except ValueError as exc:  # a NUL, or what the file system's encoding cannot express
        raise FileUnreadable(f"{str(path)!r} cannot be the path of a file") from exc
    status = os.fstat(descriptor)
    if not stat.S_ISREG(status.st_mode):
        os.close(descriptor)
        raise FileUnreadable(f"{str(path)!r} is not a regular file")
    return os.fdopen(descriptor, "rb", buffering=0), status.st_size


def name_of(path: Path) -> str:
    """A file's name as its bytes say in UTF-8, by whichever encoding this process reads names."""
    if sys.getfilesystemencoding() == "utf-8":
        return path.name
    return os.fsencode(path.name).decode("utf-8", "surrogateescape")


def chunks_of(source: BinaryIO, path: Path) -> Iterator[bytes]:
    """Give an open file's bytes.

    Raises:
        FileUnreadable: They cannot be read.
    """
    try:
        while chunk := source.read(_CHUNK_BYTES):
            yield chunk
    except OSError as exc:
        raise FileUnreadable(f"{str(path)!r} cannot be read: {exc.strerror}") from exc


def watched(
    chunks: Iterable[bytes], length: int | None, progress: Progress | None
) -> Iterator[bytes]:
    """Pass chunks on, and tell after each how far they have come."""
    done = 0
    if progress is not None:
        progress(done, length)
    for chunk in chunks:
        yield chunk
        done += len(chunk)
        if progress is not None:
            progress(done, length)


def write_whole(target: Path, chunks: Iterable[bytes], *, replace: bool = True) -> None:
    """Write a file that stands under its name only when it is whole and on the disk.

    Args:
        target: Its path.
        chunks: Its bytes.
        replace: Whether it takes the place of what may be there already.

    Raises:
        LocalError: It cannot be written. What `chunks` raises passes through.
    """
    with _partial(target) as partial:
        partial.fill(chunks)
        partial.finish(replace=replace)


def begun(target: Path) -> Partial:
    """Begin a large file that stands under its name only when it is whole and on the disk.

    What processes that were killed have left beside it is removed first.

    Args:
        target: Its path.

    Raises:
        LocalError: It cannot be written.
    """
    return _partial(target, tidy=True)


def _partial(target: Path, *, tidy: bool = False) -> Partial:
    try:
        with writing(str(target)):
            os.access(target, os.F_OK)  # refuses a name that no file can have
            directory = os.open(target.parent, os.O_RDONLY | os.O_DIRECTORY)
            if tidy:
                remove_leftovers(directory)
    except ValueError as exc:  # a NUL, or what the file system's encoding cannot express
        raise LocalError(f"{str(target)!r} cannot be the path of a file") from exc
    return Partial(directory, os.fsencode(target.name), str(target))
