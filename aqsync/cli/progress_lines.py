"""Progress of a push in plain lines; `progress_bar` has the bar for terminals."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Self

from aqsync.cli.output import complain
from aqsync.sync.progress import Event, Finished, Pausing, Replacing
from aqsync.wording import duration, size_text

LONG_WAIT_S = 0.5
"""A shorter pause is not worth a line."""


def described(event: Finished, root: Path) -> str | None:
    """One line about what came of a file; None if that is not worth a line."""
    place = f"{root}/{event.path}"  # of thousands of files; joining paths takes ten times as long
    match event.outcome:
        case "Uploaded":
            return f"uploaded {place} ({size_text(event.size)})"
        case "Adopted":
            return f"already there: {place}"
        case "Touched":
            return f"unchanged content: {place}"
        case "Removed":
            return f"removed from the server: {place}"
        case "Failed":
            return f"failed: {event.message}"
        case _:
            return None


def replacement(event: Replacing, root: Path) -> str:
    """One line that names what is about to be replaced."""
    return f"replacing {event.remote_name} in {event.eid} with {root / event.path}"


class Lines:
    """Plain lines on the error stream; the other stream has the answer alone.

    Args:
        roots: By mapping name, the root.
        quiet: Whether to print nothing at all.
    """

    def __init__(self, roots: dict[str, Path], *, quiet: bool) -> None:
        self._roots = roots
        self._say: Callable[[str], None] = (lambda _line: None) if quiet else complain

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing to end."""

    def show(self, event: Event) -> None:
        """Print a line for each file, replacement and long pause; called from any thread."""
        match event:
            case Finished():
                line = described(event, self._roots[event.mapping])
                if line is not None:
                    self._say(line)
            case Replacing():
                self._say(replacement(event, self._roots[event.mapping]))
            case Pausing(seconds, reason) if seconds >= LONG_WAIT_S:
                self._say(f"waiting {duration(round(seconds))}: {reason}")
            case _:
                pass  # plans and bytes are not worth a line
