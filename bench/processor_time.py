"""What an upload costs the client in processor time: for each small file, and for a large one.

Processor time hardly depends on what else the machine does, so it shows what a rate hides.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from bench.figures import Figure
from bench.large_file import curl_command, large_file_below
from bench.processes import Run, run
from bench.small_files import bare_command, small_files_below
from bench.stage import Stage

HASH = "import hashlib, sys; hashlib.file_digest(open(sys.argv[1], 'rb'), 'sha256')"


def processor_time(stage: Stage) -> Iterator[Figure]:
    yield from _small(stage)
    yield from _large(stage)


def _small(stage: Stage) -> Iterator[Figure]:
    """What each file takes, the start of the command left out: that is what no file takes."""
    root, files = small_files_below(stage)
    empty = stage.room()

    def bare(folder: Path) -> Run:
        with stage.experiment() as experiment:
            return run(bare_command(stage.url, experiment.uuid, folder))

    ways: dict[str, Callable[[Path], Run]] = {"push": _pushed(stage), "bare httpx": bare}
    if stage.before is not None:
        ways["other checkout"] = _pushed(stage, stage.before)
    commands: list[Callable[[], Run]] = []
    for way in ways.values():
        commands += [lambda way=way: way(empty), lambda way=way: way(root)]  # type: ignore[misc]  # bound at once
    runs = stage.alternately(f"processor time of {files} files of 10 KiB", *commands)
    costs: dict[str, list[float]] = {}
    for name, nothing, all_of_them in zip(ways, runs[::2], runs[1::2], strict=True):
        pairs = zip(all_of_them, nothing, strict=True)
        costs[name] = [(a.cpu_seconds - n.cpu_seconds) / files * 1000 for a, n in pairs]
        starts = [n.cpu_seconds for n in nothing]
        yield Figure(f"processor time: {name}, to start", starts, "s")
        yield Figure(f"processor time: {name}, a file of 10 KiB", costs[name], "ms")
    yield from _ratios("a file of 10 KiB", costs, {"bare httpx": 1.1, "other checkout": 1.05})


def _large(stage: Stage) -> Iterator[Figure]:
    """What a large file takes, beside what the parts of it take elsewhere."""
    curl = shutil.which("curl")
    file, empty = large_file_below(stage), stage.room()
    ways: dict[str, Callable[[], Run]] = {
        "push": lambda: _pushed(stage)(file.parent),
        "push of nothing": lambda: _pushed(stage)(empty),
        "SHA-256 alone": lambda: run([sys.executable, "-c", HASH, file]),
    }
    if curl is not None:

        def curled() -> Run:
            with stage.experiment() as experiment:
                return run(curl_command(curl, stage, experiment.uuid, file))

        ways["curl"] = curled
    if stage.before is not None:
        ways["other checkout"] = lambda: _pushed(stage, stage.before)(file.parent)
    what = f"a file of {file.stat().st_size >> 20} MiB"
    runs = stage.alternately(f"processor time of {what}", *ways.values())
    costs = {name: [r.cpu_seconds for r in taken] for name, taken in zip(ways, runs, strict=True)}
    for name, cost in costs.items():
        yield Figure(f"processor time: {name}, {what}", cost, "s")
    parts = ("push of nothing", "SHA-256 alone", "curl")
    if curl is not None:
        costs["the sum of these"] = [
            sum(r) for r in zip(*(costs[part] for part in parts), strict=True)
        ]
    yield from _ratios(what, costs, {"the sum of these": 1.1, "other checkout": 1.05})


def _pushed(stage: Stage, python: Path | None = None) -> Callable[[Path], Run]:
    def push(folder: Path) -> Run:
        with stage.experiment() as experiment:
            return stage.push(folder, experiment.eid, python).run()

    return push


def _ratios(
    what: str, costs: dict[str, list[float]], targets: dict[str, float]
) -> Iterator[Figure]:
    for other, most in targets.items():
        if other in costs:
            ratios = [ours / o for ours, o in zip(costs["push"], costs[other], strict=True)]
            yield Figure(f"processor time: {what}, push / {other}", ratios, at_most=most)
