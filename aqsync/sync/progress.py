"""What a push tells while it goes on: events, which a command or the daemon's client shows."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Self

from aqsync.clock import Clock
from aqsync.model import Failed, FileRecord, Outcome, Uploaded


@dataclass(frozen=True, slots=True)
class Planned:
    """How many files and bytes may have to be sent."""

    files: int
    size: int


@dataclass(frozen=True, slots=True)
class Sent:
    """How many more bytes were sent or compared."""

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

    @classmethod
    def of(cls, file: FileRecord, outcome: Outcome) -> Self:
        """The end of a job on a file."""
        size = outcome.size if isinstance(outcome, Uploaded) else 0
        message = outcome.message if isinstance(outcome, Failed) else ""
        return cls(file.mapping, file.path, type(outcome).__name__, size, message)


@dataclass(frozen=True, slots=True)
class Replacing:
    """A conflicting remote file is about to be replaced, as was asked for."""

    mapping: str
    path: str
    eid: str
    remote_name: str


@dataclass(frozen=True, slots=True)
class Pausing:
    """The push waits."""

    seconds: float
    reason: str


Event = Planned | Sent | Finished | Replacing | Pausing
Show = Callable[[Event], None]


class Throttled:
    """Passes events on; those of bytes summed up, a few times a second. Usable from any thread."""

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
        """Pass on what has been held back."""
        with self._lock:
            size, self._unsaid = self._unsaid, 0
            if size:
                self._said_at = self._clock.monotonic()
        if size:
            self._show(Sent(size))
