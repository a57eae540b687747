"""Hints of where something may have changed, kept until somebody takes them."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

MOST_HINTS = 5_000
"""Paths kept until they are taken; with more, a scan of everything is quicker."""


@dataclass(frozen=True, slots=True)
class Hints:
    """Where something may have changed.

    Attributes:
        paths: Relative to the root, with ``/`` between the parts and surrogates for bytes that
            are no UTF-8. Of a directory, everything below is meant.
        everything: Why everything has to be looked at; None: the paths are enough.
        closed: Files that a program which could write has closed. Each is among the paths, or
            below one of them.
    """

    paths: frozenset[str]
    everything: str | None
    closed: frozenset[str] = frozenset()


class PendingHints:
    """The hints that nobody has taken yet; threads may share it.

    Args:
        wake: Called on the thread that brings the hint, when there is something to take for the
            first time, or when the paths are not enough any more.
    """

    def __init__(self, wake: Callable[[], None]) -> None:
        self._wake = wake
        self._lock = threading.Lock()
        self._paths: set[str] = set()
        self._directories: set[str] = set()
        self._closed: set[str] = set()
        self._everything: str | None = None

    def add(self, path: str, *, directory: bool, closed: bool = False) -> None:
        """Add a path, unless a directory above it is there already.

        Args:
            path: Relative to the root.
            directory: It is one.
            closed: It is a file that a program which could write has closed.
        """
        with self._lock:
            if self._everything is not None:
                return
            if closed and len(self._closed) < MOST_HINTS:
                self._closed.add(path)
            if self._is_covered(path):
                return
            self._paths.add(path)
            if directory:
                self._directories.add(path)
            first, too_many = len(self._paths) == 1, len(self._paths) > MOST_HINTS
        if too_many:
            self.doubt(f"more than {MOST_HINTS:,} changes at once")
        elif first:
            self._tell()

    def doubt(self, why: str) -> None:
        """From now on everything has to be looked at."""
        with self._lock:
            if self._everything is not None:
                return
            self._everything = why
            self._paths.clear()
            self._directories.clear()
            self._closed.clear()
        self._tell()

    @property
    def is_everything(self) -> bool:
        """Whether no further path can add to what is pending."""
        return self._everything is not None

    def take(self) -> Hints:
        """What has come since the last call."""
        with self._lock:
            hints = Hints(frozenset(self._paths), self._everything, frozenset(self._closed))
            self._paths.clear()
            self._directories.clear()
            self._closed.clear()
            self._everything = None
        return hints

    def _is_covered(self, path: str) -> bool:
        while path and self._directories:
            if path in self._directories:
                return True
            path = path.rpartition("/")[0]
        return False

    def _tell(self) -> None:
        with suppress(Exception):  # an error must not end the thread that listens
            self._wake()
