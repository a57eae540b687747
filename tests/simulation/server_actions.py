"""What others do on the server, and faults of the server and the network."""

from __future__ import annotations

import random
from collections.abc import Callable

from aqsync.errors import (
    BadAnswer,
    Forbidden,
    RemoteError,
    ServerBusy,
    ServerFailed,
    ServerUnreachable,
)
from tests.simulation.disk_actions import ActionFunction, make_way, new_content
from tests.simulation.fake_server import FINE, NO_LIMIT, Call, Fault
from tests.simulation.places import EIDS, any_path
from tests.simulation.world import World

Weather = Callable[[Call], Fault]


def _eids(world: World) -> list[str]:
    there = {e.eid for e in world.server.experiments.values()}
    return [eid for eid in EIDS if eid in there]


def _any_name(world: World, chance: random.Random) -> tuple[str, str] | None:
    """An experiment, and a name that one of its files has or may get."""
    mapping = chance.choice(world.mappings)
    path = chance.choice(sorted(world.oracle.names[mapping.name]) or [""])
    target = world.oracle.targets.get((mapping.name, path))
    return target if target is not None and target[0] in _eids(world) else None


def others_put(world: World, chance: random.Random) -> None:
    """Somebody stores a file under one of our names."""
    found = _any_name(world, chance)
    if found is None:
        return
    eid, name = found
    stored = world.server.contents(eid).get(name)
    content = new_content(chance)
    kind = chance.randrange(5)
    mapping, path = world.oracle.path_of(eid, name) or (None, "")
    if kind in {0, 2} and mapping is not None:
        state = world.oracle.visible[mapping.name].get(path)
        content = content if state is None else state.content
        if kind == 2:
            content = content[: chance.randrange(len(content) + 1)]
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
        world.past.destroyed.add(eid)
        world.note(f"  the experiment {eid} is removed")
        if chance.random() < 0.4:
            world.server.create(eid)
            world.note("    and made anew")


def server_clock(world: World, chance: random.Random) -> None:
    """The server's clock is set."""
    ahead_s = chance.choice([0.0, 40.0, -40.0])
    world.set_server_clock(ahead_s)
    world.oracle.server_clock_set()
    world.note(f"  the server's clock is {ahead_s} s ahead")


def weather(world: World, chance: random.Random) -> None:
    """The server or the network begins or ends to fail."""
    kinds = ["fine", "fine", "down", "flaky", "flaky", "slow", "failing", "losing"]
    kind = chance.choice([*kinds, "buffering", "forgetting"])
    dice = random.Random(chance.random())
    world.weather = {
        "fine": lambda _call: FINE,
        "down": lambda _call: Fault(error=ServerUnreachable("no connection")),
        "flaky": lambda _call: _flaky(dice),
        "slow": lambda _call: Fault(seconds=dice.choice([0.5, 3.0, 20.0])),
        "failing": lambda _call: Fault(error=ServerFailed("the server answered 500")),
        "losing": lambda call: Fault(answer_lost=call.method == "upload" and dice.random() < 0.7),
        "buffering": lambda _call: _buffering(dice),
        "forgetting": lambda _call: Fault(forgets=dice.random() < 0.5),
    }[kind]
    world.note(f"  the server is {kind}")


def forget_the_second(world: World, chance: random.Random) -> None:
    """A program writes files twice within a moment, and the server does not store the second."""
    mapping = min(world.mappings, key=lambda each: each.settle)
    before, between = world.weather, mapping.settle + chance.choice([0.5, 0.8, 1.3])
    forgetful = lambda _call: Fault(forgets=True)  # noqa: E731 - compared below
    places = {f"{mapping.directory}/{any_path(mapping.name, chance)}" for _ in range(3)}

    def write() -> None:
        for place in sorted(places):
            make_way(world, place)
            world.disk.write(place, new_content(chance))
            world.note(f"  {place} is written, twice within a moment")
            world.touched(place, chance=chance)

    def turn(old: Weather, new: Weather) -> None:
        if world.weather is old:  # nothing else has become of it, and not all is mended
            world.weather = new
            world.note(f"  the server {'forgets' if new is forgetful else 'forgets no more'}")

    write()
    world.later(between, lambda: turn(before, forgetful))
    world.later(between, write)
    world.later(2 * between + 1.0, lambda: turn(forgetful, before))


