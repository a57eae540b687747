"""PCs of a fleet: real writers with real journals, and what others may write."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from aqsync.aqueduct.client import Client
from aqsync.clock import Clock
from aqsync.config import Config
from aqsync.config.fleet import FleetConfig
from aqsync.journal import Journal
from aqsync.layout.fleet import Status
from aqsync.service.board import Board
from aqsync.service.fleet.writer import FleetWriter
from tests.support.quick_journal import open_quickly
from tests.support.stepping import config_of

ID = "0123456789ab"


def a_status(**values: Any) -> Status:
    """What a PC says of itself."""
    at = datetime(2026, 11, 23, 10, tzinfo=UTC)
    some = {"experiment": "e", "name": "pc", "id": ID, "run": ID, "sequence": 1, "host": "h"}
    times = {"server_time": at, "started_at": at, "every_s": 300.0}
    how = {"release": "1", "light": "busy", "files": 0, "bytes": 0, "files_for_person": 0}
    return Status.model_validate({**some, **times, **how, **values})


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
