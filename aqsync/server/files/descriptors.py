"""Writing to open files, and putting them on the disk."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

_WORTH_AN_EARLY_START = 512 * 1024
_PIECE = 1024 * 1024


def write_all(descriptor: int, data: bytes) -> None:
    """Write all of some bytes.

    Raises:
        OSError: The disk failed.
    """
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(descriptor, rest) :]


def write_early(descriptor: int, start: int, size: int) -> None:
    """Let the disk begin with bytes just written, so that the sync at the end waits for little."""
    if size >= _WORTH_AN_EARLY_START:
        os.posix_fadvise(descriptor, start, 0, os.POSIX_FADV_DONTNEED)


def sha256_of(descriptor: int) -> bytes:
    """Return the SHA-256 of an open file, which stays where it is read.

    Raises:
        OSError: The disk failed.
    """
    digest = hashlib.sha256()
    start = 0
    while piece := os.pread(descriptor, _PIECE, start):
        digest.update(piece)
        start += len(piece)
    return digest.digest()


def sync_folder(folder: Path | str) -> None:
    """Put the names in a folder on the disk."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
