"""Where benchmarks take place: a folder, a server, experiments, and pushes into them."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from aqsync.aqueduct.records import ExperimentRef
from aqsync.aqueduct.server import Server
from bench.environment import token
from bench.processes import BenchError, Run, run

_AQSYNC = (sys.executable, "-m", "aqsync")
"""The command, as of the checkout that is measured."""


@contextmanager
def embedded_server(data: Path) -> Iterator[str]:
    """Run the embedded server and give its URL."""
    command = [sys.executable, "-m", "aqsync.server", "--data", str(data), "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
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
    """

    url: str
    folder: Path
    quick: bool
    rounds: int

    @contextmanager
    def experiment(self) -> Iterator[ExperimentRef]:
        """An experiment of its own, removed at the end."""
        with Server(self.url, token()) as server:
            made = server.create_experiment("aqsync benchmark", "may be removed")
        try:
            yield made
        finally:
            with Server(self.url, token(), answer_timeout=600) as server:
                server.remove_experiment(made.uuid)

    def alternately(self, what: str, *commands: Callable[[], Run]) -> list[list[Run]]:
        """Run each command once a round, and in the other order every second round.

        Returns:
            For each command its runs; those of one round stand at the same place.
        """
        runs: list[list[Run]] = [[] for _ in commands]
        pairs = list(zip(commands, runs, strict=True))
        for number in range(self.rounds):
            self.say(f"{what}: round {number + 1} of {self.rounds}")
            for command, taken in pairs if number % 2 == 0 else reversed(pairs):
                taken.append(command())
        return runs

    @staticmethod
    def say(line: str) -> None:
        """Tell how far things are."""
        print(line, file=sys.stderr, flush=True)

    def push(self, root: Path, eid: str) -> Push:
        """A push of a directory into an experiment, with a journal of its own."""
        # Not named by the EID: a server gives that of a removed experiment out again.
        return Push(Path(tempfile.mkdtemp(dir=self.folder)), root, self.url, eid)


class Push:
    """``aqsync push`` with one configuration and journal.

    Args:
        folder: For both of them, empty.
        root: The directory to upload.
        url: The server.
        eid: The experiment.
    """

    def __init__(self, folder: Path, root: Path, url: str, eid: str) -> None:
        self.command = [*_AQSYNC, "push", "--config", str(folder / "aqsync.yaml")]
        mapping = {"name": "bench", "directory": str(root), "experiment": eid}
        content = {
            "server": {"url": url},
            "journal": str(folder / "journal.db"),
            "defaults": {"settle": "0s"},
            "mappings": [mapping],
        }
        (folder / "aqsync.yaml").write_text(json.dumps(content))  # JSON is YAML too

    def run(self) -> Run:
        """Push once.

        Raises:
            BenchError: Not everything was in sync at its end.
        """
        return run(self.command)


def version() -> Run:
    """Run ``aqsync --version``: what starting the command costs."""
    return run([*_AQSYNC, "--version"])


def interpreter() -> Run:
    """Run Python with nothing to do."""
    return run([sys.executable, "-c", "pass"])
