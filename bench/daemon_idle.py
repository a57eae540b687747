"""The daemon over a large tree that is all in sync: its start, its memory, its idling."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from statistics import median

from aqsync.local.writeback import write_back_ns
from bench.contender import Contender
from bench.contenders import contenders
from bench.daemon import Aqsync, Daemon
from bench.figures import Figure
from bench.running import Memory
from bench.stage import Stage
from bench.trees import write_tree

FOLDERS = 1000
QUICK_FOLDERS = 20
PER_FOLDER = 100
SIZE = 1000
IDLE_S = 60.0
QUICK_IDLE_S = 10.0
_COPY_S = 3600.0
_REST_S = 300.0
_RECHECKED_S = write_back_ns() / 1e9 + 5.0
"""So long after it has copied them, aqsync has hashed young files once more: that is no idling."""
_NOTHING = Memory(0.0, 0.0)


def daemon_idle(stage: Stage) -> Iterator[Figure]:
    folders = QUICK_FOLDERS if stage.quick else FOLDERS
    aqsync: _Taken | None = None
    for contender in contenders(stage, "daemon", stage.folder):
        write_tree(contender.root, folders, PER_FOLDER, SIZE)
        taken = _measure(stage, contender, folders * PER_FOLDER)
        if isinstance(contender, Aqsync):
            aqsync = taken
        yield from _figures(contender.name, taken, with_targets=taken is aqsync)
        if aqsync is not None and taken is not aqsync:
            yield from _ratios(contender.name, aqsync, taken)


@dataclass(slots=True)
class _Taken:
    """What one contender took; of starts and rescans each."""

    ready: list[float] = field(default_factory=list)
    memory: list[Memory] = field(default_factory=list)
    """At rest after the first look at everything."""
    memory_after_all: Memory = _NOTHING
    """At rest after copying everything in the same process."""
    idle_share: float = 0.0
    """Of one core, in percent."""
    rescans: list[float] = field(default_factory=list)


def _measure(stage: Stage, contender: Contender, files: int) -> _Taken:
    taken = _Taken()
    what = f"daemon: {files} files, {contender.name}"
    stage.say(f"{what}: copying them all first (minutes, if they are many)")
    with contender.start() as running:
        running.wait_for(f"{files} copies", lambda: contender.copies() >= files, _COPY_S, 5.0)
        copied = time.monotonic()
        running.wait_for_rest(_REST_S)
        taken.memory_after_all = running.memory()
    for number in range(stage.rounds):
        stage.say(f"{what}: start {number + 1} of {stage.rounds}")
        with contender.start() as running:
            if isinstance(running, Daemon):
                taken.ready.append(running.ready_after)
                running.wait_for_first_look()
            running.wait_for_rest(_REST_S)
            taken.memory.append(running.memory())
            if number == stage.rounds - 1:
                idle_s = QUICK_IDLE_S if stage.quick else IDLE_S
                time.sleep(max(0.0, copied + _RECHECKED_S - time.monotonic()))
                running.wait_for_rest(_REST_S)
                stage.say(f"{what}: idling for {idle_s:.0f} s")
                taken.idle_share = 100 * running.cpu_in(idle_s) / idle_s
    stage.say(f"{what}: looking again where nothing has changed")
    taken.rescans = list(contender.rescans(stage.rounds))
    return taken


def _figures(name: str, taken: _Taken, *, with_targets: bool) -> Iterator[Figure]:
    def target(most: float) -> float | None:
        return most if with_targets else None

    if taken.ready:
        yield Figure(f"{name}: start to READY", taken.ready, "s", at_most=target(3.0))
    resident = [memory.resident_mb for memory in taken.memory]
    proportional = [memory.proportional_mb for memory in taken.memory]
    yield Figure(f"{name}: resident after the first scan", resident, "MB", at_most=target(80))
    yield Figure(f"{name}: the same, shared pages in part", proportional, "MB")
    yield Figure(f"{name}: resident after copying all", [taken.memory_after_all.resident_mb], "MB")
    yield Figure(f"{name}: idle, of a core", [taken.idle_share], "%", at_most=target(0.1))
    yield Figure(f"{name}: processor time of a rescan", taken.rescans, "s", at_most=target(1.0))


def _ratios(name: str, ours: _Taken, theirs: _Taken) -> Iterator[Figure]:
    mine, other = _resident(ours), _resident(theirs)
    yield Figure(f"resident: aqsync / {name}", [mine / other])
    if theirs.idle_share:  # nothing at all, where a program has no timers
        yield Figure(f"idle: aqsync / {name}", [ours.idle_share / theirs.idle_share])
    yield Figure(f"rescan: aqsync / {name}", [median(ours.rescans) / median(theirs.rescans)])


def _resident(taken: _Taken) -> float:
    return median(memory.resident_mb for memory in taken.memory)
