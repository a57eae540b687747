"""The fleet: who is silent is red, and nobody else; nothing of others is believed or replaced."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from aqsync.config.fleet import FleetConfig
from aqsync.errors import ServerFailed, ServerUnreachable
from aqsync.layout.fleet import MOST_BYTES, fleet_name, seal
from aqsync.model import SECOND_NS, Reason, ServerProblem
from aqsync.service.fleet import files
from aqsync.service.fleet.rules import FleetView, Standing
from aqsync.service.fleet.view import Fleet, look
from aqsync.service.fleet.writer import LONGEST_RETRY_S, RETRY_S
from aqsync.sync.overview import Light
from tests.support.fake_clock import FakeClock
from tests.support.fake_server import FakeServer, StoredFile
from tests.support.fleet import FleetPc, a_status
from tests.support.harness import logged
from tests.support.patience import HANG_S

EID = "20261123-9"
EVERY_S = 300.0
KEY = "0123456789abcdef-secret"


class Lab:
    """Some PCs and the server, all by one clock but for what a test sets otherwise."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self.folder = folder
        self.clock = FakeClock()
        self.server = FakeServer(self.clock)
        self.server.add(EID)
        self.pcs: list[FleetPc] = []
        self.key_file = folder / "key"
        self.key_file.write_text(KEY)
        self.key_file.chmod(0o600)
        self._stack = stack

    def add(self, pc_name: str, clock: FakeClock | None = None, **section: Any) -> FleetPc:
        fleet = FleetConfig(experiment=EID, name=pc_name, every=EVERY_S).model_copy(update=section)
        folder = self.folder / f"{len(self.pcs)}"
        pc = FleetPc(folder, lambda: self.server, clock or self.clock, fleet)
        self._stack.callback(pc.journal.close)
        self.pcs.append(pc)
        return pc

    def run(self, seconds: float, *pcs: FleetPc) -> None:
        """Let time pass, in which these PCs, or all, give their signs of life."""
        for _ in range(int(seconds / EVERY_S)):
            for pc in pcs or self.pcs:
                pc.writer.step()
            self.clock.advance(EVERY_S)

    def look(self, *, key: bytes | None = None) -> FleetView:
        return look(self.server, EID, key)

    def standings(self, *, key: bytes | None = None) -> dict[str, str]:
        return {pc.name: pc.standing.value for pc in self.look(key=key).pcs}

    @property
    def files(self) -> dict[str, StoredFile]:
        return self.server.of(EID).files

    def replay(self, old: dict[str, StoredFile]) -> None:
        for name, file in old.items():
            self.server.put(EID, name, file.content)


@pytest.fixture
def fleet(tmp_path: Path) -> Iterator[Lab]:
    with ExitStack() as stack:
        yield Lab(tmp_path, stack)


def test_of_fifty_pcs_exactly_those_are_red_that_are_silent(fleet: Lab) -> None:
    for number in range(50):
        fleet.add(f"pc-{number}")
    fleet.run(EVERY_S)
    killed = {"pc-3", "pc-17", "pc-49"}
    living = [pc for pc in fleet.pcs if pc.config.fleet and pc.config.fleet.name not in killed]
    fleet.run(2 * EVERY_S, *living)
    assert not any(pc.is_red for pc in fleet.look().pcs)  # not yet three times
    fleet.run(2 * EVERY_S, *living)
    found = fleet.look()
    assert {pc.name for pc in found.pcs if pc.is_red} == killed
    assert {pc.name for pc in found.pcs[:3]} == killed
    assert {pc.standing for pc in found.pcs[3:]} == {Light.GREEN}
    assert len(found.pcs) == 50
    assert not found.is_well
    fleet.run(EVERY_S)
    assert fleet.look().is_well


def test_the_clock_of_a_pc_matters_to_nobody(fleet: Lab) -> None:
    year = 365 * 86_400.0
    behind, ahead = FakeClock(), FakeClock()
    behind.set_back(year)
    ahead.set_back(-year)
    fleet.add("behind", behind)
    fleet.add("ahead", ahead)
    fleet.run(EVERY_S)
    found = fleet.look()
    assert [pc.standing for pc in found.pcs] == [Light.GREEN] * 2
    assert all(pc.status and pc.status.started_at == pc.status.server_time for pc in found.pcs)
    fleet.clock.advance(4 * EVERY_S)
    assert fleet.standings() == {"ahead": "silent", "behind": "silent"}


def test_an_old_file_that_is_uploaded_again_is_no_sign_of_life(fleet: Lab) -> None:
    pc = fleet.add("pc", key_file=fleet.key_file)
    fleet.run(EVERY_S)
    old = dict(fleet.files)
    fleet.run(5 * EVERY_S)
    fleet.clock.advance(EVERY_S)
    fleet.replay(old)
    [shown] = fleet.look(key=KEY.encode()).pcs
    assert (shown.standing, shown.last_sign) == (Standing.NOT_BELIEVED, None)
    assert "uploaded again" in shown.note
    assert shown.is_red
    fleet.run(EVERY_S, pc)  # it puts its own in its place
    assert fleet.standings(key=KEY.encode()) == {"pc": "all up there"}
    assert len(fleet.files) == 1


