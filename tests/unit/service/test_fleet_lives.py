"""Random lives of a fleet: nothing of others is ever replaced, and who lives is seen."""

from __future__ import annotations

import random
import shutil
from contextlib import ExitStack
from pathlib import Path

import pytest

from aqsync.config.fleet import FleetConfig
from aqsync.errors import ServerUnreachable
from aqsync.layout.fleet import fleet_name, seal
from aqsync.service.fleet.view import look
from tests.support.fake_clock import FakeClock
from tests.support.fake_server import FakeServer
from tests.support.fleet import FleetPc, a_status

EID = "20261123-9"
KEY = b"a key that is long enough"
EVERY_S = 300.0
NAMES = ("fridge-pc", "laser-pc")


class World:
    """Some PCs, of which some have the same name, and somebody who writes what he likes."""

    def __init__(self, folder: Path, seed: int, stack: ExitStack) -> None:
        self.chance = random.Random(seed)
        self.clock = FakeClock()
        self.server = FakeServer(self.clock)
        self.server.add(EID)
        self.server.checks_conditions = self.chance.random() < 0.5
        self.folder = folder
        self.key_file = folder / "key"
        self.key_file.write_bytes(KEY)
        self.key_file.chmod(0o600)
        self.pcs: list[FleetPc] = []
        self.foreign: dict[str, bytes] = {}
        """By name, what others have put there and nobody else has replaced."""
        self.old: list[tuple[str, bytes]] = []
        self._stack = stack
        self.add()

    def add(self) -> None:
        name = self.chance.choice(NAMES)
        section = FleetConfig(experiment=EID, name=name, every=EVERY_S, key_file=self.key_file)
        folder = self.folder / str(len(self.pcs))
        pc = FleetPc(folder, lambda: self.server, self.clock, section)
        self._stack.callback(pc.journal.close)
        self.pcs.append(pc)

    def copy(self) -> None:
        number = self.chance.randrange(len(self.pcs))
        self.pcs[number].journal.checkpoint()
        shutil.copytree(self.folder / str(number), self.folder / str(len(self.pcs)))
        self.add()

    def restart(self) -> None:
        self.chance.choice(self.pcs).begin()

    def write_foreign(self) -> None:
        """Junk, or a file that another key has signed, under a name of somebody's."""
        pc = self.chance.choice(self.pcs)
        own = pc.journal.fleet.own()
        assert pc.config.fleet is not None
        name = fleet_name(pc.config.fleet.name or "", own.id)
        forged = seal(a_status(id=own.id, sequence=self.chance.randrange(99)), KEY[1:])
        content = self.chance.choice([b"junk", forged])
        self.server.put(EID, name, content)
        self.foreign[name] = content

    def replay(self) -> None:
        if self.old:
            name, content = self.chance.choice(self.old)
            self.server.put(EID, name, content)
            self.foreign.pop(name, None)

    def remove(self) -> None:
        files = self.server.of(EID).files
        if files:
            name = self.chance.choice(sorted(files))
            del files[name]
            self.foreign.pop(name, None)

    def lose_answer(self) -> None:
        def lost() -> None:
            raise ServerUnreachable("cut off")

        self.server.after["upload"] = lost
        self.chance.choice(self.pcs).writer.step()
        self.server.after.pop("upload", None)

    def step(self) -> None:
        self.chance.choice(self.pcs).writer.step()
        self.old += [(name, f.content) for name, f in self.server.of(EID).files.items()]
        self.old = [each for each in self.old[-40:] if each[1] not in self.foreign.values()]
        self.clock.advance(self.chance.choice([1.0, EVERY_S]))

    def live(self) -> None:
        acts = [self.copy, self.restart, self.write_foreign, self.replay, self.remove]
        for _ in range(25):
            self.chance.choice([*acts, self.lose_answer, *[self.step] * 6])()
            files = self.server.of(EID).files
            for name, content in self.foreign.items():
                assert files[name].content == content


@pytest.mark.parametrize("seed", range(12))
def test_random_lives(tmp_path: Path, seed: int) -> None:
    with ExitStack() as stack:
        world = World(tmp_path, seed, stack)
        world.live()
        for _ in range(5):  # now nothing goes wrong any more
            for pc in world.pcs:
                pc.writer.step()
            world.clock.advance(EVERY_S)
        found = look(world.server, EID, KEY)
        living = [pc for pc in found.pcs if pc.is_living]
        names = sorted(pc.config.fleet.name or "" for pc in world.pcs if pc.config.fleet)
        assert sorted(pc.name for pc in living) == names
        assert not any(pc.is_red and pc.name in NAMES and pc.last_sign for pc in found.pcs)
