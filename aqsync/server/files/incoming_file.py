"""A file on its way into a folder, until it gets its place and name."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence

from aqsync.server.files.descriptors import write_all, write_early
from aqsync.server.files.space import Space
from aqsync.server.files.stamps import Stamps, stamp, stamp_as
from aqsync.server.files.store import Incoming


class IncomingFile(Incoming):
    """A file on its way into a folder.

    Args:
        path: Its temporary name; the file is made when the first bytes are written.
        space: Counts its bytes.
        hashed: Whether its SHA-256 will be asked for.
    """

    def __init__(self, path: str, space: Space, *, hashed: bool = False) -> None:
        self._path = path
        self._space = space
        self._descriptor: int | None = None
        self._exists = False
        self._size = 0
        self._taken = 0
        self._hash = hashlib.sha256() if hashed else None

    @property
    def sha256(self) -> bytes | None:
        """The SHA-256 of all bytes; None if it was not asked for."""
        return None if self._hash is None else self._hash.digest()

    def write(self, chunks: Sequence[bytes]) -> None:
        """Append bytes."""
        size = sum(map(len, chunks))
        self._space.take(size)
        self._taken += size
        descriptor = self._open()
        for chunk in chunks:
            write_all(descriptor, chunk)
            if self._hash is not None:
                self._hash.update(chunk)
        write_early(descriptor, self._size, size)
        self._size += size

    def complete(self, stamps: Stamps, after: int | None, time: int | None = None) -> int:
        """Stamp the file, which has all its bytes, and wait for the disk.

        Args:
            stamps: Where times come from.
            after: The time is later than this, in microseconds since 1970; None for no limit.
            time: The time, if it has one already; then no other limit counts.

        Returns:
            The file's time, in microseconds since 1970.
        """
        descriptor = self._open()
        stamped = stamp(descriptor, stamps, after) if time is None else stamp_as(descriptor, time)
        os.fsync(descriptor)
        return stamped

    def move_to(self, place: str) -> None:
        """Rename the complete file."""
        os.replace(self._path, place)  # noqa: PTH105 - text
        self._exists = False
        self._space.arrived(self._taken)
        self._taken = 0
        self._close()

    def discard(self) -> None:
        """Remove the file, unless `move_to` has renamed it."""
        self._close()
        self._space.give_up(self._taken)
        self._taken = 0
        if self._exists:
            os.unlink(self._path)  # noqa: PTH108 - text
            self._exists = False

    def _open(self) -> int:
        if self._descriptor is None:
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL
            self._descriptor = os.open(self._path, flags, 0o644)
            self._exists = True
        return self._descriptor

    def _close(self) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None
