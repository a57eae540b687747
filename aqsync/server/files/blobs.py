"""Where the contents of files lie when the database has their names: blobs under random keys.

A blob never changes. The row in the database that names it makes it a file, so a blob that is half
written, or that nobody names, is seen by nobody.
"""

from __future__ import annotations

import secrets
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from aqsync.server.errors import FileRefused


class BlobsAway(FileRefused):
    """The blobs cannot be reached for now."""

    headers = ((b"retry-after", b"5"),)

    def __init__(self) -> None:
        super().__init__(503, "The server cannot reach its file store at the moment.")


@dataclass(frozen=True, slots=True)
class FoundBlob:
    """A blob, or a part of one, that lies there.

    Attributes:
        key: Its key.
        changed_at: When it was last written, in microseconds since 1970.
    """

    key: str
    changed_at: int


class BlobWriter(ABC):
    """A blob on its way in; one thread at a time may call."""

    @abstractmethod
    def write(self, chunks: Sequence[bytes]) -> None:
        """Append bytes.

        Raises:
            BlobsAway: They cannot be stored now.
            OSError: The disk failed.
        """

    @abstractmethod
    def finish(self) -> None:
        """Wait until all bytes are safe.

        Raises:
            BlobsAway: They cannot be stored now.
            OSError: The disk failed.
        """

    @abstractmethod
    def discard(self) -> None:
        """Remove what was written; what cannot be removed now is left to the sweep."""

    @abstractmethod
    def close(self) -> None:
        """Let go of a blob that stays."""


class BlobReader(ABC):
    """A blob on its way out; one thread at a time may call."""

    @abstractmethod
    def next_piece(self) -> bytes:
        """Return the next bytes; none after the last ones.

        Raises:
            BlobsAway: They cannot be read now.
            OSError: The disk failed.
        """

    @abstractmethod
    def close(self) -> None:
        """Let go of it, without waiting."""


class BlobStore(ABC):
    """Blobs. Any thread may call; every method may wait.

    Attributes:
        threads: How many threads that wait for it keep it busy.
        piece_bytes: How many bytes a reader gives at once.
        disk: The folder whose disk can become full; None if there is none.
    """

    threads: int
    piece_bytes: int
    disk: Path | None = None

    @abstractmethod
    def mark(self, new: str | None) -> str | None:
        """Tell whose blobs these are.

        Args:
            new: What to write down if nothing is; None to look only.

        Returns:
            What is written there; None if nothing is.

        Raises:
            ServerStartError: This is no place for blobs.
        """

    @abstractmethod
    def writer(self, key: str) -> BlobWriter:
        """Return a new blob, to be filled."""

    @abstractmethod
    def reader(self, key: str, size: int) -> BlobReader:
        """Return a blob of a known size from its beginning.

        Raises:
            BlobsAway: It cannot be read now.
            OSError: It is not there, or the disk failed.
        """

    @abstractmethod
    def remove(self, blobs: Iterable[tuple[str, int | None]]) -> None:
        """Remove blobs, of which some may be gone or half removed already.

        Args:
            blobs: Their keys and sizes in bytes, None for a size that is not known.

        Raises:
            BlobsAway: They cannot be removed now.
            OSError: The disk failed.
        """

    @abstractmethod
    def found(self) -> Iterator[FoundBlob]:
        """Give all that lies there, a key once or more often.

        Raises:
            BlobsAway: It cannot be listed now.
            OSError: The disk failed.
        """

    @abstractmethod
    def close(self) -> None:
        """Wait for what is under way."""


def new_key() -> str:
    """Return a key that no blob has."""
    return secrets.token_hex(16)
