"""Reads again what was very young when it was uploaded, of one mapping, for ever.

It has a thread of its own for each mapping, as the lookout has: neither uploads nor looks nor other
mappings wait for it.
"""

from __future__ import annotations

from collections.abc import Callable

from aqsync.config import Mapping, Windows
from aqsync.sync.delivery import Looks
from aqsync.sync.engine import Engine

IDLE_S = 60.0
"""Between steps while nothing is due."""
LEAST_S = 5.0
"""Between two steps: what becomes due meanwhile is done in one go."""


class Rechecker:
    """Steps through what is due.

    Args:
        engine: Does it.
        mapping: Whose files.
        look: Told of files that are not as they are known to be; what it finds of them is uploaded.
        windows: When files may be sent; outside of them nothing is read again either.
        stop: Asked between chunks; true ends a step.
        beat: Called whenever something was read.
    """

    def __init__(  # noqa: PLR0913 - the parts that it connects
        self,
        engine: Engine,
        mapping: Mapping,
        look: Looks,
        *,
        windows: Windows,
        stop: Callable[[], bool],
        beat: Callable[[], None],
    ) -> None:
        self._rechecks = engine.rechecks
        self._mapping = mapping
        self._look = look
        self._windows = windows
        self._stop = stop
        self._beat = beat

    def step(self) -> float:
        """Read what is due; returns the seconds until a step should follow."""
        for file in self._rechecks.run(
            self._mapping, windows=self._windows, stop=self._stop, progress=self._read
        ):
            self._look.later(file.path, 0.0)
        seconds = self._rechecks.seconds_to_next(self._mapping)
        return IDLE_S if seconds is None else min(IDLE_S, max(LEAST_S, seconds))

    def _read(self, _size: int) -> None:
        self._beat()
