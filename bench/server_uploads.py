"""Small uploads to the embedded server, beside a bare endpoint that only writes and syncs.

The client is bare httpx with four threads, in this process. The same files go to the embedded
server, to the bare endpoint, and to one that stores nothing, which shows how fast the client is.
They take turns after a few files each, so that other load on the machine slows all three alike.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

from aqsync.aqueduct.client import Client
from bench.bare_server import NOTHING
from bench.bare_uploads import upload_all
from bench.figures import Figure
from bench.processes import Run
from bench.running import Running
from bench.stage import Stage

SIZE = 10 << 10
FILES = 2000
QUICK_FILES = 300
_TURN = 100
"""Files that go to one server before it is the turn of the next."""
_START_S = 60.0
_READY = "listening on "


def server_uploads(stage: Stage) -> Iterator[Figure]:
    files = QUICK_FILES if stage.quick else FILES
    folder = stage.room()
    sent = [folder / f"point-{number:05d}.csv" for number in range(files)]
    for path in sent:
        path.write_bytes(os.urandom(SIZE))
    rounds = []
    with ExitStack() as stack:
        embedded = _Contender(stack, stage, "aqsync.server", ["--port", "0", "--data"])
        bare = _Contender(stack, stage, "bench.bare_server", [])
        for number in range(stage.rounds):
            stage.say(f"small uploads by bare httpx: round {number + 1} of {stage.rounds}")
            rounds.append(_round(embedded, bare, sent))
    ours, plain, nothing = zip(*rounds, strict=True)
    name = "small uploads"
    yield Figure(f"{name}: embedded server", [files / r.seconds for r in ours], "files/s")
    yield Figure(f"{name}: bare Starlette", [files / r.seconds for r in plain], "files/s")
    yield Figure(f"{name}: storing nothing", [files / r.seconds for r in nothing], "files/s")
    for who, runs in (("embedded server", ours), ("bare Starlette", plain)):
        costs = [r.cpu_seconds / files * 1000 for r in runs]
        yield Figure(f"{name}: {who}, processor time a file", costs, "ms")
    ratios = [b.seconds / o.seconds for o, b in zip(ours, plain, strict=True)]
    yield Figure(f"{name}: rate of embedded server / bare", ratios, at_least=0.8)


def _round(embedded: _Contender, bare: _Contender, sent: list[Path]) -> list[Run]:
    """Send all files to the embedded server, to the bare one, and to where nothing is stored."""
    with Client(embedded.url) as server:
        made = server.create_experiment("aqsync benchmark", "may be removed")
    ways: list[Callable[[list[Path]], Run]] = [
        lambda files: embedded.take(files, str(made.uuid)),
        lambda files: bare.take(files, "any"),
        lambda files: bare.take(files, "any", NOTHING),
    ]
    taken = [Run(0.0, 0.0, 0.0) for _ in ways]
    for turn, start in enumerate(range(0, len(sent), _TURN)):
        for number in ((turn + step) % len(ways) for step in range(len(ways))):
            run = ways[number](sent[start : start + _TURN])
            before = taken[number]
            taken[number] = Run(
                before.seconds + run.seconds, before.cpu_seconds + run.cpu_seconds, 0.0
            )
    return taken


class _Contender:
    """A server in a process of its own.

    Args:
        stack: Ends it.
        stage: Where it keeps its data.
        module: What runs it, given the arguments and a folder.
        arguments: The arguments before the folder.
    """

    def __init__(self, stack: ExitStack, stage: Stage, module: str, arguments: list[str]) -> None:
        room = stage.room()
        command = [sys.executable, "-m", module, *arguments, str(room / "data")]
        self._log = room / "log"
        self._running = stack.enter_context(Running(command, self._log))
        self._running.wait_for("start", lambda: _READY in self._log.read_text(), _START_S, 0.01)
        self.url = self._log.read_text().partition(_READY)[2].split()[0]

    def take(self, files: list[Path], uuid: str, below: str = "") -> Run:
        """Let it take files, under a path below its own."""
        before = self._running.cpu_seconds()
        seconds = upload_all(self.url + below, uuid, files)
        return Run(seconds, self._running.cpu_seconds() - before, 0.0)
