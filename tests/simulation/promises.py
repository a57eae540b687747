"""The end of a history: all faults end, time passes, and then both sides are compared."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import NamedTuple
from uuid import UUID

from aqsync.config import MappingConfig
from aqsync.errors import ManifestBroken
from aqsync.journal.mappings import RootIdentity
from aqsync.layout.manifest import ManifestFile, is_manifest_name, read
from aqsync.local.rules import IGNORE_FILE
from aqsync.local.sqlite_files import database_of
from aqsync.model import (
    Databases,
    Decision,
    FileRecord,
    Hold,
    InSync,
    Reason,
    Recheck,
    State,
    Upload,
    Wait,
)
from aqsync.paths import nearest
from aqsync.sync.planner import decide
from aqsync.sync.policies import policies, undecided
from tests.simulation import disk_actions
from tests.simulation.fake_disk import Link
from tests.simulation.fake_server import FINE, NO_LIMIT, Experiment, Who
from tests.simulation.freed_truth import freed_in, manifests_in
from tests.simulation.measured_truth import folder_of, turn
from tests.simulation.oracle import DATABASE_HEADER, Remote, rules_of, sha256
from tests.simulation.places import BY_CLOSING, DATABASE, EIDS, FOLDERS, MEASURED, SENTINEL
from tests.simulation.tapes import number_in
from tests.simulation.world import NO_OUTAGE_KNOWN, RESCAN_S, TOKEN, World

LONGEST_S = 6 * 3600.0
"""After this time nothing must be left to do."""
A_MOMENT_S = 1.0
A_WHILE_S = 20.0
SECOND_PASS_S = 1.3 * RESCAN_S
HANGING_S = 240.0
"""While a disk hangs, all files of other mappings must be sent within this time, even if one worker
has to give up every job before them."""
RESENDS = 3
"""How often a version that the server did not keep is sent again in a day."""


class Case(NamedTuple):
    """A local file, the decision of aqsync, and the server's version."""

    world: World
    mapping: MappingConfig
    path: str
    content: bytes
    file: FileRecord
    eid: str
    remote: bytes | None
    step: Decision

    @property
    def passed_for_ours(self) -> bool:
        """Whether others stored it right after us, so that it counts as ours."""
        known = self._known()
        return known is not None and known.passed_for_ours

    @property
    def looks_alike(self) -> bool:
        """Whether the clock was set back so that another content had the same times."""
        return (self.mapping.name, self.path) in self.world.oracle.alike

    @property
    def removed(self) -> bool:
        """Whether others have removed it there; or we have, and the journal has lost that."""
        known = self._known()
        return known is not None and (
            known.others_removed or (known.ours_removed and self.world.past.forgot)
        )

    @property
    def at(self) -> tuple[UUID, str]:
        """The experiment and the name where it is now."""
        return self.world.server.of(self.eid).uuid, self.file.remote_name

    def _known(self) -> Remote | None:
        return remote_at(self.world, self.eid, self.file.remote_name)


def remote_at(world: World, eid: str, name: str) -> Remote | None:
    """What is known of a name where it is now."""
    for experiment in world.server.experiments.values():
        if experiment.eid == eid:
            return world.oracle.remote.get((experiment.uuid, name))
    return None


def _foreign(case: Case) -> bool:
    """The server's version was never ours, as far as the journal can know."""
    if case.remote is None or case.world.past.forgot:
        return case.remote is not None
    return sha256(case.remote) not in case.world.oracle.mine[case.at]


def _put_back(case: Case) -> bool:
    """Our version was replaced, removed or not stored too often to be sent again today."""
    return _times_not_kept(case) >= RESENDS or case.world.past.forgot


def _lost(case: Case) -> bool:
    return _times_not_kept(case) >= RESENDS


def _times_not_kept(case: Case) -> int:
    """How often others replaced or removed our version, or the server did not store it."""
    return case.world.oracle.undone[case.at] + case.world.oracle.forgotten[case.at]


def _conflict(case: Case) -> bool:
    begins_ours = bool(case.remote) and case.content.startswith(case.remote or b"")
    begins_ours = begins_ours and not case.content.startswith(DATABASE_HEADER)
    return (_foreign(case) and not begins_ours) or _put_back(case)


