"""Files on their way into and out of a store whose database has the names."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence

from aqsync.server.files.blobs import BlobReader, BlobsAway, BlobStore, new_key
from aqsync.server.files.file_rows import NewFile
from aqsync.server.files.leases import Lease, Leases
from aqsync.server.files.space import Space
from aqsync.server.files.store import FileDamaged, FileFacts, Incoming, OpenFile

_QUICK_BYTES = 8 * 1024 * 1024
_QUICK_US = 600 * 1_000_000
"""What is larger, or takes longer, takes a lease."""
_TOO_LATE_US = 12 * 3600 * 1_000_000
"""Half of the age at which the sweep removes what has neither a lease nor a row."""


class RecordedIncoming(Incoming):
    """A file on its way in: a blob, until a row names it.

    Args:
        blobs: Where its bytes go.
        leases: Keep it from the sweep if it takes long.
        space: Counts its bytes.
        clock: Tells the time in microseconds since 1970.
    """

    def __init__(
        self, blobs: BlobStore, leases: Leases, space: Space, clock: Callable[[], int]
    ) -> None:
        self._key = new_key()
        self._leases = leases
        self._space = space
        self._clock = clock
        self._began_at = clock()
        self._writer = blobs.writer(self._key)
        self._hash = hashlib.sha256()
        self._size = 0
        self._lease: Lease | None = None
        self._may_be_named = False

    @property
    def sha256(self) -> bytes:
        """The SHA-256 of all bytes."""
        return self._hash.digest()

    def write(self, chunks: Sequence[bytes]) -> None:
        """Append bytes."""
        size = sum(map(len, chunks))
        self._space.take(size)
        self._size += size
        if self._lease is None and (self._size > _QUICK_BYTES or self._age() > _QUICK_US):
            self._lease = self._leases.take(self._key, writing=True)
        self._writer.write(chunks)
        for chunk in chunks:
            self._hash.update(chunk)

    def complete(self) -> NewFile:
        """Wait until all bytes are safe.

        Raises:
            BlobsAway: They cannot be stored now.
            OSError: The disk failed.
        """
        self._writer.finish()
        if self._lease is None and self._age() > _TOO_LATE_US:
            raise BlobsAway
        return NewFile(self._key, self._size, self.sha256, self._lease)

    def be_named(self) -> None:
        """Take note that a row may be about to name the blob, whatever the answer says.

        A connection that breaks while a transaction ends leaves open whether it was done. Then the
        blob stays, and the sweep removes it if no row names it.
        """
        self._may_be_named = True

    def stay_unnamed(self) -> None:
        """Take note that no row names the blob: that was refused."""
        self._may_be_named = False

    def named(self) -> None:
        """Take note that a row names the blob."""
        if self._lease is not None:
            self._leases.forget(self._lease)
        self._writer.close()
        self._space.arrived(self._size)
        self._size = 0

    def discard(self) -> None:
        """Leave nothing of it, unless a row may name it."""
        if self._lease is not None:
            self._leases.forget(self._lease)
        if self._may_be_named:
            self._writer.close()
        else:
            self._writer.discard()
        self._space.give_up(self._size)
        self._size = 0

    def _age(self) -> int:
        return self._clock() - self._began_at


class RecordedOpenFile(OpenFile):
    """A file on its way out.

    Args:
        facts: What its row says.
        reader: Its bytes.
        let_go: Called when it is closed.
    """

    def __init__(self, facts: FileFacts, reader: BlobReader, let_go: Callable[[], None]) -> None:
        super().__init__(facts)
        self._reader = reader
        self._let_go = let_go
        self._hash = hashlib.sha256()
        self._left = facts.size

    def next_piece(self) -> bytes:
        """Return the next bytes; the last ones only if all are those that were stored."""
        piece = self._reader.next_piece()
        self._hash.update(piece)
        self._left -= len(piece)
        if not self._left and self._hash.digest() != self.facts.sha256:
            raise FileDamaged
        return piece

    def sha256(self) -> bytes:
        """Return the SHA-256 that its row has."""
        assert self.facts.sha256 is not None  # noqa: S101 - every row has it
        return self.facts.sha256

    def close(self) -> None:
        """Let go of it."""
        self._reader.close()
        self._let_go()
