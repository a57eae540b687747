"""The bar of a push on a terminal; apart because rich is slow to import."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Self

from aqsync.aqueduct.transfer_bar import new_bar
from aqsync.cli.progress_lines import LONG_WAIT_S, described, replacement
from aqsync.sync.progress import Event, Finished, Pausing, Planned, Replacing, Sent
from aqsync.wording import printable


class Bar:
    """A bar with files, bytes, rate and time left.

    Args:
        roots: By mapping name, the root.
    """

    def __init__(self, roots: dict[str, Path]) -> None:
        self._roots = roots
        self._progress = new_bar(above=True)
        self._task = self._progress.add_task("looking", total=None)
        self._done = 0
        self._planned = 0
        self._sent = 0
        self._lock = threading.Lock()

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
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
