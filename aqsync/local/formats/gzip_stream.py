"""gzip. Only unpacking shows where it ends, so only what is small and in memory is unpacked."""

from __future__ import annotations

import zlib

from aqsync.local.formats.view import View, WriterState

MAGIC = b"\x1f\x8b\x08"
_MOST_BYTES = 64 << 10
_MOST_UNPACKED = 1 << 20
"""A millisecond or two."""
_WITH_HEADER = 16 + zlib.MAX_WBITS


def recognises(beginning: bytes) -> bool:
    """Whether a file that begins so is of gzip."""
    return beginning.startswith(MAGIC)


def examine(view: View) -> WriterState:
    """Whether the last of the members in it ends; what is larger cannot be told."""
    if view.size > min(_MOST_BYTES, len(view.beginning)):
        return WriterState.CANNOT_TELL
    packed, left = view.beginning, _MOST_UNPACKED
    while packed.startswith(MAGIC):
        if left <= 0:
            return WriterState.CANNOT_TELL
        member = zlib.decompressobj(_WITH_HEADER)
        try:
            left -= len(member.decompress(packed, left))
        except zlib.error:
            return WriterState.CANNOT_TELL
        if not member.eof:
            return WriterState.CANNOT_TELL if left <= 0 else WriterState.BEING_WRITTEN
        packed = member.unused_data
    return (
        WriterState.BEING_WRITTEN if packed and MAGIC.startswith(packed) else WriterState.FINISHED
    )
