"""What others do to the server, what people order, what time and events do."""

from __future__ import annotations

import random

from aqsync.errors import (
    BadAnswer,
    Forbidden,
    JournalError,
    RemoteError,
    ServerBusy,
    ServerFailed,
    ServerUnreachable,
)
from aqsync.journal.pauses import EVERYTHING
from aqsync.sync.policies import decisions
from aqsync.sync.retry import set_free
from tests.simulation.disk_deeds import Deed, new_content
from tests.simulation.fake_server import FINE, Fault
from tests.simulation.places import EIDS
from tests.simulation.world import World
from tests.support.fake_clock import SECOND_NS


def _eids(world: World) -> list[str]:
    there = {e.eid for e in world.server.experiments.values()}
    return [eid for eid in EIDS if eid in there]


def _any_name(world: World, chance: random.Random) -> tuple[str, str] | None:
    """An experiment, and a name that one of its files has or may get."""
    mapping = chance.choice(world.mappings)
    path = chance.choice(sorted(world.ledger.names[mapping.name]) or [""])
    target = world.ledger.targets.get((mapping.name, path))
    return target if target is not None and target[0] in _eids(world) else None


def others_put(world: World, chance: random.Random) -> None:
    """Somebody stores a file under one of our names."""
    found = _any_name(world, chance)
    if found is None:
        return
    eid, name = found
    stored = world.server.contents(eid).get(name)
    content = new_content(chance)
    kind = chance.randrange(4)
    mapping, path = world.ledger.path_of(eid, name) or (None, "")
    if kind == 0 and mapping is not None:
        state = world.ledger.visible[mapping.name].get(path)
        content = content if state is None else state.content
    elif kind == 1 and stored:
        content = bytes(reversed(stored))
    world.server.put(eid, name, content)
    world.note(f"  others put {name} into {eid}")


def others_delete(world: World, chance: random.Random) -> None:
    """Somebody removes one of our files."""
    eids = _eids(world)
    there = [(eid, name) for eid in eids for name in sorted(world.server.contents(eid))]
    if there:
        eid, name = chance.choice(there)
        world.server.delete(eid, name)
        world.note(f"  others remove {name} from {eid}")


def destroy(world: World, chance: random.Random) -> None:
    """An experiment is removed with all its files, or made anew."""
    there = _eids(world)
    missing = [eid for eid in EIDS if eid not in there]
    if missing and chance.random() < 0.7:
        world.server.create(missing[0])
        world.note(f"  the experiment {missing[0]} is there again")
    elif there:
        eid = chance.choice(there)
        world.server.destroy(eid)
        world.destroyed.add(eid)
        world.note(f"  the experiment {eid} is removed")
        if chance.random() < 0.4:
            world.server.create(eid)
            world.note("    and made anew")


def server_clock(world: World, chance: random.Random) -> None:
    """The server's clock is set."""
    ahead_s = chance.choice([0.0, 40.0, -40.0])
    world.set_server_clock(ahead_s)
    world.ledger.server_clock_set()
    world.note(f"  the server's clock is {ahead_s} s ahead")


def weather(world: World, chance: random.Random) -> None:
    """The server, or the way to it, changes."""
    kind = chance.choice(["fine", "fine", "down", "flaky", "flaky", "slow", "failing", "losing"])
    dice = random.Random(chance.random())
    world.weather = {
        "fine": lambda _call: FINE,
        "down": lambda _call: Fault(error=ServerUnreachable("no connection")),
        "flaky": lambda _call: _flaky(dice),
        "slow": lambda _call: Fault(seconds=dice.choice([0.5, 3.0, 20.0])),
        "failing": lambda _call: Fault(error=ServerFailed("the server answered 500")),
        "losing": lambda call: Fault(answer_lost=call.method == "upload" and dice.random() < 0.7),
    }[kind]
    world.note(f"  the server is {kind}")


