"""Nothing to do: a further ``aqsync push`` over a large tree that is all in sync."""

from __future__ import annotations

from collections.abc import Iterator

from bench.figures import Figure
from bench.stage import Stage, interpreter, version
from bench.trees import write_tree

FOLDERS = 1000
QUICK_FOLDERS = 20
PER_FOLDER = 100
SIZE = 1000


def no_change(stage: Stage) -> Iterator[Figure]:
    folders = QUICK_FOLDERS if stage.quick else FOLDERS
    root = stage.folder / "many"
    write_tree(root, folders, PER_FOLDER, SIZE)
    what = f"{folders * PER_FOLDER} files in {folders} folders"
    with stage.experiment() as experiment:
        push = stage.push(root, experiment.eid)
        stage.say(f"{what}: the first push, which uploads them all (minutes, if they are many)")
        first = push.run()
        stage.say(f"{what}: uploaded in {first.seconds:.0f} s")
        again, start, bare = stage.alternately(
            f"{what}, a further push", push.run, version, interpreter
        )
    yield Figure("no change: interpreter start", [r.seconds for r in bare], "s")
    yield Figure("no change: aqsync --version", [r.seconds for r in start], "s")
    yield Figure("no change: push", [r.seconds for r in again], "s")
    yield Figure("no change: processor time of push", [r.cpu_seconds for r in again], "s")
    beyond = [push.seconds - start.seconds for push, start in zip(again, bare, strict=True)]
    yield Figure("no change: push beyond interpreter start", beyond, "s", at_most=1.0)
    yield Figure("no change: peak memory of push", [r.peak_mb for r in again], "MB", at_most=120)
