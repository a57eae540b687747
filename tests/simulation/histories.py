"""Random histories: the actions in one world by its seed, and the shortest failing history."""

from __future__ import annotations

import random
import re
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple
from unittest import mock

from aqsync.local import ignore_file, recognition, scanner
from aqsync.sync import growing_rules, manifests, uploader, watch_supervisor, work_queue
from tests.simulation import (
    disk_actions,
    free_actions,
    instruments,
    manifest_actions,
    other_actions,
    server_actions,
)
from tests.simulation.disk_actions import ActionFunction
from tests.simulation.extras import Extras, extras_of
from tests.simulation.manifest_truth import Drawn, manifests_of
from tests.simulation.mutations import MUTATIONS, Mutation
from tests.simulation.oracle import rules_of
from tests.simulation.parts import Crash, eager_read_ahead, lazy_read_ahead
from tests.simulation.promises import check_the_end
from tests.simulation.world import OVERTAKEN, Ambush, World
from tests.support.in_memory import folder_in_memory

FEWEST, MOST = 15, 70
"""Actions in a history."""
MOST_MEASURING = 3
"""So many actions of programs that measure come on top of them."""
MOST_OVERTAKING = 3
"""So often a job is done while a list is on its way: that is rare by itself."""
MOST_FREEING = 2
"""So often files are freed, in worlds with manifests."""
MOST_FORGETTING = 2
"""So often the server forgets what replaced a version that it had just stored: also rare."""
EMPTYING = 0.25
"""So many histories empty a root for a while: it takes long until that could do any harm."""
MOST_LINES = 200
"""Lines of a failing history that are printed."""


class Action(NamedTuple):
    """One thing that happens."""

    kind: str
    seed: int
    """Makes its random choices, the same even if other actions are left out."""


@dataclass
class Verdict:
    """The result of a history."""

    seed: int
    actions: Sequence[Action]
    broken: list[str]
    trace: list[str]


KINDS = {
    "disk": 40,
    "roots": 3,
    "server": 9,
    "people": 3,
    "process": 3,
    "other": 6,
    "time": 30,
    "turn": 8,
    "meanwhile": 16,
}
"""How often each kind of action happens."""
LOOKED_AT = frozenset({"disk", "roots", "measuring", "forgetting", "emptying", *free_actions.KINDS})
"""Kinds of actions that change the disk."""
MOMENTS = (
    *(None, "request", "answer", "answer", "chunk", "chunk", "open", "read", "look", "listing"),
    *("entry", "journal", "journal", OVERTAKEN, OVERTAKEN, OVERTAKEN),
)
"""In which moments something happens meanwhile; None: in any."""