def _buffering(dice: random.Random) -> Fault:
    """A proxy takes uploads at once, and some of them arrive after the client gave up."""
    return FINE if dice.random() < 0.5 else Fault(late_s=dice.choice([1.0, 7.0, 30.0, 200.0]))


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


def limit(world: World, chance: random.Random) -> None:
    """The server begins to refuse large files, or takes them again."""
    world.server.most_bytes = chance.choice([4, 8, NO_LIMIT])
    world.past.least_limit = min(world.past.least_limit, world.server.most_bytes)
    world.note(f"  the server takes files of {world.server.most_bytes} bytes at most")


def conditions(world: World, chance: random.Random) -> None:
    """A proxy begins to strip what requests expect, or no longer does."""
    world.server.checks_conditions = chance.random() < 0.5
    looks = "looks" if world.server.checks_conditions else "does not look"
    world.note(f"  the server {looks} at what requests expect")


def forbid(world: World, chance: random.Random) -> None:
    """The server begins to forbid some files, or ends it."""
    world.forbidding = "" if world.forbidding else chance.choice(["a", "b.dat", "sub", "e"])
    world.note(f"  the server forbids what ends so: {world.forbidding!r}")


def back_up(world: World, _chance: random.Random) -> None:
    """The server's files are backed up."""
    world.backups.append(world.server.backup())
    world.note("  the server is backed up")


def restore_server(world: World, chance: random.Random) -> None:
    """The server's files are restored from a backup."""
    new_times = chance.random() < 0.4
    number = chance.randrange(len(world.backups))
    world.server.restore(world.backups[number], new_times=new_times)
    world.note(f"  the server is what it was at backup {number}, {new_times=}")


def late_arrival(world: World, chance: random.Random) -> None:
    """One of the uploads that a proxy holds is stored now."""
    if world.server.late:
        number = chance.randrange(len(world.server.late))
        late = world.server.late[number]
        world.server.late[number] = late._replace(at=world.clock.monotonic())
        world.server.store_late()
        world.note(f"  {late.name} arrives late")


def put_back(world: World, chance: random.Random) -> None:
    """Somebody begins to put an old version of a file back whenever it is replaced, or ends it."""
    if world.stubborn:
        world.stubborn.clear()
        world.note("  nobody puts anything back any more")
        return
    found = _any_name(world, chance)
    if found is None:
        return
    eid, name = found
    before = [
        event.after.content
        for event in world.server.events
        if event.name == name and event.after is not None
    ]
    if before:
        world.stubborn[world.server.of(eid).uuid, name] = chance.choice(before)
        world.note(f"  somebody puts an old version of {name} back, again and again")


def rival_turn(world: World, _chance: random.Random) -> None:
    """The other aqsync works."""
    if world.rival_turn():
        world.note("  the other aqsync did something")


def rival_writes(world: World, chance: random.Random) -> None:
    """Somebody writes a file on the machine of the other aqsync, or deletes one."""
    if world.rivalry != "apart" or world.rival is None:
        return
    disk, mapping = world.rival.disk, chance.choice(world.mappings)
    place = f"{mapping.directory}/{any_path(mapping.name, chance)}"
    if disk.exists(place) and chance.random() < 0.2:
        disk.remove(place)
        world.note(f"  {place} is deleted on the other machine")
        return
    ours = world.oracle.visible[mapping.name].get(place.removeprefix(f"{mapping.directory}/"))
    same = ours is not None and chance.random() < 0.4
    disk.mkdir(place.rpartition("/")[0])
    disk.write(place, ours.content if ours is not None and same else new_content(chance))
    world.note(f"  {place} is written on the other machine, {same=}")


SERVER_ACTIONS: dict[ActionFunction, int] = {
    others_put: 8,
    others_delete: 4,
    destroy: 1,
    server_clock: 1,
    weather: 8,
    revoke: 1,
    refuse: 1,
    limit: 1,
    conditions: 1,
    rival_turn: 4,
    rival_writes: 3,
    back_up: 3,
    restore_server: 2,
    late_arrival: 2,
    put_back: 3,
    forbid: 1,
}
