"""The engine on the fake disk and the fake server: together they are a whole machine."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from pathlib import Path

import pytest

from aqsync.config import MappingConfig, Windows
from aqsync.errors import ServerUnreachable
from aqsync.model import Compare, Decision, OnLocalDelete, Outcome, RemoveRemote, State, Upload
from aqsync.sync.engine import Engine
from aqsync.sync.policies import decisions, policies
from tests.simulation.fake_disk import FakeDisk
from tests.simulation.fake_server import FINE, Call, Fault, SimulatedServer
from tests.support.fake_clock import FakeClock
from tests.support.quick_journal import open_quickly
from tests.support.stepping import shared_by

EID = "20261123-1"
ROOT = "/data/root"


class Whole:
    """One mapping from a fake disk to a fake server, stepped on this thread."""

    def __init__(self, folder: Path) -> None:
        self.clock = FakeClock()
        self.disk = FakeDisk(self.clock)
        self.disk.mkdir(f"{ROOT}/run")
        self.server = SimulatedServer(self.clock)
        self.server.create(EID)
        self.journal = open_quickly(folder / "state/journal.db", self.clock.now_ns())
        self.mapping = MappingConfig(
            name="lab", directory=Path(ROOT), experiment=EID, on_local_delete=OnLocalDelete.REMOVE
        )
        self.engine = Engine(
            [self.mapping], self.server, shared_by(self.journal, self.clock), disk=self.disk
        )

    def decisions(self) -> dict[str, Decision]:
        now_ns = self.clock.now_ns()
        return {file.path: step for file, step in decisions(self.journal, self.mapping, now_ns)}

    def round(self) -> list[tuple[str, Outcome]]:
        """Look at everything, ask the server, and do what is decided."""
        self.engine.scan(self.mapping)
        self.engine.refresh(self.engine.eids())
        done: list[tuple[str, Outcome]] = []
        policy_of = policies(self.journal, self.mapping, self.clock.now_ns(), Windows())
        for waiting in self.journal.observations.unquiet(
            self.journal.mappings.get("lab").id, keep=False
        ):
            for file in self.journal.observations.records([waiting.id]):
                decided = self.engine.decide(file, policy_of)
                if decided is None:
                    continue
                now, step = decided
                if isinstance(step, Upload | Compare | RemoveRemote):
                    job = self.engine.job(now, step)
                    assert job is not None
                    done.append((now.path, self.engine.perform(job)))
        self.engine.tag()
        return done

    def settle(self, rounds: int = 4) -> None:
        """Let time pass, and do what is to be done."""
        for _ in range(rounds):
            self.clock.advance(60)
            self.round()


@pytest.fixture
def whole(tmp_path: Path) -> Iterator[Whole]:
    made = Whole(tmp_path)
    yield made
    made.journal.close()


def test_files_arrive(whole: Whole) -> None:
    whole.disk.write(f"{ROOT}/a", b"one")
    whole.disk.write(f"{ROOT}/run/b", b"two")
    assert whole.round() == []
    whole.settle(1)
    assert whole.server.contents(EID) == {"a": b"one", "run~b": b"two"}
    whole.disk.append(f"{ROOT}/a", b"!")
    whole.settle(2)
    assert whole.server.contents(EID) == {"a": b"one!", "run~b": b"two"}
    assert whole.round() == []
    assert whole.decisions() == {}


def test_what_was_deleted_here_is_removed_there(whole: Whole) -> None:
    for number in range(10):
        whole.disk.write(f"{ROOT}/{number}", b"x")
    whole.settle()
    whole.disk.remove(f"{ROOT}/0")
    whole.settle()
    assert set(whole.server.contents(EID)) == {str(number) for number in range(1, 10)}
    assert [(e.name, e.ours) for e in whole.server.events if e.after is None] == [("0", True)]


def test_an_answer_that_was_lost_is_no_conflict(whole: Whole) -> None:
    whole.disk.write(f"{ROOT}/a", b"one")
    faults = [Fault(answer_lost=True)]
    whole.server.fault = lambda call: faults.pop() if faults and call.method == "upload" else FINE
    whole.settle()
    assert whole.server.contents(EID) == {"a": b"one"}
    assert [(e.name, e.ours) for e in whole.server.events] == [("a", True)]
    assert whole.decisions() == {}


def test_a_file_that_is_written_to_under_the_upload_is_sent_again(whole: Whole) -> None:
    whole.disk.write(f"{ROOT}/a", b"0123456789")
    whole.disk.most_read = 3
    writes = [b"!"]

    def on_access(what: str, _where: str) -> None:
        if what == "read" and writes:
            whole.disk.append(f"{ROOT}/a", writes.pop())

    whole.disk.on_access = on_access
    whole.settle(1)
    assert whole.server.contents(EID) == {}
    whole.settle()
    assert whole.server.contents(EID) == {"a": b"0123456789!"}


def test_what_others_put_there_stays(whole: Whole) -> None:
    whole.server.put(EID, "a", b"theirs")
    whole.disk.write(f"{ROOT}/a", b"ours")
    whole.settle()
    assert whole.server.contents(EID) == {"a": b"theirs"}
    assert whole.decisions()["a"].state is State.HELD


def test_a_server_that_is_away_and_a_disk_that_fails_are_outlived(whole: Whole) -> None:
    for name in ("a", "b"):
        whole.disk.write(f"{ROOT}/{name}", b"x")

    def away(_call: Call) -> Fault:
        return Fault(error=ServerUnreachable("it is down"))

    def failing(what: str, where: str) -> None:
        if what == "read" and where == f"{ROOT}/b":
            raise OSError(errno.EIO, "Input/output error")

    whole.server.fault = away
    whole.disk.on_access = failing
    whole.settle()
    assert whole.server.contents(EID) == {}
    whole.server.fault = lambda _call: FINE
    whole.settle()
    assert whole.server.contents(EID) == {"a": b"x"}
    assert "Input/output error" in whole.decisions()["b"].message
    whole.disk.on_access = lambda _what, _where: None
    whole.settle(20)
    assert whole.server.contents(EID) == {"a": b"x", "b": b"x"}


def test_a_disk_below_the_root_that_is_away_costs_nothing(whole: Whole) -> None:
    whole.disk.write(f"{ROOT}/a", b"x")
    whole.disk.mount(whole.disk.new_volume(), f"{ROOT}/run")
    for number in range(5):
        whole.disk.write(f"{ROOT}/run/{number}", b"x")
    whole.settle()
    everything = whole.server.contents(EID)
    assert len(everything) == 6
    volume = whole.disk.unmount(f"{ROOT}/run")
    whole.disk.write(f"{ROOT}/run/0", b"in its place")
    whole.settle()
    assert whole.server.contents(EID) == everything
    whole.disk.mount(volume, f"{ROOT}/run", renumbered=True)
    whole.settle()
    assert whole.server.contents(EID) == everything
    assert whole.decisions() == {}
