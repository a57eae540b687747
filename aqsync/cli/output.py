"""What commands print: lines for people on two streams, sizes and ages as people say them."""

from __future__ import annotations

import contextlib
import json
import os
import sys
from collections.abc import Iterable
from typing import TextIO

from aqsync.errors import AqsyncError
from aqsync.wording import printable


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
