"""Progress of a push in plain lines; the bar for terminals stands in `progress_bar`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self

from aqsync.cli.output import complain, size_text
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
