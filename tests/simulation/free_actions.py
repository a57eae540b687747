"""A person frees files, and what happens to them and to what knows of them afterwards."""

from __future__ import annotations

import random
from collections.abc import Generator
from contextlib import closing
from unittest import mock
from uuid import UUID

from aqsync.config import MappingConfig
from aqsync.errors import AqsyncError
from aqsync.journal.pauses import EVERYTHING
from aqsync.model import FileRecord, Freed, Reason
from aqsync.sync.freeing import Prover, plan, why_not_noted
from aqsync.sync.order import Limits
from aqsync.sync.policies import decisions
from tests.simulation.disk_actions import ActionFunction, make_way, new_content
from tests.simulation.fake_server import FINE, Who
from tests.simulation.freed_truth import (
    At,
    OnlyCopy,
    manifests_in,
    only_copy,
    proofs_of,
    removed_as_proved,
)
from tests.simulation.other_actions import ordered
from tests.simulation.places import SCRATCH, any_path
from tests.simulation.world import FREE, RunningPush, World
from tests.support.stepping import SteppedLoop

POLL_S = 1.0
SETTLED_S = 8.0
"""After this time any file may be sent that was written."""
FREEING = "freeing"
"""The kind of moment between two steps of the command."""

Proof = tuple[FileRecord, Freed]


class RunningFree(SteppedLoop):
    """The command `aqsync free`: a process of its own beside the daemon's.

    Args:
        world: Where.
        mapping: Whose files.
        older_than_s: Only files that have not changed for so many seconds.
        keep_last: So many of the newest stay.
        pushes: The person runs `aqsync push` before.
    """

    def __init__(
        self,
        world: World,
        mapping: MappingConfig,
        older_than_s: float,
        keep_last: int,
        *,
        pushes: bool,
    ) -> None:
        super().__init__(f"{FREE}{len(world.trace)}", world.clock)
        self._world = world
        self._mapping = mapping
        self._older_than_s = older_than_s
        self._keep_last = keep_last
        self._pushes = pushes
        self._script = self._free()
        self.start(self._go_on)

    def _go_on(self) -> float:
        try:
            seconds = next(self._script, None)
        except AqsyncError as exc:  # the command says it, and ends
            self._world.note(f"  {self.name}: {exc}")
            seconds = None
        except BaseException:
            self.over = True
            raise
        self.over = seconds is None
        return 0.0 if seconds is None else seconds

    def _free(self) -> Generator[float, None, None]:
        if self._pushes:
            limits = Limits(mappings=(self._mapping.name,), at_once=True)
            yield from self._push(limits)
        self._world.poller.mirror_soon()  # the command asks for lists of its own
        yield POLL_S
        proved = self._proved()
        if not proved:
            return
        self._between("proved")
        yield 0.0
        for file, proof in proved:
            self._world.oracle.freed.proved[self._at(file)].add(proof.sha256)
        found = {file.path: proof for file, proof in proved}
        if not (yield from self._push(self._limits(tuple(found), freed=found))):
            return
        noted = [each for each in proved if self._is_noted(*each)]
        gone: set[str] = set()
        for file, proof in noted:
            self._between(f"before {file.path} goes")
            if self._remove(file, proof):
                gone.add(file.path)
            self._between(f"after {file.path}")
            yield 0.0
        kept = tuple(path for path in found if path not in gone)
        yield from self._push(self._limits(tuple(found), kept=kept))

    def _between(self, where: str) -> None:
        self._world.moment(FREEING, where)

    def _proved(self) -> list[Proof]:
        world = self._world
        # What another process asks tells the daemon nothing.
        with world.unattended(), mock.patch.object(world.disk, "on_asked"):
            planned = plan(
                world.journal,
                self._mapping,
                world.clock.now_ns(),
                self._older_than_s,
                self._keep_last,
                world.disk,
            )
        proved = list[Proof]()
        with closing(Prover(world.server, world.journal, world.disk)) as prover:
            for file, proof in proofs_of(prover, self._mapping, planned.files):
                if isinstance(proof, str):
                    world.note(f"  {file.path} stays: {proof}")
                else:
                    proved.append((file, proof))
        return proved

    def _push(self, limits: Limits) -> Generator[float, None, bool]:
        """Have a push done; false if it did not come to its end."""
        push: RunningPush = self._world.push(limits)
        while not push.over:
            if push not in self._world.pushes:
                return False  # the daemon has ended meanwhile
            yield POLL_S
        result = push.order.result
        return result.server_problem is None and not result.interrupted

    def _limits(self, paths: tuple[str, ...], **noted: object) -> Limits:
        name = self._mapping.name
        by_mapping = {key: {name: value} for key, value in noted.items()}
        return Limits(wait_for_settling=False, within={name: paths}, **by_mapping)  # type: ignore[arg-type]

    def _is_noted(self, file: FileRecord, proof: Freed) -> bool:
        with self._world.unattended():
            why = why_not_noted(self._world.journal, file, proof)
        if why is not None:
            self._world.note(f"  {file.path} stays: {why}")
        return why is None

    def _at(self, file: FileRecord) -> At:
        with self._world.unattended():
            return UUID(self._world.journal.remote.uuid(str(file.eid))), file.remote_name

    def _remove(self, file: FileRecord, proof: Freed) -> bool:
        """As `aqsync.local.removal` does: only the very version that was proved."""
        place = f"{self._mapping.directory}/{file.path}"
        if not removed_as_proved(self._world.disk, place, file):
            self._world.note(f"  {file.path} stays: it has changed")
            return False
        tell(self._world, self._at(file), only_copy(file, proof, Who.US))
        self._world.note(f"  {file.path} is freed")
        self._world.touched(place, chance=random.Random(place))
        return True


