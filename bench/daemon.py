"""``aqsync run``, with the bench in systemd's place."""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from aqsync.aqueduct.records import ExperimentRef
from aqsync.layout.names import remote_name
from bench.running import Running
from bench.stage import AQSYNC, Stage

_LOOKED = "looked at everything"
"""What the daemon's log says after each scan of a whole root ..."""
_ROUTINE = "reason=routine"
"""... and in the same line, where nothing had asked for it but the time."""
_OFTEN = "2s"
_WATCHDOG_S = 120
_START_S = 60.0
_SCAN_S = 600.0


class Daemon(Running):
    """The daemon from its start; it is ready when this has been made.

    Args:
        configuration: Which.

    Attributes:
        ready_after: Seconds from starting the process to its word that it is ready.
    """

    def __init__(self, configuration: Path) -> None:
        self._said_ready = threading.Event()
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        name = f"aqsync-bench-{os.getpid()}-{time.monotonic_ns()}"
        self._socket.bind(f"\0{name}")
        self._began = time.monotonic()
        self.ready_after = 0.0
        super().__init__(
            [*AQSYNC, "run", "--config", configuration, "--log-level", "debug"],
            configuration.with_name("daemon.log"),
            {"NOTIFY_SOCKET": f"@{name}", "WATCHDOG_USEC": str(_WATCHDOG_S * 1_000_000)},
        )
        # Read to the end: the daemon would wait for a full socket.
        threading.Thread(target=self._listen, daemon=True).start()
        self.wait_until_ready("being ready", self._said_ready.is_set, _START_S)

    def _listen(self) -> None:
        with self._socket:
            while "STOPPING=1" not in (said := self._socket.recv(65536).decode().split("\n")):
                if "READY=1" in said and not self._said_ready.is_set():
                    self.ready_after = time.monotonic() - self._began
                    self._said_ready.set()

    def wait_for_first_look(self) -> None:
        """Wait until the whole root has been looked at once."""
        self.wait_for("a look at everything", lambda: self.looks() > 0, _SCAN_S, 0.2)

    def looks(self, reason: str = "") -> int:
        """How often it has looked at everything, for this reason or for any."""
        lines = self.log.read_text().splitlines()
        return sum(_LOOKED in line and reason in line for line in lines)


class Aqsync:
    """The daemon between a directory and an experiment on the embedded server.

    Args:
        stage: Where.
        data: The server's.
        experiment: Gets the files.
        root: The directory.
    """

    name = "aqsync"

    def __init__(self, stage: Stage, data: Path, experiment: ExperimentRef, root: Path) -> None:
        self.root = root
        self._stage = stage
        self._eid = experiment.eid
        self._copies = data / "experiments" / str(experiment.uuid)
        self._folder = stage.room()

    def start(self, rescan: str = "15m") -> Daemon:
        """Start it; it hears of changes when this returns."""
        configuration = self._stage.configuration(self._folder, self.root, self._eid, "1s", rescan)
        configuration.with_name("daemon.log").unlink(missing_ok=True)
        return Daemon(configuration)

    def copies(self) -> int:
        """How many files have arrived."""
        return len(os.listdir(self._copies))  # noqa: PTH208 - only counted

    def copy_of(self, path: str) -> Path:
        """Where a file arrives."""
        return self._copies / remote_name(path, None)

    def rescans(self, times: int) -> Iterator[float]:
        """From the end of one routine look to the end of the next, with the idling in between."""
        with self.start(_OFTEN) as daemon:
            self._wait_for_looks(daemon, 1)
            for number in range(times):
                before = daemon.cpu_seconds()
                self._wait_for_looks(daemon, number + 2)
                yield daemon.cpu_seconds() - before

    @staticmethod
    def _wait_for_looks(daemon: Daemon, count: int) -> None:
        daemon.wait_for("routine looks", lambda: daemon.looks(_ROUTINE) >= count, _SCAN_S, 0.02)

    @property
    def arrivals(self) -> Path:
        """The folder in which every arriving file gets its name."""
        return self._copies
