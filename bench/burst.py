"""A great many small files at once: how long until all their copies are there."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

from bench.arrivals import Arrivals
from bench.contender import Contender
from bench.contenders import contenders
from bench.daemon import Aqsync
from bench.figures import Figure
from bench.stage import Stage
from bench.trees import named_ns

FOLDERS = 600
QUICK_FOLDERS = 20
PER_FOLDER = 100
SIZE = 100
_MEMORY = Path("/dev/shm")
_ARRIVE_S = 1800.0
_COUNT_EVERY_S = 2.0
_LATE_S = 10.0
"""Something sent twice shows at the latest so long after everything has arrived."""


def burst(stage: Stage) -> Iterator[Figure]:
    folders = QUICK_FOLDERS if stage.quick else FOLDERS
    seconds: dict[str, float] = {}
    # In memory, if that can be: few disks take so many new files in about a second.
    place = _MEMORY if _MEMORY.is_dir() else stage.folder
    for contender in contenders(stage, "burst", place):
        stage.say(f"burst: {folders * PER_FOLDER} files of {SIZE} bytes, {contender.name}")
        taken = _burst(contender, folders)
        name = f"burst: {contender.name}"
        seconds[contender.name] = taken.seconds
        yield Figure(f"{name}, time to write them all", [taken.writing], "s")
        yield Figure(f"{name}, from the first write to the last copy", [taken.seconds], "s")
        yield Figure(f"{name}, processor time", [taken.cpu_seconds], "s")
        ours = isinstance(contender, Aqsync)
        yield Figure(f"{name}, copies not as written", [taken.wrong], at_most=0 if ours else None)
        if ours:
            yield Figure(f"{name}, files sent twice", [taken.twice], at_most=0)
        else:
            ratio = seconds[Aqsync.name] / taken.seconds
            yield Figure(f"burst: time of aqsync / {contender.name}", [ratio])


class _Taken:
    """What one burst took.

    Attributes:
        writing: Seconds to write the files.
        seconds: From the first write to the last copy.
        cpu_seconds: Of the contender, in that time.
        wrong: Files whose copy has another content.
        twice: Files that arrived more than once, where that can be seen.
    """

    writing = seconds = cpu_seconds = 0.0
    wrong = twice = 0


def _burst(contender: Contender, folders: int) -> _Taken:
    taken = _Taken()
    with ExitStack() as stack:
        running = stack.enter_context(contender.start())
        arrivals = None
        if isinstance(contender, Aqsync):
            arrivals = stack.enter_context(Arrivals(contender.arrivals))
        running.wait_for_rest(60.0)
        cpu_before = running.cpu_seconds()
        began_ns = time.time_ns()
        contents = _write(contender.root, folders)
        taken.writing = (time.time_ns() - began_ns) / 1e9

        def all_there() -> bool:
            if arrivals is not None:
                return len(arrivals.read()) >= len(contents)
            return contender.copies() >= len(contents)

        running.wait_for(f"{len(contents)} copies", all_there, _ARRIVE_S, _COUNT_EVERY_S)
        taken.cpu_seconds = running.cpu_seconds() - cpu_before
        running.cpu_in(_LATE_S)
        if arrivals is not None:
            taken.twice = sum(times > 1 for times in arrivals.read().values())
    last_ns = 0
    for path, content in contents.items():
        copy = contender.copy_of(path)
        last_ns = max(last_ns, named_ns(copy))
        taken.wrong += copy.read_bytes() != content
    taken.seconds = (last_ns - began_ns) / 1e9
    return taken


def _write(root: Path, folders: int) -> dict[str, bytes]:
    """Write all files as fast as can be; returns their contents by path."""
    contents: dict[str, bytes] = {}
    for folder in (f"burst-{number:03d}" for number in range(folders)):
        (root / folder).mkdir()
        for number in range(PER_FOLDER):
            path = f"{folder}/point-{number:03d}.csv"
            contents[path] = content = path.encode().ljust(SIZE)
            descriptor = os.open(f"{root}/{path}", os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
            os.write(descriptor, content)
            os.close(descriptor)
    return contents
