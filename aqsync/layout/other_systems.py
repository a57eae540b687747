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
    first: dict[str, str] = {}
    known: set[str] = set()
    found = []
    for path in sorted(paths):
        starts = [path[:at] for at, letter in enumerate(path) if letter == "/"]
        for start in [*starts, path]:
            if start not in known and first.setdefault(_folded(start), start) != start:
                found.append(path)
                break
            known.add(start)
    return found


def not_on_windows(path: str) -> bool:
    """Tell whether Windows has no file of this path."""
    return any(
        _NOT_ON_WINDOWS.search(part) is not None or DEVICE.match(part) is not None
        for part in path.split("/")
    )


def _folded(path: str) -> str:
    return unicodedata.normalize("NFC", path).casefold()