def _empty(case: Case) -> bool:
    had = case.world.oracle.had[case.mapping.name, case.path]
    return case.content == b"" and any(had)


def _no_experiment(case: Case) -> bool:
    return all(e.eid != case.eid for e in case.world.server.experiments.values())


def _root_in_doubt(world: World, mapping: MappingConfig) -> bool:
    """Whether another directory is in the root's place, and that is reported."""
    record = world.journal.mappings.get(mapping.name)
    known, now = record.root, world.disk.identity(mapping.directory)
    told = "" in world.journal.mappings.troubles(record.id)
    return told and known is not None and not _is_same(now, known)


def _is_same(one: RootIdentity, other: RootIdentity) -> bool:
    """Whether two are the same directory, perhaps with another device number."""
    if one.inode != other.inode:
        return False
    if one.file_system and other.file_system:
        return one.file_system == other.file_system
    return one.device == other.device


def _disk_in_doubt(world: World, mapping: MappingConfig, path: str) -> bool:
    """Whether a path is on a mounted disk that is reported as another one than before."""
    mapping_id = world.journal.mappings.get(mapping.name).id
    troubles = world.journal.mappings.troubles(mapping_id)
    place = nearest(path, troubles)
    if place is None or f"{mapping.directory}/{place}" not in world.mounts:
        return False
    # It is the same one, but only a disk with an identity of its own shows that.
    known = world.journal.mappings.mounts(mapping_id).get(place)
    tells = known is not None and _is_same(world.disk.identity(mapping.directory, place), known)
    return "counts as deleted" in troubles[place].message and not tells


def _is_taken_for_ours(case: Case) -> bool:
    """Nothing shows that the server has another content."""
    unseen = (case.mapping.name, case.path) in case.world.oracle.unseen
    looked_old = case.world.past.clock_set_unnoticed and unseen
    forged = case.world.is_forged(case.file)
    return case.passed_for_ours or case.looks_alike or looked_old or forged


def _refused(case: Case) -> bool:
    past = case.world.past
    return case.file.remote_name in past.refused or len(case.content) > past.least_limit


def _is_ignored(case: Case) -> bool:
    """Whether it is a database, and these are not sent."""
    is_database = case.content.startswith(DATABASE_HEADER)
    return is_database and case.mapping.databases is Databases.IGNORE


def _is_part(case: Case) -> bool:
    """Whether it lies beside its database, which takes it along."""
    if case.mapping.databases is Databases.FILE:
        return False
    base = case.world.oracle.visible[case.mapping.name].get(database_of(case.path) or "")
    return base is not None and base.content.startswith(DATABASE_HEADER)


def _others_of_measurement_are_held(case: Case) -> bool:
    """Whether another file of the measurement is not on the server, for its own reason."""
    eid, visible = case.eid, case.world.oracle.visible[case.mapping.name]
    there = case.world.server.contents(eid)
    ignored = case.mapping.databases is Databases.IGNORE
    return any(
        folder_of(path) == folder_of(case.path)
        and turn(path) < turn(case.path)
        and (case.mapping.name, path) in case.world.oracle.targets
        and not (ignored and DATABASE in path)
        and there.get(case.world.oracle.targets[case.mapping.name, path][1]) != state.content
        for path, state in visible.items()
    )


def _freed(case: Case) -> bool:
    """Another file was freed at its path, or was about to be."""
    freed = case.file.freed
    return freed is not None and freed.sha256 in case.world.oracle.freed.proved[case.at]


