"""What people order, what time and events do, and how the process ends."""

from __future__ import annotations

import random
from uuid import UUID

from aqsync.config import MappingConfig
from aqsync.errors import JournalError, RootUnusable
from aqsync.journal.pauses import EVERYTHING
from aqsync.local.errands import Errands
from aqsync.model import Reason, State
from aqsync.sync.order import Limits
from aqsync.sync.policies import decisions
from aqsync.sync.retry import set_free
from tests.simulation.disk_actions import ActionFunction
from tests.simulation.world import World
from tests.support.fake_clock import SECOND_NS

ENDED_BY_PEOPLE = frozenset(
    {Reason.CONFLICT_NAME_TAKEN, Reason.CONFLICT_BOTH_CHANGED, Reason.CONFLICT_FREED}
)

# The machine


def full_disk(world: World, chance: random.Random) -> None:
    """The disk that holds the journal is full, or has room again."""
    world.full = not world.full and chance.random() < 0.7
    world.note(f"  the journal's disk {'is full' if world.full else 'has room'}")


# People


def retry(world: World, chance: random.Random) -> None:
    """A person runs `aqsync retry`."""
    mapping = chance.choice(world.mappings)
    kind = chance.choice(["all", "path", "path", "root"])
    paths = []
    if kind == "path":
        known = sorted(
            item.path
            for item in world.journal.observations.targets(
                world.journal.mappings.get(mapping.name).id
            )
        )
        if not known:
            return
        path = chance.choice(known)
        paths = [mapping.directory / path]
    world.note(f"  retry {mapping.name} {kind} {paths}")
    accepted = kind == "root"
    if paths:
        _forget_lost(world, mapping, path)
    try:
        set_free(
            world.journal,
            [mapping],
            paths,
            world.clock.now_ns(),
            accept_roots=accepted,
            disk=world.disk,
            errands=Errands(world.clock),
        )
    except RootUnusable as exc:
        accepted = False
        world.note(f"  it is not accepted: {exc}")
    finally:  # killed in the middle of it, it may be accepted or not
        if accepted:
            world.oracle.accept_root(mapping)
    for rescanner in world.rescanners.values():
        rescanner.everything("a person's decision")
    world.poller.mirror_soon()
    world.wake_all()


def _forget_lost(world: World, mapping: MappingConfig, path: str) -> None:
    """Who says so of a lost copy of a freed file knows that it is lost."""
    for file, step in decisions(world.journal, mapping, world.clock.now_ns()):
        if file.path == path and step.state is State.FREED_LOST:
            uuid = UUID(world.journal.remote.uuid(str(file.eid)))
            world.oracle.freed.forgotten((uuid, file.remote_name))


def allow(world: World, chance: random.Random) -> None:
    """Somebody allows what others put on the server to be overwritten."""
    mapping = chance.choice(world.mappings)
    held = [
        file
        for file, step in decisions(world.journal, mapping, world.clock.now_ns())
        if step.reason in ENDED_BY_PEOPLE
    ]
    if held:
        file = chance.choice(held)
        world.journal.outcomes.allow_replacing([file])
        world.oracle.allowed.add((mapping.name, file.path))
        if file.freed is not None:
            uuid = UUID(world.journal.remote.uuid(str(file.eid)))
            world.oracle.freed.allow((uuid, file.remote_name))
        world.note(f"  {file.path} may replace what others put")
        world.poller.mirror_soon()


def pause(world: World, chance: random.Random) -> None:
    """Somebody pauses a mapping or everything, or resumes."""
    name = chance.choice([EVERYTHING, *(m.name for m in world.mappings)])
    if chance.random() < 0.5:
        world.journal.pauses.resume(name)
        world.note(f"  resume {name or 'everything'}")
    else:
        now_ns = world.clock.now_ns()
        until_ns = None if chance.random() < 0.3 else now_ns + chance.randrange(100) * SECOND_NS
        world.journal.pauses.pause(name, now_ns, until_ns)
        world.note(f"  pause {name or 'everything'}")
    world.wake_all()