def test_only_files_that_the_key_has_signed_are_believed(fleet: Lab) -> None:
    other = fleet.folder / "other"
    other.write_text("another key, also long")
    other.chmod(0o600)
    fleet.add("signed", key_file=fleet.key_file)
    fleet.add("unsigned")
    fleet.add("foreign", key_file=other)
    fleet.run(EVERY_S)
    expected = {"foreign": "not believed", "unsigned": "not believed", "signed": "all up there"}
    assert fleet.standings(key=KEY.encode()) == expected
    assert set(fleet.standings().values()) == {"all up there"}
    assert not fleet.look().signatures_checked


def test_a_file_for_another_name_or_experiment_is_not_believed(fleet: Lab) -> None:
    fleet.add("pc").writer.step()
    [(name, file)] = fleet.files.items()
    fleet.server.put(EID, fleet_name("other", "0" * 12), file.content)
    fleet.server.add("20261123-10")
    fleet.server.put("20261123-10", name, file.content)
    assert fleet.standings() == {"other": "not believed", "pc": "all up there"}
    for shown in (look(fleet.server, "20261123-10", None).pcs[0], fleet.look().pcs[0]):
        assert shown.note == "it was written for another name or experiment"


def test_a_word_of_a_later_release_is_no_good_news(fleet: Lab) -> None:
    uuid = str(fleet.server.experiment_by_eid(EID).uuid)
    at = datetime.fromtimestamp(fleet.clock.now_ns() / 1e9, UTC)
    status = a_status(name="new", light="on fire", experiment=uuid, server_time=at)
    fleet.server.put(EID, fleet_name("new", status.id), seal(status, None))
    found = fleet.look()
    [pc] = found.pcs
    assert (pc.standing, pc.is_red, pc.needs_somebody) == (Standing.UNKNOWN, False, True)
    assert not found.is_well


def test_a_file_that_is_replaced_while_somebody_looks_is_a_sign_of_life(fleet: Lab) -> None:
    pc = fleet.add("pc")
    fleet.run(2 * EVERY_S)
    fleet.server.after["list_files"] = pc.writer.step
    assert fleet.standings() == {"pc": "all up there"}


