"""What it costs to ask, before each upload, whether the server still holds what was decided by."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator

from bench.crowd import crowd
from bench.figures import Figure
from bench.processes import run
from bench.small_files import SIZE
from bench.stage import Stage

FILES = 500
QUICK_FILES = 50
THERE = (100, 10_000, 100_000)
QUICK_THERE = (100,)


def asking(stage: Stage) -> Iterator[Figure]:
    if stage.data is None:
        stage.say("asking: left out, for it needs the embedded server")
        return
    files = QUICK_FILES if stage.quick else FILES
    root = stage.folder / "asking"
    root.mkdir()
    for number in range(files):
        (root / f"point-{number:05d}.csv").write_bytes(os.urandom(SIZE))
    report = stage.folder / "asking.json"
    for there in QUICK_THERE if stage.quick else THERE:
        shares, rates, lists, probes = list[float](), list[float](), list[float](), list[float]()
        for number in range(stage.rounds):
            stage.say(f"asking: {there} files there, round {number + 1} of {stage.rounds}")
            with stage.experiment() as experiment:
                crowd(stage.data, experiment.uuid, there)
                push = stage.push(root, experiment.eid).command
                command = [sys.executable, "-m", "bench.asking_push", str(report), *push[3:]]
                run(command)
            spans = json.loads(report.read_text())
            spent = {what: sum(end - began for began, end in at) for what, at in spans.items()}
            shares.append(spent["confirm"] / (spent["confirm"] + spent["upload"]))
            sending = [moment for span in spans["upload"] for moment in span]
            rates.append(files / (max(sending) - min(sending)))
            lists.append(len(spans["list_files"]))
            probes.append(len(spans.get("probe_file", ())))
        name = f"asking, {there} files there"
        yield Figure(f"{name}: share of the workers' time", shares)
        yield Figure(f"{name}: rate", rates, "files/s")
        yield Figure(f"{name}: lists", lists)
        yield Figure(f"{name}: single names", probes)