def tell(world: World, at: At, copy: OnlyCopy) -> None:
    """The truth about a file that was freed just now."""
    there = manifests_in(world.server.experiments.get(at[0]))
    world.oracle.freed.removed(at, copy, there)
    world.oracle.look(by_action=True)


def _mapping(world: World, chance: random.Random) -> MappingConfig:
    """Often one whose deleted files are removed on the server: there most can go wrong."""
    removing = [each for each in world.mappings if each.on_local_delete == "remove"]
    return chance.choice(removing if removing and chance.random() < 0.6 else world.mappings)


def _write_some(world: World, mapping: MappingConfig, chance: random.Random) -> None:
    """On a good day programs write files that can be sent."""
    world.weather = lambda _call: FINE
    world.journal.pauses.resume(EVERYTHING)
    for _ in range(3):
        place = f"{mapping.directory}/{any_path(mapping.name, chance)}"
        make_way(world, place)
        world.disk.write(place, new_content(chance))
        world.note(f"  {place} is written")
        world.touched(place, chance=chance)


def free(world: World, chance: random.Random) -> None:
    """A person frees the old files of a mapping."""
    mapping = _mapping(world, chance)
    older_than_s, keep_last = chance.choice([0.0, 0.0, 5.0, 20.0]), chance.choice([0, 0, 1, 2])
    if chance.random() < 0.7:
        _write_some(world, mapping, chance)
    pushes = chance.random() < 0.8
    running = RunningFree(world, mapping, older_than_s, keep_last, pushes=pushes)
    world.frees.append(running)
    world.note(f"  {running.name}: of {mapping.name}, {keep_last} stay")


def rival_frees(world: World, chance: random.Random) -> None:
    """The person of the other aqsync frees files of a folder that both see."""
    if world.rivalry != "shared":
        free(world, chance)
        return
    mapping = _mapping(world, chance)
    _write_some(world, mapping, chance)
    world.rival_turn()
    world.later(SETTLED_S, world.rival_turn)
    world.later(2 * SETTLED_S, lambda: _rival_frees(world, mapping, chance))


def _rival_frees(world: World, mapping: MappingConfig, chance: random.Random) -> None:
    assert world.rival is not None
    world.rival_turn()
    with world.unattended(), mock.patch.object(world.disk, "on_asked"):
        for at, copy in world.rival.free(mapping, chance.choice([0, 1, 2, 2])):
            place = f"{mapping.directory}/{copy.path}"
            tell(world, at, copy)
            world.note(f"  {place} is freed by the other aqsync")
            world.touched(place, chance=chance)


