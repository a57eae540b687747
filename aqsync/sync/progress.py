"""What is told while a push goes on, as small values: shown here, or sent to where they are."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from aqsync.clock import Clock
from aqsync.model import Failed, FileRecord, Outcome, Uploaded


@dataclass(frozen=True, slots=True)
class Planned:
    """So many files and bytes may have to be sent."""

    files: int
    size: int


@dataclass(frozen=True, slots=True)
class Sent:
    """So many bytes more were sent or compared."""

    size: int


@dataclass(frozen=True, slots=True)
class Finished:
    """One job has ended."""

    mapping: str
    path: str
    outcome: str
    """The name of one of the outcomes in `aqsync.model`."""
    size: int
    """Bytes of what was uploaded, else 0."""
    message: str
    """Why it failed, else empty."""


@dataclass(frozen=True, slots=True)
class Replacing:
    """A conflicting remote file is about to be replaced, as was asked for."""

    mapping: str
    path: str
    eid: str
    remote_name: str


@dataclass(frozen=True, slots=True)
class Pausing:
    """Nothing can be done for so long."""

    seconds: float
    reason: str


Event = Planned | Sent | Finished | Replacing | Pausing
Show = Callable[[Event], None]


class Reporter(Protocol):
    """Told while a push goes on, on the thread that runs it."""

    def planned(self, files: int, size: int) -> None:
        """So many files and bytes may have to be sent."""

    def sent(self, size: int) -> None:
        """So many bytes more were sent or compared."""

    def finished(self, file: FileRecord, outcome: Outcome) -> None:
        """One job has ended."""

    def replacing(self, file: FileRecord) -> None:
        """A conflicting remote file is about to be replaced, as was asked for."""

    def waiting(self, seconds: float, reason: str) -> None:
        """Nothing can be done for so long."""


class Teller:
    """A reporter that makes an event of each call.

    Args:
        show: Takes the events.
    """

    def __init__(self, show: Show) -> None:
        self._show = show

    def planned(self, files: int, size: int) -> None:
        """So many files and bytes may have to be sent."""
        self._show(Planned(files, size))

    def sent(self, size: int) -> None:
        """So many bytes more were sent or compared."""
        self._show(Sent(size))

    def finished(self, file: FileRecord, outcome: Outcome) -> None:
        """One job has ended."""
        size = outcome.signature.size if isinstance(outcome, Uploaded) else 0
        message = outcome.message if isinstance(outcome, Failed) else ""
        self._show(Finished(file.mapping, file.path, type(outcome).__name__, size, message))

    def replacing(self, file: FileRecord) -> None:
        """A conflicting remote file is about to be replaced."""
        self._show(Replacing(file.mapping, file.path, str(file.eid), file.remote_name))

    def waiting(self, seconds: float, reason: str) -> None:
        """Nothing can be done for so long."""
        self._show(Pausing(seconds, reason))


class Throttled:
    """Hands events on, of `Sent` only the sum, and that a few times a second.

    Args:
        show: Takes what is handed on, from any thread.
        clock: Tells when the last sum is old enough for the next.
    """

    EVERY_S = 0.1

    def __init__(self, show: Show, clock: Clock) -> None:
        self._show = show
        self._clock = clock
        self._lock = threading.Lock()
        self._unsaid = 0
        self._said_at = clock.monotonic() - self.EVERY_S

    def __call__(self, event: Event) -> None:
        """Take an event."""
        if isinstance(event, Sent):
            with self._lock:
                self._unsaid += event.size
                if self._clock.monotonic() - self._said_at < self.EVERY_S:
                    return
            self.flush()
            return
        self.flush()
        self._show(event)

    def flush(self) -> None:
        """Hand on what has been held back."""
        with self._lock:
            size, self._unsaid = self._unsaid, 0
            if size:
                self._said_at = self._clock.monotonic()
        if size:
            self._show(Sent(size))
