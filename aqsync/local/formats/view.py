"""What may be read of a file to find out whether it is finished: little, whatever is in it."""

from __future__ import annotations

import struct
from collections.abc import Callable
from enum import Enum
from typing import Any

PAGE = 4096
"""Bytes read at once where fewer are asked for: a system reads no less from a disk."""
MOST_READS = 4096
"""Reads of one file at most, besides its first bytes. Only a TDMS file of very many segments, or a
file made to look like one, needs more than a few."""
MOST_BYTES = 128 << 10
"""Bytes of one read at most."""


class WriterState(Enum):
    """Whether a file's writer has finished it, as the file's own format says."""

    FINISHED = "finished"
    BEING_WRITTEN = "being written"
    """Its writer has not closed it, died, or the file was cut off."""
    CANNOT_TELL = "cannot tell"


class TooMuch(Exception):
    """More would have to be read than may be."""


class View:
    """A file, of which few bytes are read, and those that are in memory not again.

    Args:
        size: Its bytes.
        beginning: Its first bytes, which are going to be sent and so are in memory.
        read_at: Called with offset and number of bytes, for those that are not; it may give fewer.
    """

    def __init__(
        self, size: int, beginning: bytes, read_at: Callable[[int, int], bytes] | None = None
    ) -> None:
        self.size = size
        self.beginning = beginning
        self._read_at = read_at
        self._start, self._page = 0, beginning
        self._reads = 0

    def at(self, offset: int, length: int) -> bytes:
        """The bytes there, fewer where the file ends.

        Raises:
            TooMuch: As said there.
        """
        wanted = min(length, self.size - offset)
        if offset < 0 or wanted <= 0:
            return b""
        for start, page in ((0, self.beginning), (self._start, self._page)):
            if start <= offset and offset + wanted <= start + len(page):
                return page[offset - start : offset - start + wanted]
        if self._read_at is None:
            return b""
        self._reads += 1
        if self._reads > MOST_READS or wanted > MOST_BYTES:
            raise TooMuch
        self._start, self._page = offset, self._read_at(offset, max(wanted, PAGE))
        return self._page[:wanted]

    def numbers(self, layout: str, offset: int) -> tuple[Any, ...] | None:
        """Numbers as `struct` unpacks them; None where the file ends before them.

        Raises:
            TooMuch: As said there.
        """
        found = self.at(offset, struct.calcsize(layout))
        return struct.unpack(layout, found) if len(found) == struct.calcsize(layout) else None
