"""``aqsync pull``: many small files beside a bare loop of httpx, a large one beside curl."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from aqsync import API, Experiment
from bench.environment import token
from bench.figures import Figure
from bench.large_file import header_options, large_file_below
from bench.processes import BenchError, Run, run
from bench.processor_time import HASH
from bench.small_files import small_files_below
from bench.stage import AQSYNC, Stage


def pull(stage: Stage) -> Iterator[Figure]:
    yield from _small(stage)
    yield from _large(stage)


def _small(stage: Stage) -> Iterator[Figure]:
    root, files = small_files_below(stage)
    with _uploaded(stage, root) as experiment:
        names = stage.room() / "names"
        names.write_text("\n".join(experiment.paths.values()))

        def bare(folder: Path) -> Run:
            uuid = str(experiment.uuid)
            module = [sys.executable, "-m", "bench.bare_downloads"]
            return run([*module, stage.url, uuid, names, folder])

        ours, loop = stage.alternately(
            f"{files} files of 10 KiB, down",
            *_into_new_folders(stage, _pulled(stage, experiment.eid), bare),
        )
    yield Figure("small files: pull", [files / r.seconds for r in ours], "files/s")
    yield Figure("small files: bare httpx, 4 threads", [files / r.seconds for r in loop], "files/s")
    ratios = [b.seconds / o.seconds for o, b in zip(ours, loop, strict=True)]
    yield Figure("small files: rate of pull / bare httpx", ratios, at_least=0.9)
    for who, runs in (("pull", ours), ("bare httpx", loop)):
        costs = [r.cpu_seconds / files * 1000 for r in runs]
        yield Figure(f"small files: {who}, processor time a file", costs, "ms")


def _large(stage: Stage) -> Iterator[Figure]:
    curl = shutil.which("curl")
    if curl is None:
        raise BenchError("curl, beside which a large file is measured, is not installed")
    place = large_file_below(stage)
    mib = place.stat().st_size >> 20
    with _uploaded(stage, place.parent) as experiment:

        def curled(folder: Path) -> Run:
            return run(command(folder))

        def synced(folder: Path) -> Run:
            return run(["sh", "-c", f'"$@" && sync {folder / place.name}', "sh", *command(folder)])

        def command(folder: Path) -> list[str | Path]:
            options = ["--silent", "--show-error", "--fail", *header_options(stage)]
            url = f"{stage.url}/api/files/{experiment.uuid}/{place.name}"
            return [curl, *options, "--output", folder / place.name, url]

        with stage.experiment() as empty:
            nothing = stage.room()
            ours, bare, durable, none, hashed = stage.alternately(
                f"one file of {mib} MiB, down",
                *_into_new_folders(stage, _pulled(stage, experiment.eid), curled, synced),
                lambda: _pulled(stage, empty.eid)(nothing),
                lambda: run([sys.executable, "-c", HASH, place]),
            )
    yield Figure("large file: pull", [r.seconds for r in ours], "s")
    yield Figure("large file: curl", [r.seconds for r in bare], "s")
    yield Figure("large file: curl, and sync", [r.seconds for r in durable], "s")
    ratios = [o.seconds / b.seconds for o, b in zip(ours, bare, strict=True)]
    yield Figure("large file: time of pull / curl", ratios, at_most=1.1)
    ratios = [o.seconds / b.seconds for o, b in zip(ours, durable, strict=True)]
    yield Figure("large file: time of pull / curl, and sync", ratios)
    yield Figure("large file: processor time of pull", [r.cpu_seconds for r in ours], "s")
    yield Figure("large file: processor time of curl", [r.cpu_seconds for r in bare], "s")
    parts = [sum(r.cpu_seconds for r in each) for each in zip(bare, none, hashed, strict=True)]
    yield Figure("large file: processor time of curl, SHA-256 and a start", parts, "s")
    ratios = [o.cpu_seconds / part for o, part in zip(ours, parts, strict=True)]
    yield Figure("large file: processor time of pull / the sum of these", ratios, at_most=1.1)
    yield Figure("large file: peak memory of pull", [r.peak_mb for r in ours], "MB", at_most=80)


@contextmanager
def _uploaded(stage: Stage, root: Path) -> Iterator[Experiment]:
    """An experiment with the files of a directory and their manifest."""
    with stage.experiment() as made, API(stage.url, 60, token=token()) as api:
        experiment = api.get_experiment_by_uuid(made.uuid)
        experiment.upload_folder(root)
        yield experiment


def _pulled(stage: Stage, eid: str) -> Callable[[Path], Run]:
    return lambda folder: run([*AQSYNC, "pull", eid, folder, "--url", stage.url])


def _into_new_folders(stage: Stage, *ways: Callable[[Path], Run]) -> list[Callable[[], Run]]:
    """Let each way begin with an empty folder, and with no writing of the last one under way."""

    def begun(way: Callable[[Path], Run]) -> Run:
        folder = stage.room()
        os.sync()
        try:
            return way(folder)
        finally:
            shutil.rmtree(folder)

    return [lambda way=way: begun(way) for way in ways]  # type: ignore[misc]  # bound at once
