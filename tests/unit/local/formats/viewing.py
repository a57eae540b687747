"""What a format says of a file whose bytes are at hand."""

from __future__ import annotations

from pathlib import Path

from aqsync.local.formats import View, WriterState, examine, format_of

REAL = Path(__file__).parent / "real"
FINISHED, BEING_WRITTEN = WriterState.FINISHED, WriterState.BEING_WRITTEN
CANNOT_TELL = WriterState.CANNOT_TELL


class Reads:
    """A file of which only the beginning is in memory; counts what is read besides."""

    def __init__(self, content: bytes, in_memory: int) -> None:
        self.content = content
        self.beginning = content[:in_memory]
        self.count = 0
        self.bytes = 0

    def read_at(self, offset: int, size: int) -> bytes:
        assert offset >= 0
        assert size > 0
        found = self.content[offset : offset + size]
        self.count += 1
        self.bytes += len(found)
        return found


def said_of(content: bytes) -> tuple[str | None, WriterState]:
    """Format and verdict of a file that is in memory as a whole."""
    known = format_of(content)
    if known is None:
        return None, CANNOT_TELL
    return known.name, examine(known, View(len(content), content))


def read_of(content: bytes, in_memory: int = 256) -> tuple[WriterState, Reads]:
    """The verdict on a file of which only the beginning is in memory, and what was read for it."""
    reads = Reads(content, in_memory)
    known = format_of(reads.beginning)
    if known is None:
        return CANNOT_TELL, reads
    return examine(known, View(len(content), reads.beginning, reads.read_at)), reads
