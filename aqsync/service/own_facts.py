"""What the daemon knows of itself besides an overview: whether it gets on, and its disk."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Protocol

from aqsync.clock import Clock
from aqsync.config import Config
from aqsync.journal import Journal
from aqsync.local.room import Room, room_at
from aqsync.service.board import Board
from aqsync.service.messages.alarms import Facts, could_send
from aqsync.sync.overview import Overview


class Watched(Protocol):
    """What is looked at: the daemon."""

    board: Board

    @property
    def config(self) -> Config:
        """What it works by now."""

    @property
    def journal(self) -> Journal:
        """What it writes."""

    @property
    def page(self) -> str | None:
        """The address of its status page."""

    def hangs(self) -> str | None:
        """Which part of it hangs."""

    def slow_rescans(self) -> Mapping[str, float]:
        """The mappings whose scan makes no progress, and for how many seconds."""

    def progress(self) -> object:
        """Another value whenever some bytes were sent, or something became of a file."""


class OwnFacts:
    """Finds out whether the daemon gets on; usable from several threads.

    Args:
        daemon: Which.
        clock: The time.
    """

    def __init__(self, daemon: Watched, clock: Clock) -> None:
        self._daemon = daemon
        self._clock = clock
        self._lock = threading.Lock()
        self._progress: object = None
        self._moved_at = clock.monotonic()

    def now(self, found: Overview) -> Facts:
        """What is known now.

        Args:
            found: How everything stands.
        """
        hangs, slow = self._daemon.hangs(), self._daemon.slow_rescans()
        return Facts(hangs, slow, self._still_s(found), self._room())

    def _still_s(self, found: Overview) -> float:
        with self._lock:
            progress, now = self._daemon.progress(), self._clock.monotonic()
            if progress != self._progress or not could_send(found):
                self._progress, self._moved_at = progress, now
            return now - self._moved_at

    def _room(self) -> Room | None:
        try:
            return room_at(self._daemon.journal.path.parent)
        except OSError:
            return None  # every use of the journal reports that
