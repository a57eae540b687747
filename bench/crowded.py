"""From the last write to the copy, into an experiment that holds a great many files already."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from statistics import median, quantiles

from bench.crowd import crowd
from bench.daemon import Aqsync
from bench.figures import Figure
from bench.latency import delays_of
from bench.stage import Stage

THERE = 100_000
QUICK_THERE = 1_000
FILES = 500
QUICK_FILES = 40


def crowded(stage: Stage) -> Iterator[Figure]:
    if sys.platform != "linux" or stage.data is None:
        stage.say("crowded: left out, for it needs Linux and the embedded server")
        return
    there = QUICK_THERE if stage.quick else THERE
    files = QUICK_FILES if stage.quick else FILES
    medians, p99s, longest = list[float](), list[float](), list[float]()
    for _ in range(stage.rounds):
        with (
            tempfile.TemporaryDirectory("-bench", "aqsync-", stage.folder) as root,
            stage.experiment() as experiment,
        ):
            crowd(stage.data, experiment.uuid, there)
            daemon = Aqsync(stage, stage.data, experiment, Path(root))
            delays = delays_of(stage, daemon, files, from_rest=True)
        medians.append(median(delays))
        p99s.append(quantiles(delays, n=100, method="inclusive")[-1])
        longest.append(max(delays))
    name = f"{there} files there, last write to arrival"
    yield Figure(f"{name}, median", medians, "s", at_most=1.05)
    yield Figure(f"{name}, 99th percentile", p99s, "s", at_most=1.3)
    yield Figure(f"{name}, longest", longest, "s")
