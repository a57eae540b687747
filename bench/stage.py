"""Where benchmarks take place: a folder, a server, experiments, and pushes into them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from aqsync.aqueduct.client import Client
from aqsync.aqueduct.records import ExperimentRef
from bench.environment import token
from bench.processes import BenchError, Run, run

AQSYNC = (sys.executable, "-m", "aqsync")
"""The command, as of the checkout that is measured."""


@contextmanager
def embedded_server(
    data: Path, module: str = "aqsync.server", variables: Mapping[str, str] | None = None
) -> Iterator[str]:
    """Run the embedded server and give its URL.

    Args:
        data: Where it keeps everything.
        module: That runs it: as it is, or changed.
        variables: For its environment, in addition to this process's.
    """
    command = [sys.executable, "-m", module, "--data", str(data), "--port", "0"]
    given = {**os.environ, **(variables or {})}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=given) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        if not line.startswith("listening on "):
            process.wait()
            raise BenchError("the embedded server did not start")
        try:
            yield line.removeprefix("listening on ").strip()
        finally:
            process.terminate()


@dataclass(frozen=True, slots=True)
class Stage:
    """A server and room on the disk.

    Args:
        url: The server.
        folder: For files, journals and configurations; whoever made it removes it.
        quick: Whether to make do with far less work than the targets are meant for.
        rounds: How often to measure.
        data: Where the server keeps its data, if that can be looked at.
        before: The Python of another checkout's environment, to compare with.
    """

    url: str
    folder: Path
    quick: bool
    rounds: int
    data: Path | None
    before: Path | None = None
    broken_off: threading.Event = field(default_factory=threading.Event)
    """Set when somebody has broken the run off: what was measured is shown, and no more is."""

    @contextmanager
    def experiment(self) -> Iterator[ExperimentRef]:
        """An experiment of its own, removed at the end."""
        with Client(self.url, token()) as server:
            made = server.create_experiment("aqsync benchmark", "may be removed")
        try:
            yield made
        finally:
            with Client(self.url, token(), answer_timeout=600) as server:
                server.remove_experiment(made.uuid)

    def alternately(self, what: str, *commands: Callable[[], Run]) -> list[list[Run]]:
        """Run each command once a round, and in the other order every second round.

        Broken off after a whole round, it is content with what it has.

        Returns:
            For each command its runs; those of one round stand at the same place.
        """
        runs: list[list[Run]] = [[] for _ in commands]
        pairs = list(zip(commands, runs, strict=True))
        try:
            for number in range(self.rounds):
                self.say(f"{what}: round {number + 1} of {self.rounds}")
                for command, taken in pairs if number % 2 == 0 else reversed(pairs):
                    taken.append(command())
        except KeyboardInterrupt:
            self.broken_off.set()
            whole = min(map(len, runs))
            if not whole:
                raise
            return [taken[:whole] for taken in runs]
        return runs

    @staticmethod
    def say(line: str) -> None:
        """Tell how far things are."""
        print(line, file=sys.stderr, flush=True)

    def push(self, root: Path, eid: str, python: Path | None = None) -> Push:
        """A push of a directory into an experiment, with a journal of its own.

        Args:
            root: The directory.
            eid: The experiment.
            python: Of another checkout's environment; None: of this one.
        """
        # Not named by the EID: a server gives that of a removed experiment out again.
        return Push(self.configuration(self.room(), root, eid), python)

    def configuration(
        self, folder: Path, root: Path, eid: str, settle: str = "0s", rescan: str = "15m"
    ) -> Path:
        """Write the configuration for one directory, with a journal of its own.

        Args:
            folder: Where it and the journal are.
            root: The directory to upload.
            eid: The experiment.
            settle: How long files must stand still.
            rescan: How often the daemon looks at everything without being told.
        """
        content = {
            "server": {"url": self.url},
            "journal": str(folder / "journal.db"),
            "schedule": {"rescan": rescan},
            "defaults": {"settle": settle},
            "mappings": [{"name": "bench", "directory": str(root), "experiment": eid}],
        }
        place = folder / "aqsync.yaml"
        place.write_text(json.dumps(content))  # JSON is YAML too
        return place

    def room(self) -> Path:
        """A new empty folder."""
        return Path(tempfile.mkdtemp(dir=self.folder))


class Push:
    """``aqsync push`` with one configuration and journal.

    Args:
        configuration: Which.
        python: Of another checkout's environment; None: of this one.
    """

    def __init__(self, configuration: Path, python: Path | None = None) -> None:
        self._folder = None if python is None else python.parent.parent
        python = Path(sys.executable) if python is None else python
        self.command = [str(python), *AQSYNC[1:], "push", "--config", str(configuration)]

    def run(self) -> Run:
        """Push once.

        Raises:
            BenchError: Not everything was in sync at its end.
        """
        return run(self.command, self._folder)


def version() -> Run:
    """Run ``aqsync --version``: what starting the command costs."""
    return run([*AQSYNC, "--version"])


def interpreter() -> Run:
    """Run Python with nothing to do."""
    return run([sys.executable, "-c", "pass"])