CONFLICTS = frozenset({Reason.CONFLICT_NAME_TAKEN, Reason.CONFLICT_BOTH_CHANGED})
REASONS: dict[Reason, Callable[[Case], bool]] = {
    **dict.fromkeys(CONFLICTS, _conflict),
    Reason.CONFLICT_FREED: _freed,
    Reason.REMOVED_ON_SERVER: lambda case: case.removed,
    Reason.EMPTIED: _empty,
    Reason.DIFFERS: _foreign,
    Reason.OLDER_PUT_BACK: _put_back,
    Reason.NEVER_KEPT: _lost,
    Reason.ON_SERVER: _is_taken_for_ours,
    Reason.CLAIMED: _is_taken_for_ours,
    Reason.RECHECK_AT: _is_taken_for_ours,
    Reason.RECHECK_AFTER: _is_taken_for_ours,
    Reason.RECHECK_DUE: _is_taken_for_ours,
    Reason.NO_EXPERIMENT: _no_experiment,
    Reason.EXPERIMENT_GONE: _no_experiment,
    Reason.ROOT_UNUSABLE: lambda case: _root_in_doubt(*case[:2]),
    Reason.ROOT_IN_DOUBT: lambda case: _root_in_doubt(*case[:2]),
    Reason.ROOT_REPLACED: lambda case: _root_in_doubt(*case[:2]),
    Reason.FILE_REFUSED: _refused,
    Reason.TOO_LARGE: lambda case: len(case.content) > case.world.past.least_limit,
    Reason.DATABASE_PART: _is_part,
    Reason.DATABASE_IGNORED: _is_ignored,
    Reason.MEASUREMENT_LAST: _others_of_measurement_are_held,
    Reason.DISK_AWAY: lambda case: _disk_in_doubt(*case[:3]),
    Reason.DISK_REPLACED: lambda case: _disk_in_doubt(*case[:3]),
    Reason.DISK_EMPTY: lambda case: _disk_in_doubt(*case[:3]),
    Reason.DISK_COVERED: lambda case: _disk_in_doubt(*case[:3]),
}
"""Reasons for which a file may stay unsynced, each with the condition that justifies it."""


def check_the_end(world: World, seed: int) -> None:
    """End all faults, let time pass, and compare."""
    chance = random.Random(f"end {seed}")
    world.note("EVERYTHING IS MENDED")
    _heal(world, chance)
    _go_on_beside_what_hangs(world)
    if world.oracle.broken or not _rests(world):
        return
    _compare(world)
    _check_freed(world)
    _second_pass(world)
    _check_log(world)
    _check_token(world)


def _heal(world: World, chance: random.Random) -> None:
    world.ambushes.clear()
    world.rise()
    world.full, world.disk.tells_open = False, True
    world.room.become(world.room.PLENTY, meanwhile=True)
    world.failing.clear()
    world.health.heal()
    _heal_server(world, chance)
    _remove_what_is_no_manifest(world)
    disk_actions.mount_again(world, chance)
    for mapping in world.mappings:
        root, old = str(mapping.directory), f"/data/old {mapping.name}"
        usable = world.disk.exists(root) and not isinstance(world.disk._get(root), Link)
        if world.disk.exists(old) and (chance.random() < 0.6 or not usable):
            if world.disk.exists(root):
                world.disk.rename(root, f"{old} replaced")
            world.disk.rename(old, root)
        ignore = f"{root}/{IGNORE_FILE}"
        if world.disk.exists(ignore):
            world.disk.remove(ignore)
        for folder in (f"{root}/{name}" for name in FOLDERS[mapping.name] if name):
            # Files behind a link in a folder's place cannot be seen: they are tried for ever.
            if world.disk.exists(folder) and isinstance(world.disk._get(folder), Link):
                world.disk.remove(folder)
    world.disk.open_all()
    world.oracle.look(by_action=False)
    world.journal.pauses.resume("")
    world.wake_all()


def _remove_what_is_no_manifest(world: World) -> None:
    """A person follows the hint: while such a thing stands there, nothing may be removed."""
    for experiment in world.server.experiments.values():
        for name, stored in sorted(experiment.files.items()):
            if is_manifest_name(name) and not _is_readable(stored.content):
                world.server.delete(experiment.eid, name)


def _is_readable(content: bytes) -> bool:
    try:
        list(read([content])[1])
    except ManifestBroken:
        return False
    return True


def _end_measurements(world: World, mapping: MappingConfig) -> None:
    """Every measurement gets what makes it complete; one is new, and so are all others old."""
    root = str(mapping.directory)
    if not world.disk.exists(root):
        return
    files = world.disk.files(root)
    folders = {path.partition("/")[0] for path in files if "/" in path}
    folders = {folder for folder in folders if folder.startswith("run_")}
    if mapping.name == "followed":
        folders = {"run_99"}
        world.disk.mkdir(f"{root}/run_99")
    for sentinel in sorted(f"{folder}/{SENTINEL}" for folder in folders):
        if sentinel in files:
            continue
        place = f"{root}/{sentinel}"
        if world.disk.exists(place):  # a link or a FIFO says nothing
            world.disk.remove(place)
        world.disk.write(place, b"done")


