"""lsyncd: rsync to a local directory, told of changes by inotify."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from bench.running import Running
from bench.stage import Stage
from bench.trees import files_below

_WATCHES = "Startup of"
_DELAY_S = 1
_START_S = 1800.0


class Lsyncd:
    """lsyncd between two directories.

    Args:
        stage: Where.
        root: The directory that is copied.
        copy: Where to, empty.
    """

    name = "lsyncd"
    program = "lsyncd"
    packages = "lsyncd rsync"

    def __init__(self, stage: Stage, root: Path, copy: Path) -> None:
        self.root = root
        self._copy = copy
        self._folder = stage.room()

    def start(self) -> Running:
        """Start it; that is over when all has been compared, and copied where it differed."""
        configuration = self._folder / "lsyncd.lua"
        configuration.write_text(
            f"settings {{ nodaemon = true }}\n"
            f"sync {{ default.rsync, source = {_quoted(self.root)}, target = {_quoted(self._copy)},"
            f" delay = {_DELAY_S}, rsync = {{ archive = true }} }}\n"
        )
        log = self._folder / "log"
        log.unlink(missing_ok=True)
        running = Running(["lsyncd", configuration], log)
        running.wait_until_ready("its start", lambda: _WATCHES in log.read_text(), _START_S)
        return running

    def copies(self) -> int:
        """How many files have arrived."""
        return sum(1 for _ in files_below(self._copy))

    def copy_of(self, path: str) -> Path:
        """Where a file arrives."""
        return self._copy / path

    def rescans(self, times: int) -> Iterator[float]:
        """It never looks again by itself: its starts, each of which lets rsync compare all."""
        for _ in range(times):
            with self.start() as running:
                yield running.cpu_seconds()


def _quoted(path: Path) -> str:
    return '"' + str(path).replace("\\", "\\\\").replace('"', '\\"') + '"'
