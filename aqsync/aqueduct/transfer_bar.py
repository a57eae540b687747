"""A progress bar for one transfer, on a terminal or in a notebook; rich is slow to import."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from contextlib import contextmanager

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


def new_bar(*, above: bool, stays: bool = False) -> Progress:
    """Make a bar.

    Args:
        above: Whether what others print meanwhile goes above it.
        stays: Whether it is left to be seen when it has ended.
    """
    return Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        DownloadColumn(binary_units=True),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
        console=_console(),
        transient=not stays,
        redirect_stdout=above,
        redirect_stderr=above,
    )


def _console() -> Console:
    """Return where bars are drawn: a terminal, or the output of a notebook's cell."""
    console = Console(stderr=True)
    if console.is_jupyter and importlib.util.find_spec("ipywidgets") is None:
        # Without widgets a notebook draws what a terminal would.
        return Console(stderr=True, force_jupyter=False, force_terminal=True)
    return console


@contextmanager
def transfer_bar(label: str, *, least: int = 0, stays: bool = False) -> Iterator[Moved]:
    """Show a bar for one file; the block gets the function that takes how far the file is.

    Args:
        label: What stands before the bar.
        least: A file with fewer bytes gets no bar.
        stays: Whether the bar is left to be seen when it has ended.
    """
    progress = new_bar(above=False, stays=stays)
    task = progress.add_task(label if label.isprintable() else ascii(label), total=None)

    def moved(done: int, total: int | None) -> None:
        if total is None or total >= least:
            progress.update(task, completed=done, total=total)
            progress.start()  # does nothing if it has been started

    try:
        yield moved
    finally:
        progress.stop()


class TreeBar:
    """A bar with files, bytes and rate, for a tree.

    Args:
        bar: Where it is drawn; None: nowhere.
        files: How many files there are.
    """

    def __init__(self, bar: Progress | None, files: int) -> None:
        self._bar = bar
        self._files = files
        self._done = 0
        self._task = None if bar is None else bar.add_task(self._counts(), total=None)

    def bytes(self, number: int) -> None:
        """So many bytes more have been moved; called from any thread."""
        if self._bar is not None and self._task is not None:
            self._bar.advance(self._task, number)

    def file(self) -> None:
        """One file more has been dealt with."""
        self._done += 1
        if self._bar is not None and self._task is not None:
            self._bar.update(self._task, description=self._counts())

    def say(self, line: str) -> None:
        """Print a line above the bar."""
        if self._bar is not None:
            self._bar.console.print(line, markup=False, highlight=False)

    def _counts(self) -> str:
        return f"{self._done}/{self._files} files"


@contextmanager
def tree_bar(files: int, *, stays: bool = False) -> Iterator[TreeBar]:
    """Show a bar for a tree.

    Args:
        files: How many files it has.
        stays: Whether the bar is left to be seen when it has ended.
    """
    with new_bar(above=True, stays=stays) as progress:
        yield TreeBar(progress, files)