def _end_programs(world: World, mapping: MappingConfig) -> None:
    """Programs end, and what they had open or locked is so no more."""
    root = str(mapping.directory)
    if world.disk.exists(root):
        for file in world.disk.being_written(root).values():
            file.writers, file.locked = 0, False


def _go_on_beside_what_hangs(world: World) -> None:
    """A disk that hangs holds up no other mapping; then it answers."""
    others = [m for m in world.mappings if world.hangs.below not in {"", f"{m.directory}/"}]
    if others:
        while not world.engine.usable and not world.oracle.broken:
            world.run(A_WHILE_S)
        world.run(HANGING_S)
        world.note("EVERY DISK ANSWERS")
    for mapping in others:
        _see_that_it_goes_on(world, mapping)
    world.hangs.below = ""


def _see_that_it_goes_on(world: World, mapping: MappingConfig) -> None:
    for path, step in _steps(world, mapping):
        if isinstance(step, Upload):
            world.oracle.broken.append(
                f"{mapping.name}/{path} waits for a disk that is not its own: {step}"
            )


def _heal_server(world: World, chance: random.Random) -> None:
    world.weather = lambda _call: FINE
    world.server.token_revoked = False
    world.forbidding = ""
    if chance.random() < 0.5:
        world.stubborn.clear()
    if chance.random() < 0.7:
        world.refusing = ""
    if chance.random() < 0.7:
        world.server.most_bytes = NO_LIMIT
    there = {e.eid for e in world.server.experiments.values()}
    for eid in EIDS:
        if eid not in there and chance.random() < 0.6:
            world.server.create(eid)


def _let_programs_end(world: World) -> None:
    while world.programs_go_on and not world.oracle.broken:
        world.run(A_MOMENT_S)  # what they write without a word is seen by the looks after it
    for mapping in world.mappings:
        if mapping.name in MEASURED:
            (_end_programs if mapping.name in BY_CLOSING else _end_measurements)(world, mapping)
    world.oracle.look(by_action=True)


def _rests(world: World) -> bool:
    """Let time pass until nothing is left to do; false if that never comes."""
    end = world.clock.monotonic() + LONGEST_S
    _let_programs_end(world)
    looks = dict(world.whole_looks)
    fetched = world.engine.lists_fetched
    events, before = len(world.server.events), _lists(world)
    unseen = world.unseen_writes
    while world.clock.monotonic() < end:
        world.run(A_WHILE_S)
        if world.oracle.broken:
            return False
        if world.rival_turn() or world.server.late or len(world.server.events) != events:
            events, before = len(world.server.events), _lists(world)
            continue  # what others did is to be seen, and what was sent to be confirmed
        if world.unseen_writes != unseen:
            unseen, looks = world.unseen_writes, dict(world.whole_looks)
        if any(world.whole_looks[name] < looks[name] + 2 for name in looks):
            continue
        listed = world.engine.lists_fetched >= fetched + 2 or not world.engine.eids()
        anew = all(number > before.get(eid, 0) for eid, number in _lists(world).items())
        if listed and anew and _is_quiet(world):
            world.run(A_WHILE_S)  # what was sent last is to be confirmed
            if _is_quiet(world) and not world.rival_turn():
                return True
    _tell_what_is_left(world, fetched)
    return False


def _lists(world: World) -> dict[str, int]:
    """By experiment that can be used, the number of its newest list."""
    known = world.journal.remote.experiments()
    eids = world.engine.eids()
    return {
        eid: experiment.listed_sequence
        for eid, experiment in known.items()
        if eid in eids and experiment.uuid is not None and experiment.problem is None
    }


def _tell_what_is_left(world: World, fetched: int) -> None:
    """Why something never comes to rest."""
    for mapping in world.mappings:
        for path, step in _steps(world, mapping):
            if not isinstance(step, InSync | Hold):
                world.oracle.broken.append(f"{mapping.name}/{path} never comes to rest: {step}")
    if not world.oracle.broken:
        world.oracle.broken.append(
            f"something never comes to rest: {len(world.queue)} files are ready, the dispatcher is"
            f" {'idle' if world.idle else 'busy'}, the server"
            f" {'can' if world.engine.usable else 'cannot'} be used, looks {world.whole_looks},"
            f" lists {world.engine.lists_fetched - fetched},"
            f" tags {world.journal.tags.unapplied()}"
        )


