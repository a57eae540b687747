"""TDMS of LabVIEW, and its index: segments, each of which says how long it is.

A segment that is being written, or whose writer died, has a mark in place of its length.
"""

from __future__ import annotations

from aqsync.local.formats.view import View, WriterState

MAGIC, INDEX_MAGIC = b"TDSm", b"TDSh"
_LEAD_IN_BYTES = 28
_BIG_ENDIAN = 1 << 6
_INCOMPLETE = 0xFFFF_FFFF_FFFF_FFFF


def recognises(beginning: bytes) -> bool:
    """Whether a file that begins so is TDMS, or the index of one."""
    return beginning.startswith((MAGIC, INDEX_MAGIC))


def examine(view: View) -> WriterState:
    """Whether the segments fill the file.

    Raises:
        TooMuch: There are very many segments.
    """
    magic = view.beginning[: len(MAGIC)]
    at = 0
    while at < view.size:
        head = view.numbers("<4sI", at)
        if head is None:
            return WriterState.BEING_WRITTEN
        if head[0] != magic:
            return WriterState.CANNOT_TELL  # something else stands behind the segments
        lengths = view.numbers(">QQ" if head[1] & _BIG_ENDIAN else "<QQ", at + 12)
        if lengths is None or _INCOMPLETE in lengths:
            return WriterState.BEING_WRITTEN
        segment, before_data = lengths
        at += _LEAD_IN_BYTES + (before_data if magic == INDEX_MAGIC else segment)
    return WriterState.FINISHED if at == view.size else WriterState.BEING_WRITTEN
