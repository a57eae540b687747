"""Files under way: those who drive one engine never work on the same file at once."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager


class Claims:
    """A set of file ids, each held by the job that works on it; usable from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._held: set[int] = set()
        self._drivers = 0

    @property
    def shared(self) -> bool:
        """Whether more than one drive the engine now, so that a record may have gone stale."""
        return self._drivers > 1

    @contextmanager
    def driver(self) -> Iterator[None]:
        """For as long as somebody starts jobs."""
        with self._lock:
            self._drivers += 1
        try:
            yield
        finally:
            with self._lock:
                self._drivers -= 1

    def take(self, file_id: int) -> bool:
        """Claim a file; false if another job has it."""
        with self._lock:
            if file_id in self._held:
                return False
            self._held.add(file_id)
            return True

    def release(self, file_id: int) -> None:
        """The job has ended."""
        with self._lock:
            self._held.discard(file_id)
