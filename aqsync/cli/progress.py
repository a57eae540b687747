"""Progress of a push: a bar on a terminal, plain lines otherwise."""

from __future__ import annotations

import threading
from collections.abc import Callable
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

from aqsync.cli.output import complain, printable, size_text
from aqsync.model import Adopted, Failed, FileRecord, Outcome, Removed, Touched, Uploaded

LONG_WAIT_S = 0.5
"""A shorter pause is not worth a line."""


def described(file: FileRecord, outcome: Outcome, root: Path) -> str | None:
    """One line for what came of a file; None for what is not worth one."""
    place = root / file.path
    match outcome:
        case Uploaded(signature):
            return f"uploaded {place} ({size_text(signature.size)})"
        case Adopted():
            return f"already there: {place}"
        case Touched():
            return f"unchanged content: {place}"
        case Removed():
            return f"removed from the server: {place}"
        case Failed(message):
            return f"failed: {message}"
        case _:
            return None


def replacement(file: FileRecord, root: Path) -> str:
    """One line that names what is about to be replaced."""
    return f"replacing {file.remote_name} in {file.eid} with {root / file.path}"


class Lines:
    """Plain lines, on the error stream so that the answer stays alone on the other.

    Args:
        roots: By mapping name, the root.
        quiet: Say nothing at all.
    """

    def __init__(self, roots: dict[str, Path], *, quiet: bool) -> None:
        self._roots = roots
        self._say: Callable[[str], None] = (lambda _line: None) if quiet else complain

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Nothing to end."""

    def sent(self, size: int) -> None:
        """Bytes are not worth a line."""

    def planned(self, files: int, size: int) -> None:
        """What comes is not worth a line."""

    def finished(self, file: FileRecord, outcome: Outcome) -> None:
        """A line for each file."""
        line = described(file, outcome, self._roots[file.mapping])
        if line is not None:
            self._say(line)

    def replacing(self, file: FileRecord) -> None:
        """Name what is about to be replaced."""
        self._say(replacement(file, self._roots[file.mapping]))

    def waiting(self, seconds: float, reason: str) -> None:
        """Say why nothing happens."""
        if seconds >= LONG_WAIT_S:
            self._say(f"waiting {seconds:.0f} s: {reason}")


class Bar:
    """A bar with files, bytes, rate and time left.

    Args:
        roots: By mapping name, the root.
        console: The terminal.
    """

    def __init__(self, roots: dict[str, Path], console: Console) -> None:
        self._roots = roots
        self._console = console
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            DownloadColumn(binary_units=True),
            TransferSpeedColumn(),
            TimeRemainingColumn(),
            console=console,
            transient=True,
        )
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

    def sent(self, size: int) -> None:
        """Called from any thread."""
        with self._lock:
            self._sent += size
        self._progress.advance(self._task, size)

    def planned(self, files: int, size: int) -> None:
        """The bar's new length."""
        self._planned = self._done + files
        self._progress.update(self._task, total=self._sent + size, description=self._counts())

    def finished(self, file: FileRecord, outcome: Outcome) -> None:
        """One file more; failures get a line above the bar."""
        self._done += 1
        self._progress.update(self._task, description=self._counts())
        if isinstance(outcome, Failed):
            self._print(described(file, outcome, self._roots[file.mapping]) or "")

    def replacing(self, file: FileRecord) -> None:
        """Name what is about to be replaced."""
        self._print(replacement(file, self._roots[file.mapping]))

    def waiting(self, seconds: float, reason: str) -> None:
        """Say why nothing moves."""
        if seconds >= LONG_WAIT_S:
            self._progress.update(self._task, description=f"waiting: {printable(reason)}")

    def _counts(self) -> str:
        return f"{self._done}/{max(self._done, self._planned)} files"

    def _print(self, line: str) -> None:
        self._console.print(printable(line), markup=False, highlight=False)
