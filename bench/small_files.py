"""Many small files: ``aqsync push`` beside a bare loop of httpx uploads."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

from bench.figures import Figure
from bench.processes import Run, run
from bench.stage import Stage

SIZE = 10 << 10
FILES = 2000
QUICK_FILES = 300
PER_FOLDER = 100


def small_files_below(stage: Stage) -> tuple[Path, int]:
    """A directory of small files, written once, and how many there are."""
    files = QUICK_FILES if stage.quick else FILES
    root = stage.folder / "small"
    if not root.exists():
        for number in range(files):
            folder = root / f"run-{number // PER_FOLDER:03d}"
            folder.mkdir(parents=True, exist_ok=True)
            (folder / f"point-{number:05d}.csv").write_bytes(os.urandom(SIZE))
    return root, files


def small_files(stage: Stage) -> Iterator[Figure]:
    root, files = small_files_below(stage)

    def pushed() -> Run:
        with stage.experiment() as experiment:
            return stage.push(root, experiment.eid).run()

    def bare() -> Run:
        with stage.experiment() as experiment:
            return run(bare_command(stage.url, experiment.uuid, root))

    def before() -> Run:
        with stage.experiment() as experiment:
            return stage.push(root, experiment.eid, stage.before).run()

    what = f"{files} files of 10 KiB"
    if stage.before is not None:
        push, other = stage.alternately(f"{what}, beside another checkout", pushed, before)
        yield Figure("small files: push", [files / r.seconds for r in push], "files/s")
        yield Figure("small files: other checkout", [files / r.seconds for r in other], "files/s")
        ratios = [b.seconds / p.seconds for p, b in zip(push, other, strict=True)]
        yield Figure("small files: rate of push / other checkout", ratios, at_least=0.95)
        return
    push, loop = stage.alternately(what, pushed, bare)
    yield Figure("small files: push", [files / r.seconds for r in push], "files/s")
    yield Figure("small files: bare httpx, 4 threads", [files / r.seconds for r in loop], "files/s")
    ratios = [b.seconds / p.seconds for p, b in zip(push, loop, strict=True)]
    yield Figure("small files: rate of push / bare httpx", ratios, at_least=0.97)


def bare_command(url: str, uuid: UUID, root: Path) -> list[str | Path]:
    """The bare loop that sends every file of a directory."""
    return [sys.executable, "-m", "bench.bare_uploads", url, str(uuid), root]
