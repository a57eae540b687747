"""Folders in which software measures, and what sends them all at once to one server."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from aqsync.aqueduct.client import Client
from aqsync.aqueduct.records import ExperimentRef
from aqsync.layout.names import local_path
from bench.daemon import Daemon
from bench.environment import token
from bench.measuring import SETTLE_S, SOFTWARE, Measuring, Software
from bench.processes import BenchError
from bench.recording import FOLDER, Version, versions
from bench.rivals import READY
from bench.running import Running
from bench.snapshots import SnapshotTimes
from bench.stage import AQSYNC, Stage, embedded_server

AQSYNC_NAME = "aqsync"
_RIVALS = {"upload on close": "close", "upload after {:g} s": "quiet"}
_MEASURE_S = 600.0
_ARRIVE_S = 900.0


@dataclass(frozen=True, slots=True)
class Claim:
    """aqsync said that a measurement is complete and on the server."""

    at: float
    """When, in seconds since 1970."""
    software: Software
    folder: str
    """In the software's folder."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """What there is to judge by."""

    root: Path
    """Below it the data of each software, in a folder of its own."""
    record: list[Version]
    experiments: dict[str, str]
    """The UUID by who sends to it."""
    truths: dict[Software, Path]
    """Where each has noted what it stored."""
    claims: list[Claim]
    snapshots: SnapshotTimes
    touched: int
    """How many entries of the folders are not as the software has left them."""

    @property
    def broken_off(self) -> int:
        """Bytes of uploads that came to no end; only aqsync breaks any off."""
        return sum(version.size for version in self.record if not version.experiment)

    def sent(self, software: Software, how: str) -> list[tuple[str, Version]]:
        """What one has sent of one software's data, in order, with its path in that's folder."""
        start = f"{software.place}/"
        return [
            (path.removeprefix(start), version)
            for version in self.record
            if version.experiment == self.experiments[how]
            if (path := local_path(version.name) or "").startswith(start)
        ]


class Laboratory:
    """Where all take place.

    Args:
        stage: Room on the disk.
        scale: By which all times are multiplied.
    """

    def __init__(self, stage: Stage, scale: float) -> None:
        self._stage = stage
        self._scale = scale
        self._room = stage.room()
        self._root = self._room / "data"
        self._record = self._room / "record"
        self._state = self._room / "state"
        self.home = self._room / "home"
        for software in SOFTWARE:
            (self._root / software.place).mkdir(parents=True)
        self._record.mkdir()
        self._state.mkdir()
        self.home.mkdir()

    def run(self) -> Evidence:
        """Let all measure, and wait until all is sent."""
        with ExitStack() as stack:
            url = stack.enter_context(
                embedded_server(
                    self._room / "server", "bench.recording", {FOLDER: str(self._record)}
                )
            )
            with Client(url, token()) as server:
                names = [AQSYNC_NAME, *(name.format(self._settle_s) for name in _RIVALS)]
                made = {name: server.create_experiment(name, "") for name in names}
            configuration = self._configuration(url, made[AQSYNC_NAME].eid)
            snapshots = stack.enter_context(SnapshotTimes(self._state))
            stack.enter_context(Daemon(configuration)).wait_for_first_look()
            for how, name in zip(_RIVALS.values(), names[1:], strict=True):
                self._start_rival(stack, how, url, made[name])
            truths = self._measure(stack)
            before = _facts_of(self._root)
            self._wait(configuration)
            touched = len(before.items() ^ _facts_of(self._root).items())
            claims = self._claims(configuration)
        record = list(versions(self._record))
        uuids = {name: str(experiment.uuid) for name, experiment in made.items()}
        return Evidence(self._root, record, uuids, truths, claims, snapshots, touched)

    @property
    def _settle_s(self) -> float:
        return SETTLE_S * self._scale

    def _configuration(self, url: str, eid: str) -> Path:
        content = {
            "server": {"url": url},
            "journal": str(self._state / "journal.db"),
            "defaults": {"settle": f"{self._settle_s * 1000:.0f}ms"},
            "mappings": [
                {
                    "name": software.place,
                    "directory": str(self._root / software.place),
                    "experiment": eid,
                    "prefix": software.place,
                    **software.mapping(self._scale),
                }
                for software in SOFTWARE
            ],
        }
        place = self._room / "aqsync.yaml"
        place.write_text(json.dumps(content, indent=1))  # JSON is YAML too
        return place

    def _start_rival(self, stack: ExitStack, how: str, url: str, experiment: ExperimentRef) -> None:
        log = self._room / f"{how}.log"
        command = [sys.executable, "-m", "bench.rivals", how, self._root, url, experiment.uuid]
        rival = stack.enter_context(Running([*map(str, command), str(self._settle_s)], log))
        rival.wait_until_ready("its start", lambda: READY in log.read_text(), 60)

    def _measure(self, stack: ExitStack) -> dict[Software, Path]:
        """Let all software measure at once.

        Returns:
            Where each has noted what it stored.
        """
        self._stage.say(f"measurements: {len(SOFTWARE)} programs, about {120 * self._scale:.0f} s")
        running = {
            software: stack.enter_context(
                Measuring(software, self._root / software.place, self._scale, self.home)
            )
            for software in SOFTWARE
        }
        until = time.monotonic() + _MEASURE_S
        while any(measuring.status() is None for measuring in running.values()):
            if time.monotonic() > until:
                raise BenchError("measurements: the packages do not come to an end")
            time.sleep(0.2)
        for software, measuring in running.items():
            if measuring.status() != 0:
                raise BenchError(f"{software.name}: {measuring.log.read_text()[-2000:]}")
        return {software: measuring.truth for software, measuring in running.items()}

    def _wait(self, configuration: Path) -> None:
        """Wait until aqsync says that all is in sync, and nobody has sent anything for a while."""
        self._stage.say("measurements: waiting until all is in sync")
        until = time.monotonic() + _ARRIVE_S
        command = [*AQSYNC, "status", "--no-scan", "--config", str(configuration)]
        while True:
            count = sum(1 for _ in versions(self._record))
            time.sleep(self._settle_s + 2)
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            if done.returncode == 0 and count == sum(1 for _ in versions(self._record)):
                return
            if time.monotonic() > until:
                raise BenchError(f"measurements: not in sync:\n{done.stdout}{done.stderr}")

    def _claims(self, configuration: Path) -> list[Claim]:
        """Which measurements aqsync said to be on the server, in order."""
        wanted = ["--kind", "measurement-on-server", "-n", "100000", "--json"]
        command = [*AQSYNC, "history", *wanted, "--config", str(configuration)]
        answer = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout
        found = []
        for event in json.loads(answer)["events"]:
            [software] = [each for each in SOFTWARE if each.place == event["mapping"]]
            folder = Path(event["path"]).relative_to(self._root / software.place)
            at = datetime.fromisoformat(event["at"]).timestamp()
            found.append(Claim(at, software, folder.as_posix()))
        return found


def _facts_of(root: Path) -> dict[str, tuple[int, int, int, int]]:
    """Of all below a root: inode, size, and the times of its content and of its entry."""
    found = {}
    for path in root.rglob("*"):
        facts = path.stat()
        found[str(path)] = (facts.st_ino, facts.st_size, facts.st_mtime_ns, facts.st_ctime_ns)
    return found
