"""Another aqsync is one: it sends what is its own, and leaves what is not."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.simulation.fake_disk import FakeDisk
from tests.simulation.fake_server import SimulatedServer
from tests.simulation.freed_truth import FreedTruth
from tests.simulation.oracle import sha256
from tests.simulation.places import EIDS, mapping_of
from tests.simulation.rival import Rival
from tests.support.fake_clock import FakeClock

EID = EIDS[0]
ROOT = "/data/fixed"


class Lab:
    """One server, and two machines with the same configuration."""

    def __init__(self, folder: Path) -> None:
        self.clock = FakeClock()
        self.server = SimulatedServer(self.clock)
        self.server.create(EID)
        self.folder = folder
        self.machines = [self._machine(name) for name in ("one", "two")]

    def _machine(self, name: str) -> Rival:
        disk = FakeDisk(self.clock)
        disk.mkdir(ROOT)
        folder = self.folder / name
        freed = FreedTruth(self.clock, sha256, [])
        return Rival([mapping_of("fixed")], disk, self.server, self.clock, folder, freed)

    def settle(self) -> None:
        for _ in range(3):
            self.clock.advance(60)
            for machine in self.machines:
                machine.turn()


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    made = Lab(tmp_path)
    yield made
    for machine in made.machines:
        machine.close()


def test_what_it_does_counts_as_done_by_others(lab: Lab) -> None:
    lab.machines[0].disk.write(f"{ROOT}/a", b"mine")
    lab.settle()
    assert lab.server.contents(EID) == {"a": b"mine"}
    assert [event.who for event in lab.server.events] == ["rival"]
    assert not lab.machines[0].turn()


def test_two_of_them_overwrite_nothing_of_each_other(lab: Lab) -> None:
    for number, machine in enumerate(lab.machines):
        machine.disk.write(f"{ROOT}/a", b"of %d" % number)
    lab.settle()
    assert lab.server.contents(EID) == {"a": b"of 0"}
    lab.machines[0].disk.write(f"{ROOT}/a", b"newer")
    lab.settle()
    assert lab.server.contents(EID) == {"a": b"newer"}
    assert not any(machine.turn() for machine in lab.machines)
