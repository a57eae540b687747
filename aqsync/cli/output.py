"""What commands print: lines for people on two streams, sizes and ages as people say them."""

from __future__ import annotations

import contextlib
import json
import os
import sys
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import TextIO

from aqsync.errors import AqsyncError
from aqsync.local_time import local_text
from aqsync.model import SECOND_NS


def say(line: str) -> None:
    """One line of a command's answer."""
    _write(sys.stdout, line)


def say_lines(lines: Iterable[str]) -> None:
    """Many lines at once, for answers of thousands."""
    sys.stdout.write("".join(f"{printable(line)}\n" for line in lines))
    sys.stdout.flush()


def complain(line: str) -> None:
    """One line about what is wrong."""
    _write(sys.stderr, line)


def complain_from_signal(line: str) -> None:
    """The same after a signal, which may have interrupted another line.

    The interrupted code may hold the stream's lock, so this writes past it.
    """
    with contextlib.suppress(OSError):  # not every stream has a descriptor
        os.write(sys.stderr.fileno(), f"{line}\n".encode())


def _write(stream: TextIO, line: str) -> None:
    stream.write(printable(line) + "\n")
    stream.flush()


def printable(text: str) -> str:
    """Text that a terminal shows on one line, whatever bytes a file name holds."""
    if text.isprintable():
        return text
    return "".join(
        c if c.isprintable() else c.encode("unicode_escape", "surrogatepass").decode() for c in text
    )


def pass_on(text: str, stream: TextIO) -> None:
    """Write a text that others made as it is, but give a terminal no control characters."""
    if stream.isatty():
        text = "\n".join(printable(line.expandtabs()) for line in text.split("\n"))
        if text and not text.endswith("\n"):
            text += "\n"
    stream.write(text)
    stream.flush()


def say_json(value: object) -> None:
    """One JSON object; names that are not UTF-8 keep their bytes as lone surrogates."""
    sys.stdout.write(json.dumps(value, indent=2) + "\n")


def report_error(exc: AqsyncError) -> None:
    """An error that ends a command."""
    for line in exc.message.splitlines():
        complain(f"error: {line}")
    if exc.hint:
        complain(f"  hint: {exc.hint}")


def size_text(size: float) -> str:
    """Bytes as people say them: ``3.1 MiB``."""
    for unit in ("B", "KiB", "MiB", "GiB"):
        if round(size, 1) < 1024:  # noqa: PLR2004 - the step from unit to unit
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1024
    return f"{size:.1f} TiB"


def seconds_text(seconds: float) -> str:
    """About how long it was or will be: ``42 s``, ``3 min``, ``5 h``, ``2 days``."""
    if seconds < 1:
        return f"{seconds:.1f} s"
    for limit, divisor, unit in ((120, 1, "s"), (7200, 60, "min"), (172_800, 3600, "h")):
        if seconds < limit:
            return f"{seconds / divisor:.0f} {unit}"
    return f"{seconds / 86_400:.0f} days"


def age_text(then_ns: int | None, now_ns: int) -> str:
    """How long ago something was: ``3 min ago``, ``never``."""
    if then_ns is None:
        return "never"
    return f"{seconds_text(max(0, now_ns - then_ns) / SECOND_NS)} ago"


def until_text(at_ns: int | None) -> str:
    """Until when: `` until 2026-11-23 10:00:00+01:00``; empty if that is not known."""
    return "" if at_ns is None else f" until {local_text(at_ns / SECOND_NS)}"


def lists_text(oldest_ns: int | None, now_ns: int) -> str:
    """How old what is known of the server is, as `status` and `ls` say it."""
    if oldest_ns is None:
        return "the server's file lists were never fetched"
    return f"the server's file lists were fetched {age_text(oldest_ns, now_ns)}"


def iso_text(at_ns: int | None) -> str | None:
    """A point in time, nanoseconds since 1970, as programs read it; None beyond the year 9999."""
    if at_ns is None:
        return None
    try:
        return datetime.fromtimestamp(at_ns / SECOND_NS, UTC).isoformat()
    except (ValueError, OverflowError, OSError):
        return None