def _freed_place(world: World, chance: random.Random) -> tuple[At, OnlyCopy, str] | None:
    found = sorted(world.oracle.freed.only, key=str)
    if not found:
        return None
    at = chance.choice(found)
    copy = world.oracle.freed.only[at]
    return at, copy, f"{world.oracle.mapping(copy.mapping).directory}/{copy.path}"


def new_file_there(world: World, chance: random.Random) -> None:
    """A program writes a new file where one was freed."""
    if (found := _freed_place(world, chance)) is None:
        return
    at, _, place = found
    make_way(world, place)
    if chance.random() < 0.5:  # else it gets the inode of the freed one
        world.disk.write(f"{place.rpartition('/')[0]}/{SCRATCH}", b"scratch")
    content = new_content(chance)
    stored = world.server.experiments[at[0]].files.get(at[1]) if _is_there(world, at) else None
    if stored is not None and chance.random() < 0.4:
        content = stored.content + content
    world.disk.write(place, content)
    world.note(f"  {place}, which was freed, is written anew")
    world.touched(place, chance=chance)


def bring_back(world: World, chance: random.Random) -> None:
    """A person runs `aqsync pull`, or moves files back from the trash."""
    if (found := _freed_place(world, chance)) is None:
        return
    at, _, place = found
    if not _is_there(world, at) or at[1] not in world.server.experiments[at[0]].files:
        return
    make_way(world, place)
    world.disk.write(place, world.server.experiments[at[0]].files[at[1]].content)
    world.note(f"  {place}, which was freed, is brought back")
    world.touched(place, chance=chance)


def _is_there(world: World, at: At) -> bool:
    return at[0] in world.server.experiments


def spoil_manifests(world: World, chance: random.Random) -> None:
    """What nobody can read takes the place of all manifests, or others remove them."""
    removes = chance.random() < 0.3
    for experiment in world.server.experiments.values():
        for name in sorted(manifests_in(experiment)):
            if removes:
                world.server.delete(experiment.eid, name)
            else:
                world.server.put(experiment.eid, name, b"of a newer release")
    world.note(f"  all manifests are {'removed' if removes else 'spoilt'}")


def old_copy(world: World, _chance: random.Random) -> None:
    """The machine fails, and the journal that was copied last comes back."""
    if world.copies:
        world.lose_commits(world.copies - 1)


def overwrite_all(world: World, _chance: random.Random) -> None:
    """A person runs `aqsync push --overwrite`, which names no file that was freed."""
    for mapping in world.mappings:
        held = [
            file
            for file, step in decisions(world.journal, mapping, world.clock.now_ns())
            if step.reason in {Reason.CONFLICT_NAME_TAKEN, Reason.CONFLICT_BOTH_CHANGED}
        ]
        world.journal.outcomes.allow_replacing(held)
        world.oracle.allowed.update((file.mapping, file.path) for file in held)
        world.note(f"  {len(held)} conflicts of {mapping.name} end in favour of what is here")
    world.poller.mirror_soon()


FREEING_ACTIONS: dict[ActionFunction, int] = {ordered(free): 1, ordered(rival_frees): 2}
AFTER_FREEING: dict[ActionFunction, int] = {
    new_file_there: 5,
    bring_back: 2,
    spoil_manifests: 2,
    old_copy: 4,
    ordered(overwrite_all): 2,
}
KINDS: dict[str, dict[ActionFunction, int]] = {
    "freeing": FREEING_ACTIONS,
    "after freeing": AFTER_FREEING,
    "spoiling": {spoil_manifests: 1},
    "old copy": {old_copy: 1},
    "new there": {new_file_there: 1},
    "overwriting": {ordered(overwrite_all): 1},
}
STORIES = (
    ("after freeing",),
    ("after freeing", "after freeing", "after freeing"),
    ("new there", "after freeing"),
    ("old copy", "after freeing"),
    ("old copy", "new there", "time", "overwriting"),
    ("spoiling", "old copy", "after freeing"),
    ("spoiling", "old copy", "new there", "after freeing"),
)
"""What happens after files were freed; time passes after each."""