def _flaky(dice: random.Random) -> Fault:
    error: RemoteError | None = dice.choice(
        [
            None,
            None,
            ServerUnreachable("no connection"),
            ServerFailed("the server answered 503"),
            ServerBusy("duplicate key"),
            BadAnswer("this is a login page"),
            Forbidden("403"),
        ]
    )
    if dice.random() < 0.5:
        return FINE
    if error is not None:
        return Fault(error=error)
    if dice.random() < 0.5:
        return Fault(breaks_at=dice.random())
    return Fault(answer_lost=True, seconds=dice.random() * 5)


def revoke(world: World, chance: random.Random) -> None:
    """The token is revoked, or accepted again."""
    world.server.token_revoked = chance.random() < 0.5 and not world.server.token_revoked
    world.note(f"  the token is {'revoked' if world.server.token_revoked else 'accepted'}")


def refuse(world: World, chance: random.Random) -> None:
    """The server begins to refuse some files, or ends it."""
    world.refusing = "" if world.refusing else chance.choice(["a", "b.dat", "sub", "e"])
    world.note(f"  the server refuses what ends so: {world.refusing!r}")


def full_disk(world: World, chance: random.Random) -> None:
    """The disk that holds the journal is full, or has room again."""
    world.full = not world.full and chance.random() < 0.7
    world.note(f"  the journal's disk {'is full' if world.full else 'has room'}")


# People


def retry(world: World, chance: random.Random) -> None:
    """Somebody says `aqsync retry`."""
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
        world.ledger.insisted.add((mapping.name, path))
    world.note(f"  retry {mapping.name} {kind} {paths}")
    try:
        set_free(
            world.journal,
            [mapping],
            paths,
            world.clock.now_ns(),
            accept_roots=kind == "root",
        )
    finally:  # killed in the middle of it, it may be accepted or not
        if kind == "root":
            world.ledger.accept_root(mapping)
    for lookout in world.lookouts.values():
        lookout.everything("a person's decision")
    world.upkeep.mirror_soon()
    world.wake_all()


def allow(world: World, chance: random.Random) -> None:
    """Somebody allows what others put on the server to be overwritten."""
    mapping = chance.choice(world.mappings)
    held = [
        file
        for file, step in decisions(world.journal, mapping, world.clock.now_ns())
        if step.reason.startswith("conflict")
    ]
    if held:
        file = chance.choice(held)
        world.journal.outcomes.allow_replacing([file])
        world.ledger.allowed.add((mapping.name, file.path))
        world.note(f"  {file.path} may replace what others put")
        world.upkeep.mirror_soon()


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


def ordered(deed: Deed) -> Deed:
    """What a person orders needs a journal that works; else they are told so."""

    def order(world: World, chance: random.Random) -> None:
        try:
            deed(world, chance)
        except JournalError as exc:
            world.note(f"  it failed: {exc}")

    order.__name__ = deed.__name__
    return order


# Time, events and the process


def jump(world: World, chance: random.Random) -> None:
    """Somebody sets the wall clock."""
    seconds = chance.choice([-3600.0, -60.0, -4.0, -0.5, 3.0, 30.0, 86_400.0])
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
    """The power fails, and with it goes what was written last."""
    world.lose_power(chance.random())


def clean(world: World, _chance: random.Random) -> None:
    """The journal is tidied."""
    world.upkeep.clean_soon()


def mirror(world: World, _chance: random.Random) -> None:
    """The lists are asked for ahead of their time."""
    world.upkeep.mirror_soon()


SERVER_DEEDS: dict[Deed, int] = {
    others_put: 8,
    others_delete: 4,
    destroy: 1,
    server_clock: 1,
    weather: 8,
    revoke: 1,
    refuse: 1,
}
PEOPLE_DEEDS: dict[Deed, int] = {ordered(retry): 3, ordered(allow): 2, ordered(pause): 1}
PROCESS_DEEDS: dict[Deed, int] = {crash: 4, lose_power: 1, restart: 1}
OTHER_DEEDS: dict[Deed, int] = {
    jump: 2,
    watches: 1,
    overflow: 1,
    full_disk: 2,
    clean: 1,
    mirror: 2,
}
