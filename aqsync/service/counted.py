"""A push inside the daemon counts, and is logged, like what the daemon does by itself."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from aqsync.clock import Clock
from aqsync.model import FileRecord, Outcome
from aqsync.sync.progress import Reporter
from aqsync.sync.tally import Tally


class Counted:
    """A reporter that tells the tally too.

    Args:
        reporter: Whom else to tell.
        tally: Counts.
        roots: By mapping name, the root.
        clock: The time.
    """

    def __init__(
        self, reporter: Reporter, tally: Tally, roots: Mapping[str, Path], clock: Clock
    ) -> None:
        self._tally = tally
        self._roots = roots
        self._clock = clock
        self._reporter = reporter
        self.planned = reporter.planned
        self.sent = reporter.sent
        self.replacing = reporter.replacing
        self.waiting = reporter.waiting

    def finished(self, file: FileRecord, outcome: Outcome) -> None:
        """One job has ended."""
        place = str(self._roots[file.mapping] / file.path)
        self._tally.add(place, file.mapping, outcome, self._clock.monotonic())
        self._reporter.finished(file, outcome)
