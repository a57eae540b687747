"""Parquet, and Arrow's file format (Feather): a footer comes last, its length and a mark behind it.

Arrow's format for streams has no mark at its beginning, so it is not recognised.
"""

from __future__ import annotations

from aqsync.local.formats.view import View, WriterState

PARQUET = (b"PAR1", b"PARE")
"""The second one: the footer is encrypted."""
ARROW = (b"ARROW1",)


def ends_with_footer(view: View, marks: tuple[bytes, ...]) -> WriterState:
    """Whether a footer is at the end whose length fits.

    Args:
        view: The file.
        marks: What may stand at both ends of it.
    """
    for mark in marks:
        ends = view.numbers(f"<i{len(mark)}s", view.size - 4 - len(mark))
        if ends is not None and ends[1] == mark:
            fits = 0 < ends[0] <= view.size - 2 * len(mark) - 4
            return WriterState.FINISHED if fits else WriterState.BEING_WRITTEN
    return WriterState.BEING_WRITTEN