def test_what_others_put_there_is_bounded_and_named(
    fleet: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    fleet.add("pc")
    for number, content in enumerate([b"", b"[" * 60_000, b"x" * (MOST_BYTES + 1), b"{}\n{}"]):
        fleet.server.put(EID, fleet_name(f"junk-{number}", "0" * 12), content)
    fleet.server.put(EID, "data.csv", b"data")
    fleet.run(EVERY_S)
    found = fleet.look()
    assert [pc.standing for pc in found.pcs] == [Standing.NOT_BELIEVED] * 4 + [Light.GREEN]
    assert all(pc.note and pc.name.startswith("junk") for pc in found.pcs[:4])
    monkeypatch.setattr(files, "MOST_FILES", 2)
    found = fleet.look()
    assert (len(found.pcs), found.not_read, found.is_well) == (2, 3, False)


@pytest.mark.parametrize("checks", ["conditions", "nothing"])
def test_a_file_of_somebody_else_is_never_replaced(fleet: Lab, checks: str) -> None:
    fleet.server.checks_conditions = checks == "conditions"
    pc = fleet.add("pc")
    fleet.run(EVERY_S)
    [name] = fleet.files
    fleet.server.put(EID, name, b"theirs")
    with logged() as log:
        fleet.run(2 * EVERY_S)
    assert fleet.files[name].content == b"theirs"
    assert len(fleet.files) == 2
    assert len(log.of("gets another name")) == 1
    assert pc.writer.problems() == []


def test_two_pcs_that_work_with_copies_of_one_journal_part(fleet: Lab) -> None:
    first = fleet.add("pc")
    fleet.run(EVERY_S)
    first.journal.checkpoint()
    shutil.copytree(fleet.folder / "0", fleet.folder / "1")
    second = fleet.add("pc")
    fleet.run(5 * EVERY_S)
    assert len(fleet.files) == 2
    assert first.journal.fleet.own().id != second.journal.fleet.own().id
    found = fleet.look()
    assert all("another PC has this name" in pc.note for pc in found.pcs)
    assert not found.is_well
    assert any("too" in said for pc in fleet.pcs for said in pc.writer.problems())


def test_a_lost_journal_leaves_a_file_that_soon_needs_nobody(fleet: Lab) -> None:
    fleet.add("pc")
    fleet.run(EVERY_S)
    again = fleet.add("pc")
    fleet.run(2 * EVERY_S, again)
    assert again.writer.problems() != []
    fleet.run(3 * EVERY_S, again)
    assert again.writer.problems() == []
    assert [pc.standing.value for pc in fleet.look().pcs] == ["all up there", "replaced"]
    assert fleet.look().is_well


def test_another_pc_of_the_same_name_does_not_hide_that_one_is_silent(
    fleet: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    fleet.add("pc")
    fleet.run(EVERY_S)
    other = fleet.add("pc")
    monkeypatch.setattr("socket.gethostname", lambda: "other")
    fleet.run(5 * EVERY_S, other)
    assert [pc.standing.value for pc in fleet.look().pcs] == ["silent", "all up there"]


def test_a_stop_in_good_order_is_told_and_a_long_one_is_red(fleet: Lab) -> None:
    pc = fleet.add("pc")
    fleet.run(EVERY_S)
    pc.writer.begin_end(None)
    pc.writer.end(HANG_S)
    assert fleet.standings() == {"pc": "stopped"}
    assert fleet.look().is_well
    fleet.clock.advance(3 * EVERY_S + 1)
    [shown] = fleet.look().pcs
    assert (shown.standing, shown.note) == (Standing.SILENT, "it was stopped in good order")


def test_an_end_that_nobody_asked_for_is_told_by_silence(fleet: Lab) -> None:
    pc = fleet.add("pc")
    fleet.run(EVERY_S)
    pc.writer.begin_end("the journal is damaged")
    pc.writer.end(HANG_S)
    assert fleet.standings() == {"pc": "all up there"}


def test_a_failure_is_told_once_and_tried_again(fleet: Lab) -> None:
    pc = fleet.add("pc")
    fleet.server.always["experiment_by_eid"] = ServerUnreachable("the server is away")
    with logged() as said:
        pauses = [pc.writer.step() for _ in range(9)]
    assert pauses[:3] == [RETRY_S, 2 * RETRY_S, 4 * RETRY_S]
    assert pauses[-1] == LONGEST_RETRY_S
    assert len(said.of("no sign of life") + said.of("a sign of life")) == 1
    assert pc.writer.problems() == ["the fleet is given no sign of life: the server is away"]
    fleet.server.always["experiment_by_eid"] = ServerFailed("busy", retry_after_s=3000)
    assert pc.writer.step() == 3000
    del fleet.server.always["experiment_by_eid"]
    assert pc.writer.step() == EVERY_S
    assert pc.writer.problems() == []


def test_signs_go_in_a_pause_but_not_while_the_server_asks_for_peace(fleet: Lab) -> None:
    pc = fleet.add("pc")
    pc.journal.pauses.pause("", fleet.clock.now_ns(), None)
    fleet.run(EVERY_S)
    assert len(fleet.files) == 1
    calls = len(fleet.server.calls)
    now_ns = fleet.clock.now_ns()
    why = Reason.SERVER_UNREACHABLE.explain(said="busy", advice="")
    pc.journal.remote.set_server_problem(
        ServerProblem(
            why,
            denied=False,
            since_ns=now_ns,
            count=1,
            probe_at_ns=now_ns + 120 * SECOND_NS,
            ordered=True,
        )
    )
    assert pc.writer.step() == pytest.approx(120, abs=1)
    assert len(fleet.server.calls) == calls


def test_who_only_looks_writes_nothing(fleet: Lab) -> None:
    pc = fleet.add("pc", name=None)
    fleet.run(EVERY_S)
    assert fleet.server.calls == []
    assert pc.writer.problems() == []


def test_an_answer_that_was_lost_costs_no_second_file(fleet: Lab) -> None:
    fleet.server.checks_conditions = True
    pc = fleet.add("pc")
    fleet.run(EVERY_S)

    def lose() -> None:
        raise ServerUnreachable("cut off")

    fleet.server.after["upload"] = lose
    pc.writer.step()
    del fleet.server.after["upload"]
    pc.writer.step()
    assert len(fleet.files) == 1
    [shown] = fleet.look().pcs
    assert shown.status is not None
    assert shown.status.sequence == 3


def test_the_page_asks_the_server_only_when_somebody_looks(fleet: Lab) -> None:
    pc = fleet.add("pc")
    fleet.run(EVERY_S)
    view = Fleet(lambda: pc.config, pc.connect, fleet.clock)
    calls = len(fleet.server.called("list_files"))
    for _ in range(5):
        found = view.at_once(60)
        assert found is not None
        assert found.view is not None
    assert len(fleet.server.called("list_files")) == calls + 1
    fleet.clock.advance(31)
    view.at_once(60)
    assert len(fleet.server.called("list_files")) == calls + 2
    fleet.server.always["experiment_by_eid"] = ServerUnreachable("the server is away")
    fleet.clock.advance(31)
    found = view.at_once(60)
    assert found is not None
    assert found.problem is not None
