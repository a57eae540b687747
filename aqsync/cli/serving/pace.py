"""How far a long move has come: a bar on a terminal, else a line now and then."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NamedTuple

from aqsync.cli.output import complain
from aqsync.wording import counted, size_text

_EVERY_S = 60.0


class Pace(NamedTuple):
    """The two functions that a move calls while it gets on. Any thread may call them."""

    came: Callable[[int], object]
    """Takes the number of bytes more that have been moved."""
    file: Callable[[], object]
    """Called for each file that has been dealt with."""


@contextmanager
def shown_pace(files: int, *, quiet: bool) -> Iterator[Pace]:
    """Show how far a move has come, on the error stream.

    Args:
        files: How many files there are.
        quiet: Whether nothing is shown.
    """
    from aqsync.aqueduct.whole_trees import tree_progress  # noqa: PLC0415 - slow to import

    bar = not quiet and sys.stderr.isatty()
    with tree_progress(files, show=bar) as moved:
        lines = _Lines()
        yield Pace(*moved) if bar or quiet else Pace(lines.came, lines.file)


class _Lines:
    """A line each minute."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._bytes = 0
        self._files = 0
        self._said = time.monotonic()

    def came(self, number: int) -> None:
        with self._lock:
            self._bytes += number
            self._say()

    def file(self) -> None:
        with self._lock:
            self._files += 1
            self._say()

    def _say(self) -> None:
        if time.monotonic() - self._said >= _EVERY_S:
            self._said = time.monotonic()
            complain(f"so far {counted(self._files, 'file')}, {size_text(self._bytes)}")
