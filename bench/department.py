"""Small uploads to servers on PostgreSQL, with files in a directory and in a bucket.

Beside them stand one embedded server, and the one that ``--url`` names, such as a real Aqueduct.
The client is bare httpx with eight threads, in this process. All take turns after a few files each.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

from aqsync.aqueduct.client import Client
from bench.bare_uploads import upload_all
from bench.environment import token
from bench.figures import Figure
from bench.running import Running
from bench.stage import Stage
from tests.support.balancer import Balancer
from tests.support.object_store import CREDENTIALS, ObjectStore
from tests.support.postgres import Postgres

SIZE = 10 << 10
FILES = 1600
QUICK_FILES = 320
_TURN = 160
"""Files that go to one server before it is the turn of the next."""
_CLIENTS = 8
_START_S = 60.0
_READY = "listening on "
_EMBEDDED = "one on SQLite, files on disk"


def department(stage: Stage) -> Iterator[Figure]:
    files = QUICK_FILES if stage.quick else FILES
    folder = stage.room()
    sent = [folder / f"point-{number:05d}.csv" for number in range(files)]
    for path in sent:
        path.write_bytes(os.urandom(SIZE))
    with ExitStack() as stack:
        contenders = dict(_contenders(stage, stack))
        taken: dict[str, list[float]] = {name: [] for name in contenders}
        for number in range(stage.rounds):
            stage.say(f"servers of a department: round {number + 1} of {stage.rounds}")
            for name, seconds in _round(contenders, sent).items():
                taken[name].append(seconds)
    rates = {name: [files / each for each in seconds] for name, seconds in taken.items()}
    for name, found in rates.items():
        yield Figure(f"small uploads: {name}", found, "files/s")
    for name, found in rates.items():
        if name != _EMBEDDED:
            pairs = zip(found, rates[_EMBEDDED], strict=True)
            yield Figure(f"rate of {name} / embedded", [rate / own for rate, own in pairs])


def _contenders(stage: Stage, stack: ExitStack) -> Iterator[tuple[str, str]]:
    """The URL of each server, by what it is."""
    postgres = stack.enter_context(Postgres(durable=True))
    store = stack.enter_context(ObjectStore())
    one, two = stage.room(), stage.room()
    if stage.data is None:
        yield "the server of --url", stage.url
    yield _EMBEDDED, _served(stage, stack)
    yield (
        "one on PostgreSQL, files in a directory",
        _served(stage, stack, "--database", postgres.database(), "--files", str(one)),
    )
    yield (
        "one on PostgreSQL, files in a bucket",
        _served(stage, stack, "--database", postgres.database(), "--files", store.place()),
    )
    shared = ("--database", postgres.database(), "--files", str(two), "--workers", "2")
    yield "two workers on PostgreSQL, files in a directory", _served(stage, stack, *shared)
    shared = ("--database", postgres.database(), "--files", store.place())
    urls = [_served(stage, stack, *shared) for _ in range(3)]
    ports = [int(url.rpartition(":")[2]) for url in urls]
    proxy = stack.enter_context(Balancer(ports))
    yield "three behind a proxy on PostgreSQL, files in a bucket", proxy.url


def _served(stage: Stage, stack: ExitStack, *options: str) -> str:
    """Start a server and return its URL."""
    room = stage.room()
    command = [sys.executable, "-m", "aqsync.server", "--port", "0"]
    command += ["--data", str(room / "data"), *options]
    log = room / "log"
    running = stack.enter_context(Running(command, log, dict(CREDENTIALS)))
    running.wait_for("start", lambda: _READY in log.read_text(), _START_S, 0.01)
    return log.read_text().partition(_READY)[2].split()[0]


def _round(contenders: dict[str, str], sent: list[Path]) -> dict[str, float]:
    """Send all files to each; return how many seconds each took."""
    made = {}
    for name, url in contenders.items():
        with Client(url, token()) as server:
            made[name] = str(server.create_experiment("aqsync benchmark", "may be removed").uuid)
    taken = dict.fromkeys(contenders, 0.0)
    names = list(contenders)
    for turn, start in enumerate(range(0, len(sent), _TURN)):
        for step in range(len(names)):
            name = names[(turn + step) % len(names)]
            some = sent[start : start + _TURN]
            taken[name] += upload_all(contenders[name], made[name], some, _CLIENTS)
    return taken
