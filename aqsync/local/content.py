"""What a job gives out of a file: its content, whole, or an error."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import NamedTuple, Protocol

from aqsync.model import Signature


class Content(Protocol):
    """The bytes that stand for one version of a file."""

    @property
    def size(self) -> int:
        """How many bytes it gives out."""

    @property
    def signature(self) -> Signature:
        """Of the file while it has this content, by the last check.

        Unknown if the file is known to have changed since, or may have changed without showing it.
        """

    def chunks(self, size: int) -> Iterator[bytes]:
        """The bytes, once, in pieces of this size; the last one comes only after the last check.

        Raises:
            FileChanged: The file changed meanwhile; the chunks given out do not count.
            FileVanished: It was deleted or replaced meanwhile.
            FileUnreadable: The disk failed to deliver.
        """


class Held(NamedTuple):
    """A content that can be opened again and again while it is held."""

    open: Callable[[], AbstractContextManager[Content]]
    size: int
    """Bytes."""
    damage: str | None = None
    """Of a database: what is wrong in it, in SQLite's words; None: nothing, as far as is known."""
    modified_ns: int | None = None
    """When it was last modified, where no signature tells: of a database, when something was last
    committed to it."""

    def unlike(self, signature: Signature) -> int | None:
        """Its number of bytes, if it is another than a signature says."""
        return None if self.size == signature.size else self.size