def _is_quiet(world: World) -> bool:
    there = world.server.experiments
    if not world.idle or world.frees or len(world.queue) or not world.engine.usable:
        return False
    # Only experiments that files still lead to are asked for, and get tags.
    known = world.journal.remote.experiments()
    waiting = world.journal.tags.unapplied().keys() & world.engine.eids() & known.keys()
    uuids = (known[eid].uuid for eid in waiting)
    if any(uuid is not None and UUID(uuid) in there for uuid in uuids):
        return False
    if _manifests_to_write(world):
        return False
    return all(_is_at_rest(world, mapping) for mapping in world.mappings) and not any(
        _to_be_checked_again(world, mapping) for mapping in world.mappings
    )


def _manifests_to_write(world: World) -> list[str]:
    """The experiments whose manifests lack something and can be written."""
    if not world.has_manifests:
        return []
    usable = world.engine._manifests._usable()
    refused = bool(world.refusing) or world.server.most_bytes < NO_LIMIT
    return [
        each.eid
        for each in world.journal.manifests.outdated()
        if each.eid in usable and not (refused and each.failure is not None)
    ]


def _check_manifests(world: World) -> None:
    """Each experiment has a manifest that names all that is in sync there."""
    # The lists of experiments that nothing here leads to any more are not asked for.
    asked = world.engine.eids() if world.has_manifests else set()
    there = {each.eid: each for each in world.server.experiments.values() if each.eid in asked}
    for mapping in world.mappings if world.has_manifests else ():
        for file in world.known_files(mapping):
            record = world.journal.manifests.of(str(file.eid))
            experiment = there.get(str(file.eid))
            if record is None or record.failure is not None or experiment is None:
                continue
            listed = file.remote.modified_at
            if file.synced is None or listed is None or listed != file.synced.modified_at:
                continue
            stored = experiment.files.get(str(record.name))
            lines = [] if stored is None else _files_in(stored.content)
            if (file.remote_name, file.synced.sha256.hex()) not in lines:
                world.oracle.broken.append(
                    f"{mapping.name}/{file.path} is on the server, and its manifest lacks it"
                )


def _files_in(content: bytes) -> list[tuple[str, str]]:
    """Names and digests of a manifest, empty for something else."""
    try:
        _, entries = read([content])
        return [(e.name, e.sha256) for e in entries if isinstance(e, ManifestFile)]
    except ManifestBroken:
        return []


def _is_at_rest(world: World, mapping: MappingConfig) -> bool:
    """Whether nothing is to be done, but for what comes after files that are held."""
    steps = _steps(world, mapping)
    held = {
        folder_of(path)
        for path, step in steps
        if isinstance(step, Hold) and step.state is not State.SKIPPED
    }
    return all(
        isinstance(step, InSync | Hold)
        or (isinstance(step, Wait) and step.last and folder_of(path) in held)
        for path, step in steps
    )


def _to_be_checked_again(world: World, mapping: MappingConfig) -> bool:
    """Whether files that are in sync are still to be read once more."""
    later_ns = world.clock.now_ns() + 2 * world.disk.write_back_ns()
    with world.unattended():
        policy_of = policies(world.journal, mapping, later_ns)
        due = world.journal.rechecks.due(world.journal.mappings.get(mapping.name).id, later_ns)
        return any(
            isinstance(decide(file, policy_of(file), later_ns), Recheck)
            for identities in due
            for file in world.journal.observations.records(identities)
        )


def _steps(world: World, mapping: MappingConfig) -> list[tuple[str, Decision]]:
    now_ns = world.clock.now_ns()
    with world.unattended():
        policy_of = policies(world.journal, mapping, now_ns)
        ids = [item.id for item in undecided(world.journal, mapping)]
        return [
            (file.path, decide(file, policy_of(file), now_ns))
            for file in world.journal.observations.records(ids)
        ]


