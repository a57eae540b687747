"""What a job gives out of a file: its content, whole, or an error."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol


class Content(Protocol):
    """The bytes that stand for one version of a file."""

    @property
    def size(self) -> int:
        """How many bytes it gives out."""

    def chunks(self, size: int) -> Iterator[bytes]:
        """The bytes, once, in pieces of this size; the last one comes only after the last check.

        Raises:
            FileChanged: The file changed meanwhile; the chunks given out do not count.
            FileVanished: It was deleted or replaced meanwhile.
            FileUnreadable: The disk failed to deliver.
        """
