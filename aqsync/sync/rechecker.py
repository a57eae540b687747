"""Reads again what was very young when it was uploaded, of one mapping, for ever.

Each mapping has a thread for it: uploads, rescans and other mappings do not wait for it.
"""

from __future__ import annotations

from collections.abc import Callable

from aqsync.config import MappingConfig, Windows
from aqsync.sync.dispatcher import Rescans
from aqsync.sync.engine import Engine
from aqsync.sync.loop import Loop

IDLE_S = 60.0
"""Between steps while nothing is due."""
LEAST_S = 5.0
"""Between two steps: what becomes due meanwhile is done in one go."""


class Rechecker:
    """Steps through what is due.

    Args:
        engine: Does it.
        mapping: Whose files.
        rescanner: Told of files that are not as they are known to be; what it finds of them is
            uploaded.
        windows: When files may be sent; outside of them nothing is read again either.
        stop: Asked between chunks; true ends a step.
        loop: Told of progress.
    """

    def __init__(
        self,
        engine: Engine,
        mapping: MappingConfig,
        rescanner: Rescans,
        *,
        windows: Windows,
        stop: Callable[[], bool],
        loop: Loop,
    ) -> None:
        self._rechecks = engine.rechecks
        self._mapping = mapping
        self._rescanner = rescanner
        self._windows = windows
        self._stop = stop
        self._loop = loop

    def step(self) -> float:
        """Read what is due; returns the seconds until a step should follow."""
        for file in self._rechecks.run(
            self._mapping, windows=self._windows, stop=self._stop, progress=self._read
        ):
            self._rescanner.later(file.path, 0.0)
        seconds = self._rechecks.seconds_to_next(self._mapping)
        return IDLE_S if seconds is None else min(IDLE_S, max(LEAST_S, seconds))

    def _read(self, _size: int) -> None:
        self._loop.beat()
