"""Real software measures; aqsync and two simple programs send what it writes, all at once.

Every version that the server ever had is opened with the package that wrote it.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from datetime import datetime
from pathlib import Path

from aqsync.aqueduct.client import Client
from aqsync.aqueduct.records import ExperimentRef
from aqsync.local.naming import local_path
from bench.daemon import Daemon
from bench.environment import token
from bench.figures import Figure, columns
from bench.judging import Claim, Judge, Verdict, Word, facts_of
from bench.laboratory import INSTALLED, SETTLE_S, SOFTWARE, Measuring, Opener, Software
from bench.processes import BenchError
from bench.recording import FOLDER, versions
from bench.rivals import READY
from bench.running import Running
from bench.snapshots import SnapshotTimes
from bench.stage import AQSYNC, Stage, embedded_server

QUICK_SCALE = 0.1
"""12 seconds instead of two minutes."""
AQSYNC_NAME = "aqsync"
_RIVALS = {"upload on close": "close", "upload after {:g} s": "quiet"}
_MEASURE_S = 300.0
_ARRIVE_S = 900.0


def measurements(stage: Stage) -> Iterator[Figure]:
    if sys.platform != "linux" or not INSTALLED.exists():
        made = f"{INSTALLED.parent.name}/.installed"
        stage.say(f"measurements: left out, for it needs Linux and `make {made}`")
        return
    scale = QUICK_SCALE if stage.quick else 1.0
    laboratory = Laboratory(stage, scale)
    verdicts = laboratory.run()
    print(_table(verdicts), end="\n\n", flush=True)
    ours = [verdict for (_, how), verdict in verdicts.items() if how == AQSYNC_NAME]
    yield Figure(
        "measurements: states that do not open", [_all(v.unreadable for v in ours)], at_most=0
    )
    yield Figure("measurements: called whole too early", [_all(v.early for v in ours)], at_most=0)
    yield Figure("measurements: not whole in the end", [_all(v.missing for v in ours)], at_most=0)
    yield Figure("measurements: entries of the folders touched", [laboratory.touched], at_most=0)
    for (software, how), verdict in verdicts.items():
        if how == AQSYNC_NAME:
            name = f"measurements: bytes sent / final size: {software.name}"
            # How often things settle depends on how busy a machine is that measures so quickly.
            most = None if stage.quick else 2
            yield Figure(name, [verdict.sent / max(1, verdict.final)], at_most=most)


def _all(lists: Iterator[list[str]]) -> int:
    return sum(map(len, lists))


class Laboratory:
    """Folders in which software measures, and what sends them.

    Args:
        stage: Where.
        scale: By which all times are multiplied.

    Attributes:
        touched: How many entries of the folders are not as the software has left them.
    """

    def __init__(self, stage: Stage, scale: float) -> None:
        self._stage = stage
        self._scale = scale
        self._room = stage.room()
        self._root = self._room / "data"
        self._record = self._room / "record"
        self._state = self._room / "state"
        self.touched = 0
        self._home = self._room / "home"
        for software in SOFTWARE:
            (self._root / software.module).mkdir(parents=True)
        self._record.mkdir()
        self._home.mkdir()

    def run(self) -> dict[tuple[Software, str], Verdict]:
        """Let all measure, and judge what the server had."""
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
            stack.enter_context(Daemon(configuration)).wait_for_first_look()
            for (_, how), name in zip(_RIVALS.items(), names[1:], strict=True):
                self._start_rival(stack, how, url, made[name])
            snapshots = stack.enter_context(SnapshotTimes(self._state / "snapshots"))
            truths = self._measure(stack)
            before = facts_of(self._root)
            self._wait(configuration)
            said = self._said(configuration)
            self.touched = len(before.items() ^ facts_of(self._root).items())
        words = {software: Word(said[software], snapshots) for software in SOFTWARE}
        return self._judged(made, truths, words)

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
                    "name": software.module,
                    "directory": str(self._root / software.module),
                    "experiment": eid,
                    "prefix": software.module,
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
        self._stage.say(f"measurements: {len(SOFTWARE)} packages, about {120 * self._scale:.0f} s")
        running = [
            (
                software,
                stack.enter_context(
                    Measuring(software, self._root / software.module, self._scale, self._home)
                ),
            )
            for software in SOFTWARE
        ]
        until = time.monotonic() + _MEASURE_S
        while any(measuring.status() is None for _, measuring in running):
            if time.monotonic() > until:
                raise BenchError("measurements: the packages do not come to an end")
            time.sleep(0.2)
        for software, measuring in running:
            if measuring.status() != 0:
                raise BenchError(f"{software.name}: {measuring.log.read_text()[-2000:]}")
        return {software: measuring.truth for software, measuring in running}

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

    def _said(self, configuration: Path) -> dict[Software, list[Claim]]:
        """Which measurements aqsync said to be on the server, and when."""
        wanted = ["--kind", "measurement-on-server", "-n", "100000", "--json"]
        command = [*AQSYNC, "history", *wanted, "--config", str(configuration)]
        answer = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout
        found: dict[Software, list[Claim]] = {software: [] for software in SOFTWARE}
        for event in json.loads(answer)["events"]:
            [software] = [each for each in SOFTWARE if each.module == event["mapping"]]
            folder = Path(event["path"]).relative_to(self._root / software.module)
            at = datetime.fromisoformat(event["at"]).timestamp()
            found[software].append(Claim(at, folder.as_posix()))
        return found

    def _judged(
        self,
        made: dict[str, ExperimentRef],
        truths: dict[Software, Path],
        words: dict[Software, Word],
    ) -> dict[tuple[Software, str], Verdict]:
        self._stage.say("measurements: opening every version")
        record = list(versions(self._record))
        verdicts = {}
        with Opener(self._home) as opener:
            for software in SOFTWARE:
                for name, experiment in made.items():
                    found = [
                        (path.removeprefix(f"{software.module}/"), version)
                        for version in record
                        if version.experiment == str(experiment.uuid)
                        if (path := local_path(version.name) or "").startswith(
                            f"{software.module}/"
                        )
                    ]
                    room = self._stage.room()
                    judge = Judge(
                        software,
                        self._root / software.module,
                        truths[software],
                        opener,
                        room,
                        words[software] if name == AQSYNC_NAME else None,
                    )
                    judge.see(found)
                    shutil.rmtree(room)
                    verdicts[software, name] = judge.verdict
                    self._tell(software, name, judge.verdict)
        return verdicts

    def _tell(self, software: Software, name: str, verdict: Verdict) -> None:
        """Say of aqsync what was wrong, that it can be mended."""
        for line in (*verdict.unreadable, *verdict.early, *verdict.missing)[:5]:
            if name == AQSYNC_NAME:
                self._stage.say(f"  {software.name}: {line}")


def _table(verdicts: dict[tuple[Software, str], Verdict]) -> str:
    head = (
        "software",
        "sent by",
        "versions",
        "do not open",
        "too early",
        "whole in the end",
        "bytes / final",
    )
    rows: list[Sequence[str]] = [head]
    for (software, how), verdict in verdicts.items():
        rows.append(
            (
                software.name,
                how,
                str(verdict.versions),
                str(len(verdict.unreadable)),
                _early(software, how, verdict),
                "no" if verdict.missing else "yes",
                f"{verdict.sent / max(1, verdict.final):.1f}",
            )
        )
    return columns(rows, 2)


def _early(software: Software, how: str, verdict: Verdict) -> str:
    """How often it was called whole too early; nothing where nobody calls it whole."""
    speaks = software.marker or (how == AQSYNC_NAME and "measurement" in software.mapping(1))
    return str(len(verdict.early)) if speaks else "-"
