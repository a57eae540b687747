"""gzip. Only unpacking shows where it ends, so only what is small and in memory is unpacked."""

from __future__ import annotations

import zlib

from aqsync.local.formats.view import Verdict, View

MAGIC = b"\x1f\x8b\x08"
_MOST_BYTES = 64 << 10
_MOST_UNPACKED = 1 << 20
"""A millisecond or two."""
_WITH_HEADER = 16 + zlib.MAX_WBITS


def recognises(beginning: bytes) -> bool:
    """Whether a file that begins so is of gzip."""
    return beginning.startswith(MAGIC)


def examine(view: View) -> Verdict:
    """Whether the last of the members in it ends; what is larger cannot be told."""
    if view.size > min(_MOST_BYTES, len(view.beginning)):
        return Verdict.CANNOT_TELL
    packed, left = view.beginning, _MOST_UNPACKED
    while packed.startswith(MAGIC):
        if left <= 0:
            return Verdict.CANNOT_TELL
        member = zlib.decompressobj(_WITH_HEADER)
        try:
            left -= len(member.decompress(packed, left))
        except zlib.error:
            return Verdict.CANNOT_TELL
        if not member.eof:
            return Verdict.CANNOT_TELL if left <= 0 else Verdict.BEING_WRITTEN
        packed = member.unused_data
    return Verdict.BEING_WRITTEN if packed and MAGIC.startswith(packed) else Verdict.FINISHED
