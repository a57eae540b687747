"""The examination that `aqsync doctor` makes, made by the daemon when a person asks for it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from typing import NamedTuple

from aqsync.clock import Clock
from aqsync.service.doctor.findings import Finding


class Examined(NamedTuple):
    """What was found."""

    at_ns: int
    """When it was asked for, nanoseconds since 1970."""
    findings: tuple[Finding, ...]
    """So far."""
    done: bool


class Examination:
    """Is made on a thread of its own, one at a time; its last result is kept.

    Args:
        examine: Makes all checks, which may take minutes.
        clock: The time.
    """

    def __init__(self, examine: Callable[[], Iterable[Finding]], clock: Clock) -> None:
        self._examine = examine
        self._clock = clock
        self._changing = threading.Lock()
        self._last: Examined | None = None

    @property
    def last(self) -> Examined | None:
        """The one that goes on, else the last one; None: none was made since the daemon started."""
        return self._last

    def begin(self) -> bool:
        """Begin one; false if one goes on."""
        with self._changing:
            if self._last is not None and not self._last.done:
                return False
            self._last = Examined(self._clock.now_ns(), (), done=False)
        threading.Thread(target=self._go_through, name="doctor", daemon=True).start()
        return True

    def _go_through(self) -> None:
        try:
            for finding in self._examine():
                self._found(finding)
        finally:
            with self._changing:
                assert self._last is not None  # noqa: S101 - `begin` made it
                self._last = self._last._replace(done=True)

    def _found(self, finding: Finding) -> None:
        with self._changing:
            assert self._last is not None  # noqa: S101 - `begin` made it
            self._last = self._last._replace(findings=(*self._last.findings, finding))
