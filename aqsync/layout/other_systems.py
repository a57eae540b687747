"""Paths that are good here, and clash or cannot be on another operating system. Pure."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

from aqsync.layout.names import DEVICE

_NOT_ON_WINDOWS = re.compile(r'[\x00-\x1f"*:<>?\\|]|[ .]\Z')


def spelled_otherwise(paths: Iterable[str]) -> list[str]:
    """Paths that are another's, or lead through another's folder, where case does not count.

    Windows and macOS take such names for one, and macOS also those that differ in how accents are
    composed. Of the first spelling, in the order of the paths, nothing is returned.
    """
    known: dict[tuple[int, str], int] = {}
    """By the number of a folder and a name there, the number of what has that name."""
    first: dict[tuple[int, str], str] = {}
    found = []
    for path in sorted(paths):
        folder = 0
        for name in path.split("/"):
            number = known.get((folder, name))
            if number is None:
                if first.setdefault((folder, _folded(name)), name) != name:
                    found.append(path)
                    break
                number = known[folder, name] = len(known) + 1
            folder = number
    return found


def not_on_windows(path: str) -> bool:
    """Tell whether Windows has no file of this path."""
    return any(
        _NOT_ON_WINDOWS.search(part) is not None or DEVICE.match(part) is not None
        for part in path.split("/")
    )


def _folded(path: str) -> str:
    return unicodedata.normalize("NFC", path).casefold()
