"""PCs of a fleet: real writers with real journals, on a server and a clock that a test owns."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from aqsync.aqueduct.client import Client
from aqsync.clock import Clock
from aqsync.config import Config
from aqsync.config.fleet import FleetConfig
from aqsync.journal import Journal
from aqsync.service.board import Board
from aqsync.service.fleet.writer import FleetWriter
from tests.support.quick_journal import open_quickly
from tests.support.stepping import config_of


class FleetPc:
    """A PC without mappings, as far as its status file needs one.

    Args:
        folder: Where its journal goes.
        name: What people call it.
        connect: To where its status file goes; the PC closes it.
        clock: Its own clock.
        fleet: The section of its configuration.
    """

    page = None

    def __init__(
        self, folder: Path, connect: Callable[[], Client], clock: Clock, fleet: FleetConfig
    ) -> None:
        self.config = config_of([]).model_copy(update={"fleet": fleet})
        self.journal: Journal = open_quickly(folder / "journal.db", clock.now_ns())
        self._connect = connect
        self._clock = clock
        self.begin()

    def begin(self) -> None:
        """The process starts."""
        self.board = Board(self.journal, self._clock, lambda: self.config, lambda: 0)
        self.writer = FleetWriter(self, self.connect, self._clock)

    def connect(self, _config: Config) -> Client:
        return self._connect()

    def hangs(self) -> str | None:
        return None

    def slow_rescans(self) -> Mapping[str, float]:
        return {}

    def progress(self) -> object:
        return None
