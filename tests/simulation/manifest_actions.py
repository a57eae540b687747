"""What happens to manifests, and what needs them: a journal that is lost."""

from __future__ import annotations

import io
import random

from aqsync.layout.manifest import (
    Header,
    ManifestFile,
    Source,
    is_manifest_name,
    manifest_name,
    placed,
    write,
)
from tests.simulation.disk_actions import ActionFunction
from tests.simulation.fake_server import Experiment
from tests.simulation.oracle import sha256
from tests.simulation.world import World


def lose_journal(world: World, _chance: random.Random) -> None:
    """The machine fails, and comes back without a journal."""
    world.lose_journal()


def forge(world: World, chance: random.Random) -> None:
    """Others store a file under a name of ours, and a manifest that calls it ours."""
    found = _a_file(world, chance)
    if found is None or not found[2]:
        return
    experiment, name, content = found
    world.server.put(experiment.eid, name, bytes(byte ^ 1 for byte in content))
    stored = experiment.files[name]
    world.oracle.manifests.forged.add((experiment.uuid, name))
    _store(world, experiment, name, content, stored.modified_at)
    world.note(f"  {name} is replaced, and a manifest calls it ours")


def mislead(world: World, chance: random.Random) -> None:
    """Others store a manifest that says of our file, as it stands there, what it is not."""
    found = _a_file(world, chance)
    if found is None or found[1] not in found[0].files or not found[2]:
        return
    experiment, name, content = found
    other = bytes(byte ^ 1 for byte in content) or b"other"
    _store(world, experiment, name, other, experiment.files[name].modified_at)
    world.note(f"  a manifest says of {name} what is not so")


def take_the_name(world: World, chance: random.Random) -> None:
    """Others store something under the name of a manifest."""
    if found := _manifests(world):
        experiment, name = chance.choice(found)
        world.server.put(experiment.eid, name, chance.choice([b"", b"theirs", b"\x1f\x8b"]))
        world.note(f"  {name} is replaced by others")


def remove(world: World, chance: random.Random) -> None:
    """Others remove a manifest."""
    if found := _manifests(world):
        experiment, name = chance.choice(found)
        world.server.delete(experiment.eid, name)
        world.note(f"  {name} is removed by others")


MANIFEST_ACTIONS: dict[ActionFunction, int] = {
    lose_journal: 3,
    forge: 2,
    mislead: 1,
    take_the_name: 2,
    remove: 1,
}


def _a_file(world: World, chance: random.Random) -> tuple[Experiment, str, bytes] | None:
    """A file that is here, with the experiment and name that it leads to."""
    there = {each.eid: each for each in world.server.experiments.values()}
    found = [
        (there[eid], name, state.content)
        for (mapping, path), (eid, name) in sorted(world.oracle.targets.items())
        if eid in there and (state := world.oracle.visible[mapping].get(path)) is not None
    ]
    return chance.choice(found) if found else None


def _manifests(world: World) -> list[tuple[Experiment, str]]:
    return [
        (experiment, name)
        for experiment in world.server.experiments.values()
        for name in sorted(experiment.files)
        if is_manifest_name(name)
    ]


def _store(
    world: World, experiment: Experiment, name: str, content: bytes, modified_at: str
) -> None:
    """Store a manifest with one line."""
    whose = world.oracle.path_of(experiment.eid, name)
    assert whose is not None, "it was found by its target"
    mapping, path = whose
    header = Header(
        host="another",
        experiment=str(experiment.uuid),
        eid=experiment.eid,
        written_at="",
        sources=(Source(mapping="", directory="/", prefix=mapping.prefix),),
    )
    line = ManifestFile.model_validate(
        {
            **placed(path),
            "source": 0,
            "name": name,
            "size": len(content),
            "sha256": sha256(content).hex(),
            "mtime_ns": 1,
            "sent_at": "",
            "modified_at": modified_at,
        }
    )
    target = io.BytesIO()
    write(target, header, [line])
    world.oracle.manifests.number += 1
    forged = manifest_name("another", f"{world.oracle.manifests.number:012x}")
    world.server.put(experiment.eid, forged, target.getvalue())