def push(world: World, chance: random.Random) -> None:
    """A person runs `aqsync push` beside the daemon's own work."""
    mapping = chance.choice(world.mappings)
    with world.unattended():
        paths = [item.path for item in world.known_files(mapping)]
    within: dict[str, tuple[str, ...]] = {}
    if paths and chance.random() < 0.3:
        within[mapping.name] = (chance.choice(paths),)
    limits = Limits(
        wait_for_settling=chance.random() < 0.7,
        within=within,
        mappings=None if chance.random() < 0.5 else (mapping.name,),
        at_once=chance.random() < 0.5,
    )
    world.push(limits)
    world.note(f"  push {limits}")


def reload(world: World, _chance: random.Random) -> None:
    """A person runs `aqsync reload`."""
    world.reload()


def ordered(function: ActionFunction) -> ActionFunction:
    """An order needs a journal that works; if it does not, the person gets an error."""

    def order(world: World, chance: random.Random) -> None:
        try:
            function(world, chance)
        except JournalError as exc:
            world.note(f"  it failed: {exc}")

    order.__name__ = function.__name__
    return order


# Time, events and the process


def jump(world: World, chance: random.Random) -> None:
    """Somebody sets the wall clock."""
    seconds = chance.choice([-3600.0, -60.0, -4.0, -0.5, 3.0, 30.0, 86_400.0])
    with world.unattended():
        unnoted = world.journal.rechecks.clock_ahead_ns() is None
    world.past.clock_set_unnoticed = world.past.clock_set_unnoticed or unnoted
    world.jump(seconds)
    world.note(f"  the clock jumps by {seconds} s")


def watches(world: World, chance: random.Random) -> None:
    """The system's events fail, or work again."""
    health = world.health
    health.heal()
    kind = chance.choice(["well", "cannot start", "ill", "deaf", "blind"])
    health.cannot_start = kind == "cannot start"
    health.ill = kind == "ill"
    health.deaf = kind == "deaf"
    health.blind_to = 2 if kind == "blind" else 0
    world.note(f"  watchers are {kind}")


def overflow(world: World, chance: random.Random) -> None:
    """The system throws events away."""
    name = chance.choice(world.mappings).name
    world.overflow(name)
    world.note(f"  events of {name} overflow")


def restart(world: World, _chance: random.Random) -> None:
    """aqsync is stopped and started again."""
    world.restart()


def crash(world: World, _chance: random.Random) -> None:
    """aqsync is killed."""
    world.crash()


def lose_power(world: World, chance: random.Random) -> None:
    """The power fails, and what was written last is lost."""
    world.lose_power(chance.random())


def keep_journal(world: World, _chance: random.Random) -> None:
    """The machine is backed up, with the journal."""
    world.keep_journal()
    world.note("  the journal is backed up")


def old_journal(world: World, chance: random.Random) -> None:
    """The machine fails, and its journal comes back from a backup."""
    if world.copies:
        world.lose_commits(chance.randrange(world.copies))


def clean(world: World, _chance: random.Random) -> None:
    """The journal is tidied."""
    world.poller.clean_soon()


def mirror(world: World, _chance: random.Random) -> None:
    """The lists are requested early."""
    world.poller.mirror_soon()


PEOPLE_ACTIONS: dict[ActionFunction, int] = {
    ordered(retry): 3,
    ordered(allow): 2,
    ordered(pause): 1,
    ordered(push): 3,
    reload: 2,
}
PROCESS_ACTIONS: dict[ActionFunction, int] = {crash: 4, lose_power: 1, old_journal: 1, restart: 1}
OTHER_ACTIONS: dict[ActionFunction, int] = {
    jump: 2,
    watches: 1,
    overflow: 1,
    full_disk: 2,
    clean: 1,
    mirror: 2,
    keep_journal: 2,
}
