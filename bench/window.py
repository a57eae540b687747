"""How late others may store under a name of ours and still be overwritten by a first upload."""

from __future__ import annotations

import os
import random
import threading
import time
from collections.abc import Iterator
from contextlib import suppress

from aqsync.aqueduct.client import Client
from bench.crowd import crowd
from bench.environment import token
from bench.figures import Figure
from bench.processes import BenchError, run
from bench.small_files import SIZE
from bench.stage import AQSYNC, Stage
from bench.trees import named_ns

FILES = 2000
QUICK_FILES = 100
THERE = (100, 10_000, 100_000)
QUICK_THERE = (100,)
_THEIRS = b"theirs"
_PAUSE_S = 0.01


def window(stage: Stage) -> Iterator[Figure]:
    """Somebody stores under names that a push is just about to use for the first time."""
    if stage.data is None:
        stage.say("window: left out, for it needs the embedded server")
        return
    files = QUICK_FILES if stage.quick else FILES
    names = [f"point-{number:05d}.csv" for number in range(files)]
    root = stage.folder / "window"
    root.mkdir()
    for name in names:
        (root / name).write_bytes(os.urandom(SIZE))
    for there in QUICK_THERE if stage.quick else THERE:
        late_s = list[float]()
        stored = 0
        for number in range(stage.rounds):
            stage.say(f"window: {there} files there, round {number + 1} of {stage.rounds}")
            lost, all_stored = _round(stage, there, names, number)
            late_s += lost
            stored += all_stored
        what = f"window, {there} files there"
        yield Figure(f"{what}: stores of others", [stored])
        yield Figure(f"{what}: of them overwritten", [len(late_s)])
        yield Figure(f"{what}: longest before our store", [max(late_s, default=0.0)], "s")


def _round(stage: Stage, there: int, names: list[str], seed: int) -> tuple[list[float], int]:
    """Seconds by which each store that was overwritten came before ours; how many there were."""
    assert stage.data is not None
    with stage.experiment() as experiment, Client(stage.url, token()) as other:
        folder = crowd(stage.data, experiment.uuid, there)
        configuration = stage.configuration(stage.room(), stage.folder / "window", experiment.eid)
        ended = threading.Event()

        def push() -> None:
            with suppress(BenchError):  # conflicts are what is looked for
                run([*AQSYNC, "push", "--config", str(configuration)])
            ended.set()

        pushing = threading.Thread(target=push)
        pushing.start()
        chance, theirs = random.Random(seed), dict[str, int]()
        while not ended.wait(_PAUSE_S):
            # Mostly names whose turn comes soon: what is there already is replaced by nobody.
            arrived = sum((folder / name).exists() for name in names)
            ahead = min(len(names) - 1, arrived + int(chance.expovariate(1 / 200)))
            name = names[ahead]
            if name not in theirs and not (folder / name).exists():
                other.upload(experiment.uuid, name, [_THEIRS], len(_THEIRS))
                theirs[name] = time.time_ns()
        pushing.join()
        lost = []
        for name, stored_ns in theirs.items():
            copy = folder / name
            if copy.read_bytes() != _THEIRS and (late_ns := named_ns(copy) - stored_ns) > 0:
                lost.append(late_ns / 1e9)
    return lost, len(theirs)
