"""The files that are not on the server as they are here: how many, and which stand out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from aqsync.model import FileRecord, State


class FileNotThere(NamedTuple):
    """One such file."""

    path: str
    """Relative to the mapping's root."""
    state: State
    size: int
    """In bytes."""
    since_ns: int
    """Since when it has been as it is, by its own times; nanoseconds since 1970."""


@dataclass(slots=True)
class NotThere:
    """All such files of a mapping."""

    files: int = 0
    bytes: int = 0
    oldest: FileNotThere | None = None
    largest: FileNotThere | None = None

    def count(self, file: FileRecord, state: State) -> None:
        """Count one of them."""
        self.files += 1
        self.bytes += file.size
        found = FileNotThere(file.path, state, file.size, file.since_ns)
        if self.oldest is None or found.since_ns < self.oldest.since_ns:
            self.oldest = found
        if self.largest is None or found.size > self.largest.size:
            self.largest = found
