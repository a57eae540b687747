"""ZIP archives, and what is made of them: npz, Office documents, wheels.

Their directory comes last, and an end record after it says where it begins. So a file without one
that fits is not finished. What stands behind the record does not matter.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

from aqsync.local.formats.view import View, WriterState

MAGICS = (b"PK\x03\x04", b"PK\x05\x06")
"""Of the first entry, or of the end record where there is no entry."""

_ENTRY = b"PK\x01\x02"
_END = b"PK\x05\x06"
_END_LAYOUT = "<4s4HIIH"
_END_BYTES = struct.calcsize(_END_LAYOUT)
_LONGEST_COMMENT = 0xFFFF
_NEAR = 1024
"""The record is nearly always so close to the end."""
_LOCATOR = b"PK\x06\x07"
_LOCATOR_LAYOUT = "<4sIQI"
_LOCATOR_BYTES = struct.calcsize(_LOCATOR_LAYOUT)
_END64 = b"PK\x06\x06"
_END64_LAYOUT = "<4sQHHIIQQQQ"


def recognises(beginning: bytes) -> bool:
    """Whether a file that begins so is a ZIP archive."""
    return beginning.startswith(MAGICS)


def examine(view: View) -> WriterState:
    """Whether a directory and an end record that fits stand at the end."""
    for length in (_NEAR, _END_BYTES + _LONGEST_COMMENT):
        start = max(0, view.size - length)
        for at in _places_of_end(view.at(start, length)):
            if _fits(view, start + at):
                return WriterState.FINISHED
    return WriterState.BEING_WRITTEN


def _places_of_end(tail: bytes) -> Iterator[int]:
    at = len(tail)
    while (at := tail.rfind(_END, 0, at)) >= 0:
        yield at


def _fits(view: View, at: int) -> bool:
    """Whether the directory that an end record names ends where that record begins."""
    record = view.numbers(_END_LAYOUT, at)
    if record is None:
        return False
    *_, size, offset, comment = record
    if at + _END_BYTES + comment > view.size:
        return False
    at, size, offset = _of_large_archive(view, at) or (at, size, offset)
    return offset + size == at and (size == 0 or view.at(offset, len(_ENTRY)) == _ENTRY)


def _of_large_archive(view: View, at: int) -> tuple[int, int, int] | None:
    """Of ZIP64: where its own end record is, then size and offset of the directory."""
    locator = view.numbers(_LOCATOR_LAYOUT, at - _LOCATOR_BYTES)
    if locator is None or locator[0] != _LOCATOR:
        return None
    end = view.numbers(_END64_LAYOUT, locator[2])
    if end is None or end[0] != _END64:
        return None
    return locator[2], end[8], end[9]
