"""HDF5, and what is made of it: NetCDF-4, MATLAB 7.3.

The superblock says where the data ends, and libhdf5 cuts a file there when it closes it. While a
part of the data is in memory, or in the file alone and not in the superblock, the two differ.
Superblocks of version 2 and 3 hold flags besides, which the writer clears at the end.
"""

from __future__ import annotations

from aqsync.local.formats.view import View, WriterState

MAGIC = b"\x89HDF\r\n\x1a\n"
_FIRST_USER_BLOCK = 512
_OPEN_FOR_WRITING = 0b101
"""Bit 0: open for writing; bit 2: for one writer and many readers."""
_EXTENSION = 512
"""Bytes of what a superblock of version 2 and 3 leads to; it names a driver, if there is one."""
_DRIVERS = (b"NCSAfami", b"NCSAmult")
"""Those that spread the data over several files."""
_WIDTHS = {2: "H", 4: "I", 8: "Q"}
"""How addresses are packed, by their number of bytes."""


def recognises(beginning: bytes) -> bool:
    """Whether a file that begins so is HDF5; before it there may be a user block."""
    return _start(beginning) is not None


def _start(beginning: bytes) -> int | None:
    """Where the superblock is: at the beginning, or at 512 or twice, four times, ... as much."""
    at = 0
    while at < len(beginning):
        if beginning.startswith(MAGIC, at):
            return at
        at = 2 * at or _FIRST_USER_BLOCK
    return None


def examine(view: View) -> WriterState:
    """What the superblock says."""
    start = _start(view.beginning) or 0
    versions = view.numbers("<8x6B", start)
    if versions is None:
        return WriterState.BEING_WRITTEN
    version, flags = versions[0], 0
    if version in {0, 1}:
        width, at = versions[5], 24 if version == 0 else 28
    elif version in {2, 3}:
        width, at, flags = versions[1], 12, versions[3]
    else:
        return WriterState.CANNOT_TELL
    if width not in _WIDTHS:
        return WriterState.CANNOT_TELL
    addresses = view.numbers(f"<4{_WIDTHS[width]}", start + at)
    if addresses is None or flags & _OPEN_FOR_WRITING:
        return WriterState.BEING_WRITTEN
    base, extension, end, driver = addresses
    undefined = (1 << 8 * width) - 1
    if version in {0, 1}:
        several = driver != undefined
    else:
        several = extension != undefined and _is_spread(view.at(start + extension, _EXTENSION))
    if several:
        return WriterState.CANNOT_TELL  # one of several files: the end is that of all together
    end += max(0, start - base)  # a user block that was put before it later
    return WriterState.FINISHED if end == view.size else WriterState.BEING_WRITTEN


def _is_spread(extension: bytes) -> bool:
    return any(driver in extension for driver in _DRIVERS)
