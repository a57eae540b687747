"""Disks that do not answer: which of a session's files wait for them, and until when."""

from __future__ import annotations

from collections.abc import Iterator

from aqsync.log import Log
from aqsync.model import FileRecord
from aqsync.sync.engine import Engine
from aqsync.sync.worker_pool import HANGS_CHECK_S, WorkerPool

log = Log(__name__)


class HangingDisks:
    """What hangs on the disks of one session's mappings.

    Args:
        engine: Knows what hangs, and writes it down.
        pool: Its workers are the ones that hang.

    Attributes:
        full: Mappings whose disk hangs and already has as many workers as it may have.
        told: Mappings of which every order is told that their disk does not answer.
    """

    def __init__(self, engine: Engine, pool: WorkerPool) -> None:
        self.full: frozenset[str] = frozenset()
        self.told: frozenset[str] = frozenset()
        self._engine = engine
        self._pool = pool
        self._check_at = 0.0
        self._hanging: dict[str, frozenset[str]] = {}
        """By mapping, the paths that hung at the last check."""

    def __bool__(self) -> bool:
        """Whether anything hung at the last check."""
        return bool(self._hanging)

    def give_up(self) -> None:
        """From time to time, replace the workers whose disk does not answer."""
        now = self._engine.clock.monotonic()
        if now >= self._check_at:
            self._check_at = now + HANGS_CHECK_S
            self._pool.give_up_what_hangs()

    def answering(self) -> Iterator[tuple[str, str]]:
        """Note what hangs now; yields mapping and path of what no longer does."""
        self._engine.note_hangs()
        for mapping in self._engine.mappings:
            hanging = self._engine.journal.hangs.of(mapping.name).keys()
            for path in self._hanging.pop(mapping.name, frozenset()) - hanging:
                log.info("a file system answers again", path=mapping.directory / path)
                yield mapping.name, path
            if hanging:
                self._hanging[mapping.name] = frozenset(hanging)

    def hangs(self, file: FileRecord) -> bool:
        """Whether it is this file that hangs."""
        return file.path in self._hanging.get(file.mapping, ())

    def check(self) -> None:
        """Find out which mappings are `full` and `told` now."""
        hangs = self._engine.journal.hangs
        names = [mapping.name for mapping in self._engine.mappings]
        self.full = frozenset(name for name in names if not self._engine.admits(name))
        self.told = frozenset(n for n in names if any(h.blocks for h in hangs.of(n).values()))

    def admits(self, mapping: str) -> bool:
        """Whether a job on a file of this mapping may begin; if not, the mapping is full."""
        if self._engine.admits(mapping):
            return True
        self.full |= {mapping}
        return False
