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
