"""A bar for the transfer of one file, on a terminal."""

from __future__ import annotations

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
from aqsync.cli.output import printable

_WORTH_A_BAR = 1024 * 1024
"""A smaller file has gone before anybody could read its bar."""


@contextmanager
def bar(label: str) -> Iterator[Moved]:
    """Give what is to be told how far a transfer has come; its bar goes when it ends.

    Args:
        label: What stands before the bar.
    """
    progress = Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        DownloadColumn(binary_units=True),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        transient=True,
        redirect_stdout=False,
        redirect_stderr=False,
    )
    task = progress.add_task(printable(label), total=None)

    def moved(done: int, total: int | None) -> None:
        if total is None or total >= _WORTH_A_BAR:
            progress.update(task, completed=done, total=total)
            progress.start()  # once is enough, and more does no harm

    try:
        yield moved
    finally:
        progress.stop()
