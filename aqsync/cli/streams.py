"""The standard streams, whatever is behind them: nothing, a full disk, a reader who has gone.

What cannot be written must end no upload and change no verdict. So a failed write is remembered
and the command goes on; `lost_output` tells at its end whether somebody missed something.
"""

from __future__ import annotations

import contextlib
import errno
import io
import os
import select
import sys
from typing import TYPE_CHECKING, BinaryIO, TextIO, cast

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

_STANDARD = (0, 1, 2)


class Outlet(io.FileIO):
    """A descriptor to write to. A failed write is remembered and taken as done.

    Args:
        descriptor: Open for writing; it stays open.
    """

    failure: OSError | None = None
    """The first failed write's error."""
    reader_gone = False
    """Whether this is a pipe that nobody reads any more: it never comes back."""

    def __init__(self, descriptor: int) -> None:
        super().__init__(descriptor, "wb", closefd=False)

    def write(self, data: ReadableBuffer, /) -> int:
        """Write some of the data; returns how many bytes are done with."""
        size = memoryview(data).nbytes
        if self.reader_gone:
            return size
        try:
            written: int | None = super().write(data)
            while written is None:  # somebody else made the terminal non-blocking
                select.select([], [self], [])
                written = super().write(data)
        except OSError as exc:
            self.reader_gone = exc.errno == errno.EPIPE
            self.failure = self.failure or exc
            return size
        return written


def make_streams_safe() -> None:
    """Put something behind every standard stream, so that any code may write to it."""
    for descriptor in _STANDARD:
        _open_if_closed(descriptor)
    if sys.stdin is None:
        sys.stdin = open(os.devnull, encoding="utf-8")  # noqa: SIM115, PTH123 - for the process's whole life
    sys.stdout = _safe(sys.stdout, 1)
    sys.stderr = _safe(sys.stderr, 2)


def reader_has_gone() -> bool:
    """Whether nobody reads stdout any more, so that a long list may end here."""
    outlet = _outlet(sys.stdout)
    return outlet is not None and outlet.reader_gone


def stdout_failure() -> OSError | None:
    """Why stdout takes nothing any more, for what is worth nothing in parts; None: it does."""
    outlet = _outlet(sys.stdout)
    return None if outlet is None else outlet.failure


def lost_output() -> OSError | None:
    """Write what is still buffered; why something of stdout was lost, if somebody wanted it."""
    for stream in (sys.stderr, sys.stdout):
        with contextlib.suppress(OSError, ValueError):  # of streams that others have put there
            stream.flush()
    outlet = _outlet(sys.stdout)
    return None if outlet is None or outlet.reader_gone else outlet.failure


def _open_if_closed(descriptor: int) -> None:
    """Otherwise the next file or socket would get this number, and what is printed with it."""
    try:
        os.fstat(descriptor)
    except OSError:
        os.open(os.devnull, os.O_RDWR)


def _safe(stream: TextIO | None, descriptor: int) -> TextIO:
    if stream is None:  # it was closed when Python started
        return open(os.devnull, "w", encoding="utf-8")  # noqa: PTH123 - for the process's whole life
    if type(stream) is not io.TextIOWrapper or not _is_plain(stream, descriptor):
        return stream
    outlet = Outlet(descriptor)
    unbuffered = stream.write_through  # as `python -u` wants it
    return io.TextIOWrapper(
        cast("BinaryIO", outlet) if unbuffered else io.BufferedWriter(outlet),
        encoding=stream.encoding,
        errors=stream.errors,
        line_buffering=stream.line_buffering,
        write_through=unbuffered,
    )


def _is_plain(stream: TextIO, descriptor: int) -> bool:
    """Whether it is the one that Python opened, and not what a test or a tool put there."""
    raw = _raw(stream)
    return type(raw) is io.FileIO and raw.fileno() == descriptor


def _outlet(stream: TextIO) -> Outlet | None:
    raw = _raw(stream)
    return raw if isinstance(raw, Outlet) else None


def _raw(stream: TextIO) -> object:
    """What a stream writes to in the end."""
    buffer = getattr(stream, "buffer", None)
    return getattr(buffer, "raw", buffer)