def _compare(world: World) -> None:
    broken = world.oracle.broken
    remote = {e.eid: world.server.contents(e.eid) for e in world.server.experiments.values()}
    for mapping in world.mappings:
        here = _expected(world, mapping)
        now_ns = world.clock.now_ns()
        policy_of = policies(world.journal, mapping, now_ns)
        mapping_id = world.journal.mappings.get(mapping.name).id
        for path, content in here.items():
            file = world.journal.observations.record_at(mapping_id, path)
            if file is None or file.local is None:
                if not _disk_in_doubt(world, mapping, path):
                    broken.append(f"{mapping.name}/{path} was never seen")
                continue
            step = decide(file, policy_of(file), now_ns)
            if isinstance(step, InSync | Hold) and _disk_in_doubt(world, mapping, path):
                continue  # said of the one that was last seen there: now nobody looks
            if not step.message or (step.since_ns > now_ns and not world.oracle.jumps):
                broken.append(f"{mapping.name}/{path}: nobody knows why: {step}")
            target = world.oracle.targets.get((mapping.name, path))
            if target is None:
                if step.state not in {State.UNMAPPED, State.SKIPPED}:
                    broken.append(f"{mapping.name}/{path} leads nowhere, but: {step}")
                continue
            eid, name = target
            there = remote.get(eid, {}).get(name)
            _compare_one(Case(world, mapping, path, content, file, eid, there, step), broken)
        _check_records(world, mapping, remote)
        _check_tags(world, mapping)
    _check_manifests(world)


def _compare_one(case: Case, broken: list[str]) -> None:
    if not _is_there(case) or not isinstance(case.step, InSync):
        _judge(case, broken)
    elif case.content in case.world.oracle.unfinished:
        _check_mark(case, broken)


def _expected(world: World, mapping: MappingConfig) -> dict[str, bytes]:
    """The files that match a mapping, with their contents; of a root in doubt, none."""
    if _root_in_doubt(world, mapping):
        return {}
    visible = world.oracle.visible[mapping.name]
    ignore = visible.get(IGNORE_FILE)
    rules = rules_of(mapping, "" if ignore is None else ignore.content.decode())
    return {path: state.content for path, state in visible.items() if rules.selects(path)}


def _judge(case: Case, broken: list[str]) -> None:
    justified = REASONS.get(case.step.reason)
    if justified is not None:
        if not justified(case):
            broken.append(
                f"{case.mapping.name}/{case.path}: {case.step.message!r}, without a cause"
            )
        return
    broken.append(
        f"{case.mapping.name}/{case.path} is {case.content[:80]!r} here and"
        f" {(case.remote or b'')[:80]!r} on the server, but: {case.step}"
    )


def _is_there(case: Case) -> bool:
    """Whether the server has what is here; of a database, with all its rows."""
    if case.remote is None or not case.content.startswith(DATABASE_HEADER):
        return case.remote == case.content
    if case.mapping.databases is Databases.FILE:
        return case.remote == case.content
    database = case.world.oracle.databases.get((case.mapping.name, case.path))
    if database is None or not database.is_there():
        return case.remote.startswith(DATABASE_HEADER)
    return number_in(case.remote) == database.committed


def _check_mark(case: Case, broken: list[str]) -> None:
    """What was sent though its writer had not closed it is marked so."""
    synced = case.file.synced
    sent, adopted = case.world.oracle.sent[case.at], case.world.oracle.adopted[case.at]
    if synced is None or synced.sha256 not in sent - adopted:
        return
    if synced.unfinished is None:
        broken.append(f"{case.mapping.name}/{case.path} is not marked as unfinished")


def _check_records(
    world: World, mapping: MappingConfig, remote: dict[str, dict[str, bytes]]
) -> None:
    """What the journal knows of every file agrees with what really is."""
    broken = world.oracle.broken
    now_ns = world.clock.now_ns()
    policy_of = policies(world.journal, mapping, now_ns)
    for file in world.known_files(mapping):
        world.judge_synced(file)
        step = decide(file, policy_of(file), now_ns)
        if not step.message:
            broken.append(f"{mapping.name}/{file.path}: nobody knows why: {step}")
        there = remote.get(str(file.eid), {}).get(file.remote_name)
        if isinstance(step, InSync) and file.synced is not None and file.local is not None:
            equal = there is not None and sha256(there) == file.synced.sha256
            known = remote_at(world, str(file.eid), file.remote_name)
            if (
                not equal
                and not world.is_forged(file)
                and not (known is not None and known.passed_for_ours)
            ):
                broken.append(f"{mapping.name}/{file.path} is called in sync, and is not")


