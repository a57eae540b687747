"""Learns how large a file the server takes, and when it takes larger ones again."""

from __future__ import annotations

from collections.abc import Callable

from aqsync.clock import Clock
from aqsync.journal import Journal
from aqsync.log import Log
from aqsync.model import Decision, Failed, FileRecord, Upload
from aqsync.sync.size_rules import LIMIT_TRIED_EVERY_NS, is_too_large

log = Log(__name__)


class SizeLimiting:
    """Notes refusals of files as too large, so that others of such a size are not sent in vain.

    Args:
        journal: Keeps the limit.
        clock: The time.
        changed: Called when policies computed before may be outdated.
    """

    def __init__(self, journal: Journal, clock: Clock, changed: Callable[[], None]) -> None:
        self._journal = journal
        self._clock = clock
        self._changed = changed

    def trying(self, file: FileRecord, step: Decision) -> None:
        """A job begins; one on a file that is too large is the one that tries again."""
        if isinstance(step, Upload) and self.explains(file):
            self._journal.limits.tried(self._next_try_ns())
            self._changed()

    def explains(self, file: FileRecord) -> bool:
        """Whether the limit explains why a file is not taken."""
        limit = self._journal.limits.size()
        return limit is not None and is_too_large(file, limit)

    def accepted(self, size: int) -> None:
        """The server has taken so many bytes."""
        if self._journal.limits.accepted(size):
            log.info("recovered: the server takes larger files now")
            self._changed()

    def refused(self, file: FileRecord, outcome: Failed) -> bool:
        """Whether a file failed by the limit; then it is not marked as failed."""
        if not outcome.too_large or file.local is None:
            return False
        limit = self._journal.limits.refused(
            file.local.size if outcome.sent_bytes is None else outcome.sent_bytes,
            outcome.limit_bytes,
            outcome.why,
            self._next_try_ns(),
        )
        if limit is None or not is_too_large(file, limit):
            return False
        self._journal.outcomes.too_large(file, outcome.why, self._clock.now_ns())
        self._changed()
        return True

    def _next_try_ns(self) -> int:
        return self._clock.now_ns() + LIMIT_TRIED_EVERY_NS
