"""A watcher at work, and what it has told so far."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

from watchdog.observers.inotify import InotifyWatchGroup
from watchdog.observers.inotify_c import InotifyFD

from aqsync.local.watcher import Watcher
from tests.support.patience import HANG_S


class Listening:
    """A started watcher, and all that it has hinted at."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.paths: set[str] = set()
        self.closed: set[str] = set()
        self.doubts: list[str] = []
        self._woken = threading.Event()
        self.watcher = Watcher(root, self._woken.set)
        self.watcher.start()

    def until(self, reached: Callable[[], bool]) -> None:
        while not reached():
            assert self._woken.wait(HANG_S), (self.paths, self.doubts)
            self._woken.clear()
            hints = self.watcher.take()
            self.paths |= hints.paths
            self.closed |= hints.closed
            if hints.everything is not None:
                self.doubts.append(hints.everything)

    def hears(self, *paths: str) -> None:
        self.until(lambda: set(paths) <= self.paths)

    def doubts_all(self, why: str) -> None:
        self.until(lambda: why in self.doubts)

    def hears_all_before_now(self) -> None:
        self.paths.discard("mark")
        (self.root / "mark").touch()
        self.hears("mark")

    def hears_only(self, *paths: str) -> None:
        self.hears_all_before_now()
        assert self.paths == {"mark", *paths}
        assert self.doubts == []

    @property
    def reader(self) -> InotifyFD:
        assert self.watcher._listener is not None
        return self.watcher._listener.reader

    @property
    def group(self) -> InotifyWatchGroup:
        assert self.watcher._listener is not None
        (emitter,) = self.watcher._listener.emitters
        return emitter._inotify  # type: ignore[attr-defined, no-any-return]  # watchdog's own


Listen = Callable[[], Listening]
"""Starts one more watcher of the root."""