def _check_freed(world: World) -> None:
    """What was freed is called so, or lost if others have removed or replaced its copy."""
    for (uuid, name), copy in world.oracle.freed.only.items():
        experiment = world.server.experiments.get(uuid)
        mapping = world.oracle.mapping(copy.mapping)
        mapping_id, now_ns = world.journal.mappings.get(mapping.name).id, world.clock.now_ns()
        doubt = "" in world.journal.mappings.troubles(mapping_id)  # also if no file is left in it
        doubt = doubt or _disk_in_doubt(world, mapping, copy.path)
        is_here = copy.path in world.oracle.visible[copy.mapping]
        if experiment is None or doubt or is_here or Who.US not in copy.known_to:
            continue
        file = world.journal.observations.record_at(mapping_id, copy.path)
        if file is None:
            world.oracle.broken.append(f"{mapping.name}/{copy.path} was freed, and is not known")
            continue
        step = decide(file, policies(world.journal, mapping, now_ns)(file), now_ns)
        stored = experiment.files.get(name)
        stands = stored is not None and sha256(stored.content) == copy.digest
        if step.state is not (State.FREED if stands else State.FREED_LOST):
            world.oracle.broken.append(
                f"{mapping.name}/{copy.path} was freed, its copy is"
                f" {'there' if stands else 'lost'}, but: {step}"
            )
        elif stands and not _is_told(world, experiment, name):
            world.oracle.broken.append(f"no manifest says that {name} was freed")


def _is_told(world: World, experiment: Experiment, name: str) -> bool:
    """Whether a manifest says that a file was freed, or ours cannot be written."""
    record = world.journal.manifests.of(experiment.eid)
    cannot = record is None or record.failure is not None
    told = (freed_in(content) or {} for content in manifests_in(experiment).values())
    return cannot or any(name in names for names in told)


def _check_tags(world: World, mapping: MappingConfig) -> None:
    """What synced files have earned is there."""
    tags = {e.eid: {t.lower() for t in e.tags} for e in world.server.experiments.values()}
    for path in _expected(world, mapping):
        target = world.oracle.targets.get((mapping.name, path))
        mapping_id = world.journal.mappings.get(mapping.name).id
        file = world.journal.observations.record_at(mapping_id, path)
        if target is None or file is None or file.synced is None or target[0] not in tags:
            continue
        if file.synced.provisional:
            continue  # it earns tags once all of it is there
        for tag in rules_of(mapping).tags_of(path):
            if tag.lower() not in tags[target[0]]:
                world.oracle.broken.append(f"{path} was synced, but {tag} is not on {target[0]}")


def _second_pass(world: World) -> None:
    """Nothing happens any more, however long one waits."""
    if world.oracle.broken:
        return
    begun = len(world.trace)
    events = len(world.server.events)
    world.run(SECOND_PASS_S)
    if any(event.ours for event in world.server.events[events:]):
        world.oracle.broken.append("a second pass changes something on the server")
    if jobs := [line for line in world.trace[begun:] if " begun: " in line]:
        world.oracle.broken.append(f"a second pass does something: {jobs}")


def _check_log(world: World) -> None:
    """An outage is told once; nothing else is told as an error."""
    away = False
    for line in world.logged.lines:
        if "the server cannot be used" in line:
            if away:
                world.oracle.broken.append(f"an outage is told more than once: {line}")
            away = True
        elif "the server can be used again" in line or line == NO_OUTAGE_KNOWN:
            away = False
        elif "internal error" in line:
            world.oracle.broken.append(line)


def _check_token(world: World) -> None:
    for line in world.logged.lines:
        if TOKEN in line:
            world.oracle.broken.append(f"the log holds the token: {line}")
    folder = world.journal_path.parent
    for part in folder.iterdir():
        if part.is_file() and TOKEN.encode() in part.read_bytes():
            world.oracle.broken.append(f"{part.name} holds the token")
