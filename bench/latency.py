"""From the last write of a file to its copy being there, files coming one after another.

aqsync and Syncthing wait until a file has been left alone for a second. lsyncd does not: it
starts a second after the first change, and takes along what was written a moment ago.
"""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from statistics import median, quantiles

from bench.contender import Contender
from bench.contenders import contenders
from bench.figures import Figure
from bench.processes import BenchError
from bench.stage import Stage
from bench.trees import named_ns

FILES = 500
QUICK_FILES = 40
SEED = 4
MEAN_GAP_S = 0.1
"""Between two files; some come at once, some after half a second."""
PIECES = 3
PIECE = b"1.0,2.0,3.0\n" * 100
_ARRIVE_S = 120.0


def latency(stage: Stage) -> Iterator[Figure]:
    medians: dict[str, float] = {}
    for contender in contenders(stage, "latency", stage.folder):
        delays = delays_of(stage, contender, QUICK_FILES if stage.quick else FILES)
        ours = contender.name == "aqsync"
        name = f"latency, last write to arrival: {contender.name}"
        medians[contender.name] = median(delays)
        yield Figure(f"{name}, median", [median(delays)], "s", at_most=1.1 if ours else None)
        p99 = quantiles(delays, n=100, method="inclusive")[-1]
        yield Figure(f"{name}, 99th percentile", [p99], "s", at_most=1.5 if ours else None)
        yield Figure(f"{name}, longest", [max(delays)], "s")
        if not ours:
            ratio = medians["aqsync"] / medians[contender.name]
            yield Figure(f"latency: median, aqsync / {contender.name}", [ratio])


def delays_of(
    stage: Stage, contender: Contender, files: int, *, from_rest: bool = False
) -> list[float]:
    """Seconds for each file.

    Args:
        stage: Where.
        contender: Whose.
        files: How many.
        from_rest: Begin when the contender has nothing left to do.
    """
    stage.say(f"latency: {files} files, {contender.name}")
    chance = random.Random(SEED)
    written: dict[str, int] = {}
    with contender.start() as running:
        if from_rest:
            running.wait_for_rest(_ARRIVE_S)
        before = contender.copies()
        for number in range(files):
            time.sleep(chance.expovariate(1 / MEAN_GAP_S))
            path = f"point-{number:04d}.csv"
            with (contender.root / path).open("wb", buffering=0) as file:
                for _ in range(PIECES):
                    file.write(PIECE)
            written[path] = time.time_ns()
        running.wait_for(
            f"{files} copies", lambda: contender.copies() >= before + files, _ARRIVE_S, 0.2
        )
    delays = []
    for path, written_ns in written.items():
        copy = contender.copy_of(path)
        if copy.read_bytes() != PIECE * PIECES:
            raise BenchError(f"{contender.name}: {copy} is not what was written")
        delays.append((named_ns(copy) - written_ns) / 1e9)
    return delays
