"""What is measured side by side: programs that keep a copy of a directory up to date."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

from bench.running import Running


class Contender(Protocol):
    """One such program, and one directory.

    Attributes:
        name: The program's.
        root: The directory.
    """

    name: str
    root: Path

    def start(self) -> Running:
        """Start it; it hears of changes when this returns, and may still look at what is there."""

    def copies(self) -> int:
        """How many files have arrived."""

    def copy_of(self, path: str) -> Path:
        """Where a file arrives, by its path relative to the root."""

    def rescans(self, times: int) -> Iterator[float]:
        """The processor seconds of whole looks at the root when all is in sync."""
