"""Metrics in a file, for node_exporter's textfile collector: no port is needed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from aqsync.clock import Clock
from aqsync.log import Log
from aqsync.service.metrics.collect import Metrics
from aqsync.small_file import replace_file
from aqsync.sync.loop import Loop

EVERY_S = 30.0
_WHILE_OFF_S = 60.0
_MODE = 0o644
"""node_exporter is another user."""

log = Log(__name__)


class MetricsFile:
    """Writes the file while a configuration names one.

    Args:
        metrics: What it holds.
        path: Gives the file of the present configuration; None: none.
        clock: The time.
    """

    def __init__(self, metrics: Metrics, path: Callable[[], Path | None], clock: Clock) -> None:
        self._metrics = metrics
        self._path = path
        self.loop = Loop("metrics file", clock)
        self.problem: str | None = None
        """Why it could not be written the last time."""

    def step(self) -> float:
        """Write it once."""
        path = self._path()
        if path is None:
            self.problem = None
            return _WHILE_OFF_S
        try:
            replace_file(path, self._metrics.text(), _MODE)
        except OSError as exc:
            if self.problem is None:
                log.warning("the metrics file cannot be written", path=path, exc=exc)
            self.problem = f"the metrics file {path} cannot be written: {exc.strerror or exc}"
            return EVERY_S
        if self.problem is not None:
            log.info("recovered: the metrics file is written again", path=path)
        self.problem = None
        return EVERY_S
