"""The loop that hashes files of one mapping again that were very young when they were uploaded.

Each mapping has a thread for it, so uploads, rescans and other mappings do not wait for it.
"""

from __future__ import annotations

from collections.abc import Callable

from aqsync.config import MappingConfig, Windows
from aqsync.sync.dispatcher import Rescans
from aqsync.sync.engine import Engine
from aqsync.sync.loop import Loop

IDLE_S = 60.0
"""The longest pause between two steps."""
LEAST_S = 5.0
"""The shortest pause between two steps, so that files that become due are read together."""


class Rechecker:
    """Hashes again what is due.

    Args:
        engine: Does it.
        mapping: Whose files.
        rescanner: Looks again at files that have changed unseen.
        windows: When files may be sent; outside of them files are not read again either.
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
        """Read what is due; returns the seconds until the next step."""
        for file in self._rechecks.run(
            self._mapping, windows=self._windows, stop=self._stop, progress=self._read
        ):
            self._rescanner.later(file.path, 0.0)
        seconds = self._rechecks.seconds_to_next(self._mapping)
        return IDLE_S if seconds is None else min(IDLE_S, max(LEAST_S, seconds))

    def _read(self, _size: int) -> None:
        self._loop.beat()
