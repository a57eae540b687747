"""Metrics in a file, for node_exporter's textfile collector: no port is needed."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from aqsync.clock import Clock
from aqsync.log import Log
from aqsync.service.metrics.collect import Metrics
from aqsync.sync.loop import Loop

EVERY_S = 30.0
_WHILE_OFF_S = 60.0

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
        self._loop = Loop("metrics file", clock)
        self._failed: str | None = None

    def start(self) -> None:
        """Begin, on a thread of its own."""
        self._loop.start(self.step)

    def stop(self) -> None:
        """End."""
        self._loop.stop()

    def step(self) -> float:
        """Write it once."""
        path = self._path()
        if path is None:
            return _WHILE_OFF_S
        try:
            write_whole(path, self._metrics.text())
            self._failed = None
        except OSError as exc:
            if self._failed != str(exc):
                log.warning("the metrics file cannot be written", path=path, exc=exc)
            self._failed = str(exc)
        return EVERY_S


def write_whole(path: Path, content: bytes) -> None:
    """Replace a file, so that a reader finds the old content or the new one.

    Raises:
        OSError: It cannot be written.
    """
    beside = path.with_name(f".{path.name}.tmp")
    beside.unlink(missing_ok=True)
    made = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
    try:
        with os.fdopen(made, "wb") as file:
            file.write(content)
        beside.replace(path)
    except OSError:
        beside.unlink(missing_ok=True)
        raise
