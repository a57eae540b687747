"""Bars on a terminal, for a push and for one file; apart because rich is slow to import."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)

from aqsync.aqueduct.local_files import Progress as Moved
from aqsync.cli.output import printable
from aqsync.cli.progress_lines import LONG_WAIT_S, described, replacement
from aqsync.sync.progress import Event, Finished, Pausing, Planned, Replacing, Sent

_WORTH_A_BAR = 1024 * 1024
"""A smaller file is done before its bar could be read."""


def _new_bar(*, above: bool) -> Progress:
    """Make a bar; `above` says whether what others print meanwhile goes above it."""
    return Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        DownloadColumn(binary_units=True),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        transient=True,
        redirect_stdout=above,
        redirect_stderr=above,
    )


class Bar:
    """A bar with files, bytes, rate and time left.

    Args:
        roots: By mapping name, the root.
    """

    def __init__(self, roots: dict[str, Path]) -> None:
        self._roots = roots
        self._progress = _new_bar(above=True)
        self._task = self._progress.add_task("looking", total=None)
        self._done = 0
        self._planned = 0
        self._sent = 0
        self._lock = threading.Lock()

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._progress.stop()

    def show(self, event: Event) -> None:
        """Move the bar; failures and replacements get a line above it. Called from any thread."""
        match event:
            case Sent(size):
                with self._lock:
                    self._sent += size
                self._progress.advance(self._task, size)
            case Planned(files, size):
                self._planned = self._done + files
                self._progress.update(
                    self._task, total=self._sent + size, description=self._counts()
                )
            case Finished():
                self._done += 1
                self._progress.update(self._task, description=self._counts())
                if event.outcome == "Failed":
                    self._print(described(event, self._roots[event.mapping]) or "")
            case Replacing():
                self._print(replacement(event, self._roots[event.mapping]))
            case Pausing(seconds, reason) if seconds >= LONG_WAIT_S:
                self._progress.update(self._task, description=f"waiting: {printable(reason)}")
            case _:
                pass

    def _counts(self) -> str:
        return f"{self._done}/{max(self._done, self._planned)} files"

    def _print(self, line: str) -> None:
        self._progress.console.print(printable(line), markup=False, highlight=False)


@contextmanager
def transfer_bar(label: str) -> Iterator[Moved]:
    """Show a bar for one file; the block gets the function that takes how far the file is.

    Args:
        label: What stands before the bar.
    """
    progress = _new_bar(above=False)
    task = progress.add_task(printable(label), total=None)

    def moved(done: int, total: int | None) -> None:
        if total is None or total >= _WORTH_A_BAR:
            progress.update(task, completed=done, total=total)
            progress.start()  # does nothing if it has been started

    try:
        yield moved
    finally:
        progress.stop()