def history_of(seed: int) -> list[Action]:
    """The actions of a history."""
    chance = random.Random(f"history {seed}")
    kinds, weights = list(KINDS), list(KINDS.values())
    count = chance.randint(FEWEST, MOST)
    actions = [
        Action(kind, chance.getrandbits(32)) for kind in chance.choices(kinds, weights, k=count)
    ]
    for _ in range(chance.randint(0, MOST_MEASURING)):
        kind = "measuring" if chance.random() < 0.8 else "measuring meanwhile"
        actions.insert(chance.randrange(len(actions)), Action(kind, chance.getrandbits(32)))
    for _ in range(chance.randint(0, MOST_OVERTAKING)):
        where = chance.randrange(len(actions))
        actions.insert(where, Action("overtaking", chance.getrandbits(32)))
    if extras_of(seed) != Extras():
        for _ in range(MOST_MEASURING):
            where = chance.randrange(len(actions))
            actions[where] = Action("measuring", chance.getrandbits(32))
    if manifests_of(seed):
        for _ in range(MOST_MEASURING):
            where = chance.randrange(len(actions) // 3, len(actions))
            actions.insert(where, Action("manifests", chance.getrandbits(32)))
        _insert_freeing(actions, random.Random(f"freeing {seed}"))
    for _ in range(chance.choice([0, 0, 0, MOST_FORGETTING])):
        where = chance.randrange(len(actions))
        actions[where:where] = [
            Action("forgetting", chance.getrandbits(32)),
            Action("time", chance.getrandbits(32)),
        ]
    if chance.random() < EMPTYING:
        where = chance.randrange(len(actions) // 2, len(actions))
        kinds = ["emptying", "time", "time", "time"]
        actions[where:where] = [Action(kind, chance.getrandbits(32)) for kind in kinds]
    return actions


def _insert_freeing(actions: list[Action], chance: random.Random) -> None:
    """Files are freed, and then something happens to them or to what knows of them."""
    for _ in range(chance.randint(1, MOST_FREEING)):
        story = chance.choice(free_actions.STORIES)
        kinds = ["keeping"] if "old copy" in story or chance.random() < 0.3 else []
        kinds += ["freeing meanwhile"] if chance.random() < 0.4 else []
        kinds += ["freeing", "time", "time"]
        for kind in story:
            kinds += [kind, "time"]
        where = chance.randrange(len(actions) // 3, len(actions))
        actions[where:where] = [Action(kind, chance.getrandbits(32)) for kind in kinds]


def _chosen(functions: dict[ActionFunction, int], chance: random.Random) -> ActionFunction:
    return chance.choices(list(functions), list(functions.values()))[0]


def act(world: World, action: Action) -> None:
    """Let one action happen."""
    chance = random.Random(action.seed)
    match action.kind:
        case "time":
            seconds = chance.choice([0.1, 1.0, 2.0, 5.5, 5.5, 6.0, 6.0, 10.0, 20.0, 70.0])
            world.note(f"{seconds} s pass")
            world.run(seconds, work=chance.random() < 0.85, chance=chance)
        case "turn":
            turn(world, chance)
        case "meanwhile":
            world.ambushes.append(ambush(world, chance))
        case "overtaking":
            world.ambushes.append(ambush(world, chance, (OVERTAKEN,)))
        case "freeing meanwhile":
            world.ambushes.append(between_steps(world, chance))
        case "measuring meanwhile":
            moment, seed = chance.choice(MOMENTS[:-3]), chance.getrandbits(32)
            measure = lambda: do(world, "measuring", random.Random(seed))  # noqa: E731
            world.ambushes.append(Ambush(moment, chance.choice([1, 2, 5]), measure))
        case kind:
            do(world, kind, chance)


def do(world: World, kind: str, chance: random.Random) -> None:
    """Let others do something."""
    by_kind: dict[str, dict[ActionFunction, int]] = {
        "disk": disk_actions.ACTIONS,
        "roots": disk_actions.ROOT_ACTIONS,
        "server": server_actions.SERVER_ACTIONS,
        "people": other_actions.PEOPLE_ACTIONS,
        "process": other_actions.PROCESS_ACTIONS,
        "other": other_actions.OTHER_ACTIONS,
        "measuring": instruments.actions_in(world),
        "manifests": manifest_actions.MANIFEST_ACTIONS,
        "keeping": {other_actions.keep_journal: 1},
        **free_actions.KINDS,
        "forgetting": {server_actions.forget_the_second: 1},
        "emptying": {disk_actions.empty_removing_root: 1},
    }
    function = _chosen(by_kind[kind], chance)
    world.note(function.__name__)
    try:
        function(world, chance)
    except OSError:
        world.note("  it cannot be done")
    except Crash:
        if world.busy:
            raise
    if kind in LOOKED_AT:
        world.oracle.look(by_action=kind != "roots")


def turn(world: World, chance: random.Random) -> None:
    """Let one of aqsync's threads go on, or one job, without anything else."""
    if world.in_transaction:
        return  # others would wait for its locks
    names = [name for name in world.loops if world.may_step(name)]
    jobs = world.can_begin()
    if not names and not jobs:
        return
    number = chance.randrange(len(names) + 3 * len(jobs))
    try:
        if number < len(names):
            world.note(f"a turn of {names[number]}")
            world.step(names[number])
        else:
            world.note("a turn of a job")
            world.work(jobs[(number - len(names)) // 3])
    except Crash:
        if world.busy:
            raise


def ambush(world: World, chance: random.Random, moments: Sequence[str | None] = MOMENTS) -> Ambush:
    """Something that will happen in the middle of something else."""
    moment = chance.choice(moments)
    countdown = chance.choice([1, 1, 1, 2, 3, 5])
    if moment is None:
        countdown = chance.randrange(1, 60)
    kinds = ["disk", "disk", "server", "server", "crash", "roots", "other"]
    kinds += ["turn", "turn", "turn"] if moment != "journal" else ["crash", "crash"]
    kind = "job" if moment == OVERTAKEN else chance.choice(kinds)
    seed = chance.getrandbits(32)

    def happen() -> None:
        own = random.Random(seed)
        if kind == "crash":
            do(world, "process", own)
        elif kind == "turn":
            turn(world, own)
        elif kind == "job":
            world.note("a turn of a job")
            world.work(own.choice(world.can_begin()))
        else:
            do(world, kind, own)

    return Ambush(moment, countdown, happen)


def between_steps(world: World, chance: random.Random) -> Ambush:
    """Something that will happen between two steps of `aqsync free`, often a kill."""
    if chance.random() < 0.5:
        return ambush(world, chance, (free_actions.FREEING,))
    seed, countdown = chance.getrandbits(32), chance.choice([1, 2, 3, 4])
    kill = lambda: do(world, "process", random.Random(seed))  # noqa: E731
    return Ambush(free_actions.FREEING, countdown, kill)


def play(
    seed: int,
    actions: Sequence[Action] | None = None,
    mutation: Mutation | None = None,
    folder: Path | None = None,
) -> Verdict:
    """Live through a history and judge it.

    Args:
        seed: Decides the world, and the actions if none are given.
        actions: What happens; None: what the seed says.
        mutation: How the engine is broken; None: it is not.
        folder: Where journals are written.
    """
    actions = history_of(seed) if actions is None else actions
    with (
        tempfile.TemporaryDirectory(dir=folder or folder_in_memory()) as made,
        _tuned(seed, mutation),
    ):
        world = World(seed, Path(made))
        try:
            for action in actions:
                if world.oracle.broken:
                    break
                world.rise()
                act(world, action)
            if not world.oracle.broken:
                check_the_end(world, seed)
        finally:
            world.close()
    return Verdict(seed, actions, world.oracle.broken, world.trace)


@contextmanager
def _tuned(seed: int, mutation: Mutation | None) -> Iterator[None]:
    """Make limits small enough for a short history, and apply the mutation."""
    chance = random.Random(f"tuning {seed}")
    read_ahead = chance.choice([eager_read_ahead, lazy_read_ahead])
    with ExitStack() as stack:
        patch = mock.patch.object
        stack.enter_context(patch(uploader, "SMALL", chance.choice([3, 1 << 20])))
        stack.enter_context(patch(uploader, "read_ahead", read_ahead))
        stack.enter_context(patch(growing_rules, "LARGE", extras_of(seed).large))
        stack.enter_context(patch(work_queue, "LARGE", chance.choice([8, 1 << 20])))
        stack.enter_context(patch(watch_supervisor, "ROOT_CHECK_S", 15.0))
        stack.enter_context(patch(manifests, "secrets", Drawn()))
        for module in (ignore_file, recognition, scanner):
            stack.enter_context(patch(module, "Rules", rules_of))
        stack.enter_context(patch(watch_supervisor, "without_events", lambda _path: None))
        if mutation is not None:
            stack.enter_context(mutation())
        yield


def shrunk(verdict: Verdict, mutation: Mutation | None = None, seconds: float = 20.0) -> Verdict:
    """The same failure with as few actions as possible, searched for a limited time."""
    end = time.monotonic() + seconds
    best = verdict
    size = max(1, len(best.actions) // 2)
    while time.monotonic() < end:
        at, smaller = 0, False
        while at < len(best.actions) and time.monotonic() < end:
            fewer = [*best.actions[:at], *best.actions[at + size :]]
            tried = play(best.seed, fewer, mutation)
            if tried.broken and _kind(tried) == _kind(verdict):
                best, smaller = tried, True
            else:
                at += size
        if size == 1 and not smaller:
            break
        size = max(1, size // 2)
    return best


def _kind(verdict: Verdict) -> str:
    """The part of a message that is the same in all histories that break the promise."""
    return re.sub(r"\S*[/0-9.]\S*", "*", verdict.broken[0])[:50]


def told(verdict: Verdict, mutation: str | None = None) -> str:
    """A failing history for a person, and how to see it again."""
    again = f"python -m tests.simulation --seed {verdict.seed}"
    if mutation is not None:
        again += f" --mutation {mutation}"
    lines = verdict.trace
    if len(lines) > MOST_LINES:
        left_out = f"... {len(lines) - MOST_LINES} lines ..."
        lines = [*lines[: MOST_LINES - 20], left_out, *lines[-20:]]
    return "\n".join(
        [
            *lines,
            "",
            *(f"BROKEN: {promise}" for promise in verdict.broken),
            f"{len(verdict.actions)} actions are left; the whole history: {again}",
        ]
    )


def by_name(mutation: str | None) -> Mutation | None:
    """A mutation by its name."""
    return None if mutation is None else MUTATIONS[mutation].mutation
