"""Whether a file is finished, as its own format says.

A format is known by its first bytes, never by its name. One more is one more line in `FORMATS`.
What is learned is a hint about when to send, and never more: a file that is damaged, or only looks
like a format, is sent a while later.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

from aqsync.local.formats import footers, gzip_stream, hdf5, png, tdms, zip_archive
from aqsync.local.formats.view import TooMuch, View, WriterState

__all__ = ["FORMATS", "Format", "View", "WriterState", "examine", "format_of"]


class Format(NamedTuple):
    """What is known of a format."""

    name: str
    """For a person; the journal keeps it."""
    recognises: Callable[[bytes], bool]
    """Called with a file's first bytes."""
    examine: Callable[[View], WriterState]
    locked: bool = False
    """Its writers hold a lock while they have a file open."""


def _begins_with(*marks: bytes) -> Callable[[bytes], bool]:
    return lambda beginning: beginning.startswith(marks)


FORMATS = (
    Format("ZIP", zip_archive.recognises, zip_archive.examine),
    Format("PNG", png.recognises, png.examine),
    Format("TDMS", tdms.recognises, tdms.examine),
    Format(
        "Parquet",
        _begins_with(*footers.PARQUET),
        partial(footers.ends_with_footer, marks=footers.PARQUET),
    ),
    Format(
        "Arrow",
        _begins_with(*footers.ARROW),
        partial(footers.ends_with_footer, marks=footers.ARROW),
    ),
    Format("gzip", gzip_stream.recognises, gzip_stream.examine),
    # The last, as it may begin with a block of any content.
    Format("HDF5", hdf5.recognises, hdf5.examine, locked=True),
)
"""The first one that recognises a file counts."""


def format_of(beginning: bytes) -> Format | None:
    """The format of a file that begins so; None: none that is known."""
    return next((known for known in FORMATS if known.recognises(beginning)), None)


def examine(known: Format, view: View) -> WriterState:
    """What a file's format says of it; never an error, whatever is in the file."""
    try:
        return known.examine(view)
    except TooMuch:
        return WriterState.CANNOT_TELL
