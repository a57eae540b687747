"""What a daemon can be asked for; the daemon implements it, the socket calls it."""

from __future__ import annotations

import threading
from typing import Any, Protocol, TypedDict

from aqsync.service.control.protocol import PushRequest, RetryRequest
from aqsync.sync.progress import Reporter


class UnderWay(TypedDict):
    """A file that is being sent or compared."""

    mapping: str
    path: str
    """Relative to the mapping's root."""
    size: int
    """Bytes; so are those sent."""
    sent: int
    seconds: float
    """Since it began."""


class DaemonStatus(TypedDict):
    """What a daemon says of itself."""

    process: int
    version: str
    config: str
    """The path of its configuration."""
    mappings: list[str]
    started_at_ns: int
    """Nanoseconds since 1970."""
    uploaded: int
    """Files since its start."""
    bytes: int
    """The same in bytes."""
    ready: int
    """Files that wait for their turn."""
    under_way: list[UnderWay]


class Commands(Protocol):
    """The daemon's side; each is called on a thread of its own, also several at once.

    What raises `AqsyncError` is told to the one who asked.
    """

    def push(
        self, request: PushRequest, reporter: Reporter, stop: threading.Event
    ) -> dict[str, Any]:
        """Push as asked.

        Args:
            request: What to push.
            reporter: Told what happens; goes to who asked.
            stop: Set when who asked has gone or wants an end.

        Returns:
            A `PushReport`, as `PushReport.to_dict` gives it.
        """
        ...

    def retry(self, request: RetryRequest) -> int:
        """Set files free; returns how many."""
        ...

    def pause(self, mapping: str | None, seconds: float | None) -> None:
        """Send nothing of a mapping, or of all, for so long, or until somebody resumes."""
        ...

    def resume(self, mapping: str | None) -> None:
        """End the pause of a mapping, or every pause."""
        ...

    def reload(self) -> None:
        """Take over the configuration as it is now.

        Raises:
            ConfigError: It is wrong; the old one stays.
        """
        ...

    def status(self) -> DaemonStatus:
        """Say what is under way; must not take long."""
        ...
