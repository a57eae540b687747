"""Small uploads to the embedded server, beside a bare endpoint that only writes and syncs.

The client is bare httpx with four threads, in this process. Each round sends the same files to the
embedded server, to the bare endpoint, and to one that stores nothing: so fast is the client alone.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from uuid import uuid4

from aqsync.aqueduct.server import Server
from bench.bare_server import NOTHING
from bench.bare_uploads import upload_all
from bench.figures import Figure
from bench.processes import Run
from bench.running import Running
from bench.stage import Stage

SIZE = 10 << 10
FILES = 2000
QUICK_FILES = 300
_WARM_UP = 40
_START_S = 60.0
_READY = "listening on "


def server_uploads(stage: Stage) -> Iterator[Figure]:
    files = QUICK_FILES if stage.quick else FILES
    folder = stage.room()
    sent = [folder / f"point-{number:05d}.csv" for number in range(files)]
    for path in sent:
        path.write_bytes(os.urandom(SIZE))
    with ExitStack() as stack:
        embedded = _Contender(stack, stage, "aqsync.server", ["--port", "0", "--data"])
        bare = _Contender(stack, stage, "bench.bare_server", [])

        def to_embedded() -> Run:
            with Server(embedded.url) as server:
                made = server.create_experiment("aqsync benchmark", "may be removed")
            return embedded.take(sent, str(made.uuid))

        ways: list[Callable[[], Run]] = [
            to_embedded,
            lambda: bare.take(sent),
            lambda: bare.take(sent, below=NOTHING),
        ]
        what = f"{files} files of 10 KiB by bare httpx, 4 threads"
        ours, plain, nothing = stage.alternately(what, *ways)
    name = "small uploads"
    yield Figure(f"{name}: embedded server", [files / r.seconds for r in ours], "files/s")
    yield Figure(f"{name}: bare Starlette", [files / r.seconds for r in plain], "files/s")
    yield Figure(f"{name}: storing nothing", [files / r.seconds for r in nothing], "files/s")
    for who, runs in (("embedded server", ours), ("bare Starlette", plain)):
        costs = [r.cpu_seconds / files * 1000 for r in runs]
        yield Figure(f"{name}: {who}, processor time a file", costs, "ms")
    ratios = [b.seconds / o.seconds for o, b in zip(ours, plain, strict=True)]
    yield Figure(f"{name}: rate of embedded server / bare", ratios, at_least=0.8)


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

    def take(self, files: list[Path], uuid: str = str(uuid4()), below: str = "") -> Run:
        """Let it take all files, after some that do not count."""
        url = self.url + below
        upload_all(url, uuid, files[:_WARM_UP])
        before = self._running.cpu_seconds()
        seconds = upload_all(url, uuid, files)
        return Run(seconds, self._running.cpu_seconds() - before, 0.0)
