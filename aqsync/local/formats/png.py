"""PNG: chunks, of which the last is named IEND and is empty."""

from __future__ import annotations

from aqsync.local.formats.view import View, WriterState

MAGIC = b"\x89PNG\r\n\x1a\n"
_LAST = b"\0\0\0\0IEND\xae\x42\x60\x82"
_MOST_CHUNKS = 256
"""How many are gone through, where something else stands at the end."""


def recognises(beginning: bytes) -> bool:
    """Whether a file that begins so is a PNG."""
    return beginning.startswith(MAGIC)


def examine(view: View) -> WriterState:
    """Whether the last chunk is there; something may stand behind it."""
    at = len(MAGIC)
    if view.at(view.size - len(_LAST), len(_LAST)) == _LAST:
        return WriterState.FINISHED
    for _ in range(_MOST_CHUNKS):
        if view.at(at, len(_LAST)) == _LAST:
            return WriterState.FINISHED
        length = view.numbers(">I", at)
        if length is None:
            break
        at += length[0] + len(_LAST)
    return WriterState.BEING_WRITTEN
