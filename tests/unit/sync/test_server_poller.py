"""Upkeep: the lists, the probe, the tags and the housekeeping, each in its time."""

from __future__ import annotations

from pathlib import Path

import pytest

from aqsync.config import MappingConfig, TagRule
from aqsync.errors import (
    JournalDiskFull,
    OperationFailed,
    ServerFailed,
    ServerUnreachable,
    TokenRefused,
)
from aqsync.journal.history import Event, HistoryKind
from aqsync.model import Hold, State
from aqsync.sync.mirror import CHUNK
from aqsync.sync.server_poller import CONFIRM_AFTER_S, CONFIRM_AT_LATEST_S, CONFIRM_REST
from tests.support.fake_clock import SECOND_NS
from tests.support.harness import Harness, logged
from tests.support.lab import EID, Lab

AWAY = ServerUnreachable("no connection", hint="is it on?")
FULL = JournalDiskFull("the disk is full", hint="free some")
DAY_S = 86_400


@pytest.fixture
def harness(lab: Lab) -> Harness:
    return Harness(lab)


def lists(harness: Harness) -> int:
    return len(harness.lab.server.called("list_files"))


# The mirror


def test_it_begins_with_the_lists(harness: Harness) -> None:
    harness.now()
    assert lists(harness) == 1
    harness.run(3600)
    assert lists(harness) == 1, "the calendar says when again"


def test_the_mirror_finds_what_others_do(harness: Harness) -> None:
    for name in ("removed", "changed", "kept"):
        harness.lab.write(name, age_s=60)
    harness.run(60)
    files = harness.lab.server.of(EID).files
    del files["removed"]
    harness.lab.server.put(EID, "changed", b"by others")
    harness.lab.server.put(EID, "added", b"by others")
    with logged() as log:
        harness.poller.mirror_soon()
        harness.run(1)
    assert harness.lab.decision("removed").message == "removed on the server"
    assert harness.lab.decision("changed").state is State.DIFFERS
    assert harness.lab.decision("kept").state is State.IN_SYNC
    listed = harness.lab.journal.remote.experiments()
    assert EID in listed
    assert len(log.of("held")) == 2
    harness.write("added", b"ours", age_s=60)
    harness.run(1)
    assert harness.lab.decision("added").state is State.HELD, "it was there first"
    assert harness.remote["added"] == b"by others"


def test_many_experiments_are_asked_for_in_chunks(lab: Lab) -> None:
    lab.configure(experiment="{eid}", path="{eid}/**")
    eids = [f"20261123-{number}" for number in range(1, 2 * CHUNK + 11)]
    for eid in eids[1:]:
        lab.server.add(eid)
    for eid in eids:
        lab.write(f"{eid}/a", age_s=60)
    harness = Harness(lab)
    harness.run(120)
    assert lab.journal.observations.unquiet(lab.mapping_id) == []
    lab.server.calls.clear()
    harness.poller.mirror_soon()
    harness.run(1)
    assert [len(call.split(",")) for call in lab.server.called("list_files")] == [CHUNK, CHUNK, 10]


def test_a_mirror_asked_for_during_a_mirror_is_another(harness: Harness) -> None:
    once = [harness.poller.mirror_soon]
    harness.lab.server.after["list_files"] = lambda: once and once.pop()()
    harness.now()
    assert lists(harness) == 2


def test_a_mirror_that_fails_is_made_up_for(harness: Harness) -> None:
    harness.run(10)
    harness.lab.server.put(EID, "theirs", b"x")
    harness.lab.server.troubles["list_files"].append(AWAY)
    harness.poller.mirror_soon()
    harness.run(30)
    assert lists(harness) >= 3
    harness.write("theirs", b"ours", age_s=60)
    harness.run(1)
    assert harness.remote["theirs"] == b"x"


def test_a_mirror_that_the_journal_cannot_take_is_made_up_for(
    harness: Harness, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(*_: object) -> None:
        raise FULL

    harness.run(10)
    harness.lab.write("a", age_s=60)
    monkeypatch.setattr(harness.lab.journal.remote, "listed", failing)
    monkeypatch.setattr(harness.lab.journal.remote, "unchanged", failing)
    harness.poller.mirror_soon()
    harness.run(30)
    assert FULL in harness.failures
    monkeypatch.undo()
    before = lists(harness)
    harness.run(61)
    assert lists(harness) > before


# Experiments that are made after their folders

LATER = "20261123-77"


def test_an_experiment_that_is_made_later_is_found_within_a_minute(lab: Lab) -> None:
    lab.configure(experiment="{eid}", path="{eid}/**")
    harness = Harness(lab)
    harness.run(3)
    harness.write(f"{LATER}/a", age_s=60)
    harness.run(1)
    held = lab.decision(f"{LATER}/a")
    assert isinstance(held, Hold)
    assert held.next_ns is not None
    assert 0 < held.next_ns - lab.clock.now_ns() <= 5 * SECOND_NS
    harness.run(1800)
    looks = len(lab.server.called("resolve"))
    harness.run(3600)
    assert 50 <= len(lab.server.called("resolve")) - looks <= 61
    lab.server.add(LATER)
    with logged() as log:
        harness.run(61)
    assert lab.server.contents(LATER) == {f"{LATER}~a": b"data"}
    assert len(log.of("the experiment can be used now")) == 1
    harness.run(60)
    asked = len(lab.server.called("resolve"))
    harness.run(3600)
    assert len(lab.server.called("resolve")) == asked, "what is found is not looked for"


def test_an_experiment_that_is_removed_and_made_anew_is_found_within_a_minute(
    harness: Harness,
) -> None:
    harness.write("a", age_s=60)
    harness.run(30)
    harness.lab.server.remove(EID)
    harness.write("b", age_s=60)
    harness.run(1800)
    harness.lab.server.add(EID)
    harness.run(61)
    assert harness.remote.keys() == {"a", "b"}


def test_many_experiments_are_looked_for_in_one_question(lab: Lab) -> None:
    lab.configure(experiment="{eid}", path="{eid}/**")
    for number in range(40):
        lab.write(f"20261123-{number + 100}/a", age_s=60)
    harness = Harness(lab)
    harness.run(1800)
    looks = len(lab.server.called("resolve"))
    harness.run(600)
    assert len(lab.server.called("resolve")) - looks <= 11


def test_what_no_file_leads_to_any_more_is_not_looked_for(lab: Lab) -> None:
    lab.configure(experiment="{eid}", path="{eid}/**")
    lab.write(f"{LATER}/a", age_s=60)
    harness = Harness(lab)
    harness.run(60)
    (lab.root / LATER / "a").unlink()
    harness.hint(f"{LATER}/a")
    harness.run(10)
    looks = len(lab.server.called("resolve"))
    harness.run(600)
    assert len(lab.server.called("resolve")) == looks


# Pauses that the server asks for


@pytest.mark.parametrize("method", ["list_files", "upload"])
def test_a_server_that_asks_for_a_pause_is_left_alone(harness: Harness, method: str) -> None:
    harness.run(3)
    busy = ServerFailed("busy (503)", retry_after_s=1000.0)
    harness.lab.server.troubles[method].append(busy)
    for number in range(20):
        harness.write(f"{number}", age_s=60)
    harness.poller.mirror_soon()
    harness.run(1)
    assert not harness.engine.usable
    asked = len(harness.lab.server.calls)
    harness.poller.mirror_soon()
    harness.write("later", age_s=60)
    harness.run(990)
    again = Harness(harness.lab)
    again.run(5)
    assert len(harness.lab.server.calls) == asked, "a new start is no reason to ask"
    assert "asks to be left alone for 16 min 40 s" in harness.lab.decision("later").message
    again.run(60)
    assert len(again.remote) == 21


# Confirmation


def test_uploads_are_confirmed_when_they_have_ended(harness: Harness) -> None:
    harness.run(1)
    harness.write("a", age_s=60)
    harness.now()
    asked = lists(harness)
    harness.run(CONFIRM_AFTER_S - 0.1)
    assert lists(harness) == asked
    harness.run(0.2)
    assert lists(harness) == asked + 1
    assert harness.lab.journal.observations.unquiet(harness.lab.mapping_id) == []
    harness.run(3600)
    assert lists(harness) == asked + 1


def test_while_uploads_go_on_they_are_confirmed_now_and_then(harness: Harness) -> None:
    harness.lab.server.checks_conditions = True  # else the workers ask for lists too
    harness.run(1)
    for number in range(180):
        harness.write(f"{number}", age_s=60)
        harness.run(1)
    assert lists(harness) <= 180 / CONFIRM_AT_LATEST_S + 3


def test_a_list_that_takes_long_is_asked_for_more_rarely(harness: Harness) -> None:
    harness.run(1)
    harness.lab.server.after["list_files"] = lambda: harness.lab.clock.advance(0.5)
    for name in ("a", "b"):
        harness.write(name, age_s=60)
        harness.now()
        asked = lists(harness)
        harness.run(CONFIRM_AFTER_S + 1)
        first = lists(harness)
        harness.run(CONFIRM_REST * 0.5 + 1)
        assert (first - asked, lists(harness) - asked) == ((1, 1) if name == "a" else (0, 1))


def test_nor_is_it_asked_for_more_often_while_uploads_go_on(harness: Harness) -> None:
    harness.lab.server.checks_conditions = True  # else the workers ask for lists too
    harness.lab.server.after["list_files"] = lambda: harness.lab.clock.advance(7)
    harness.run(1)
    harness.write("first", age_s=60)
    harness.run(CONFIRM_REST * 7 + 60)
    asked = lists(harness)
    for number in range(300):
        harness.write(f"{number}", age_s=60)
        harness.run(1)
    assert lists(harness) == asked


def test_an_upload_that_vanished_from_the_server_is_found(harness: Harness) -> None:
    harness.run(1)
    harness.write("a", age_s=60)
    harness.now()
    del harness.lab.server.of(EID).files["a"]
    harness.run(10)
    assert harness.remote == {"a": b"data"}, "no list had shown it, so nobody removed it"
    del harness.lab.server.of(EID).files["a"]
    harness.poller.mirror_soon()
    harness.run(10)
    assert harness.lab.decision("a").message == "removed on the server"


def test_a_confirmation_that_the_journal_cannot_take_is_made_up_for(
    harness: Harness, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(*_: object) -> None:
        raise FULL

    harness.run(1)
    harness.write("a", age_s=60)
    harness.now()
    for name in ("listed", "unchanged"):
        monkeypatch.setattr(harness.lab.journal.remote, name, failing)
    harness.run(10)
    assert FULL in harness.failures
    monkeypatch.undo()
    harness.run(70)
    assert harness.lab.journal.observations.unquiet(harness.lab.mapping_id) == []


# Tags


def test_tags_come_after_their_files(lab: Lab) -> None:
    lab.configure(tags=(TagRule(match="{run}/*", add=("run:{run}",)),))
    harness = Harness(lab)
    harness.run(1)
    lab.server.calls.clear()
    with logged() as log:
        harness.write("7/a", age_s=60)
        harness.run(10)
    assert lab.server.of(EID).tags == ["run:7"]
    methods = [name for name, _ in lab.server.calls]
    assert methods.index("upload") < methods.index("add_tags")
    assert log.of("tags applied") == ["info tags applied tags=1"]


def test_a_tag_that_is_refused_is_tried_again_with_the_next_list(lab: Lab) -> None:
    lab.configure(tags=(TagRule(match="*", add=("no", "yes")),))
    harness = Harness(lab)
    lab.server.refused_tags = {"no"}
    harness.write("a", age_s=60)
    harness.run(10)
    assert lab.server.of(EID).tags == ["yes"]
    lab.server.refused_tags = set()
    harness.poller.mirror_soon()
    harness.run(1)
    assert sorted(lab.server.of(EID).tags) == ["no", "yes"]


def test_tags_that_cannot_be_brought_come_when_the_server_is_back(lab: Lab) -> None:
    lab.configure(tags=(TagRule(match="*", add=("all",)),))
    harness = Harness(lab)
    lab.server.troubles["add_tags"].append(AWAY)
    harness.write("a", age_s=60)
    harness.run(120)
    assert lab.server.of(EID).tags == ["all"]


def test_another_operations_refusal_is_not_the_servers_absence(lab: Lab) -> None:
    lab.configure(tags=(TagRule(match="*", add=("all",)),))
    harness = Harness(lab)
    lab.server.always["add_tags"] = OperationFailed("no")
    harness.write("a", age_s=60)
    with logged() as log:
        harness.run(120)
    assert log.of("the server cannot be used") == []


# The probe


def test_one_probe_at_a_time_with_growing_pauses(harness: Harness) -> None:
    harness.run(1)
    for method in ("list_files", "check_file_name_header"):
        harness.lab.server.always[method] = AWAY
    harness.poller.mirror_soon()
    harness.run(60)
    early = len(harness.lab.server.called("check_file_name_header"))
    assert 4 <= early <= 8
    harness.run(6 * 3600)
    assert len(harness.lab.server.called("check_file_name_header")) - early <= 40
    harness.lab.server.always.clear()
    with logged() as log:
        harness.run(1100)
    assert len(log.of("recovered")) == 1


def test_the_history_tells_when_the_server_was_away(harness: Harness) -> None:
    harness.run(1)
    harness.lab.server.troubles["list_files"].append(AWAY)
    harness.poller.mirror_soon()
    harness.run(30)
    kinds = [event.kind for event in harness.lab.journal.history.recent(9)]
    assert kinds == [HistoryKind.SERVER_AWAY, HistoryKind.SERVER_BACK]


def test_a_start_probes_at_once_whatever_was_planned(lab: Lab) -> None:
    harness = Harness(lab)
    lab.server.always["list_files"] = lab.server.always["check_file_name_header"] = AWAY
    harness.run(3 * 3600)
    lab.server.always.clear()
    lab.reopen()
    lab.write("a", age_s=60)
    again = Harness(lab)
    again.run(1)
    assert again.remote == {"a": b"data"}


@pytest.mark.parametrize("hours", [-48, -1, 1, 48])
def test_a_clock_that_jumps_delays_no_probe_for_long(harness: Harness, hours: int) -> None:
    harness.run(1)
    harness.lab.server.always["list_files"] = AWAY
    harness.lab.server.always["check_file_name_header"] = AWAY
    harness.poller.mirror_soon()
    harness.run(3600)
    harness.clock.set_back(hours * 3600)
    harness.lab.server.always.clear()
    harness.run(1300)
    assert harness.engine.usable


def test_a_denied_server_is_probed_uploads_included(harness: Harness) -> None:
    harness.run(1)
    harness.lab.server.troubles["upload"].append(TokenRefused("401", hint=""))
    harness.lab.server.always["check_file_name_header"] = TokenRefused("401", hint="")
    harness.write("a", age_s=60)
    harness.run(600)
    assert not harness.engine.usable, "its lists can be read, but nothing may be sent"
    assert len(harness.lab.server.called("upload")) == 1


# Pauses, completeness, housekeeping


def test_a_pause_of_everything_leaves_the_server_alone(harness: Harness) -> None:
    harness.run(10)
    harness.lab.journal.pauses.pause("", harness.clock.now_ns(), None)
    harness.lab.server.calls.clear()
    harness.poller.mirror_soon()
    harness.run(3600)
    assert harness.lab.server.calls == []
    harness.lab.journal.pauses.resume("")
    harness.wake()
    harness.run(1)
    assert lists(harness) == 1


def test_when_all_is_there_is_written_down(lab: Lab, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    harness = Harness(lab, MappingConfig(name="other", directory=other, experiment=EID, prefix="o"))
    lab.write("a", age_s=60)
    lab.server.put(EID, "o~b", b"theirs")
    (other / "b").write_text("ours")
    harness.run(60)
    assert lab.journal.mappings.get("lab").complete_at_ns is not None
    assert lab.journal.mappings.get("other").complete_at_ns is None


def test_nothing_is_complete_before_it_was_looked_at(lab: Lab) -> None:
    lab.push()
    before = lab.journal.mappings.get("lab").complete_at_ns
    lab.clock.advance(60)
    harness = Harness(lab)
    lab.write("came while nobody looked", age_s=60)
    harness.poller.step()
    assert lists(harness) > 0
    assert lab.journal.mappings.get("lab").complete_at_ns == before


def test_housekeeping_prunes_what_is_old(harness: Harness) -> None:
    """The harness keeps an hour."""
    history = harness.lab.journal.history
    now_ns = harness.clock.now_ns()
    history.note(Event(now_ns - 2 * 3600 * SECOND_NS, HistoryKind.UPLOADED, "lab", "old", ""))
    history.note(Event(now_ns, HistoryKind.UPLOADED, "lab", "young", ""))
    with logged() as log:
        harness.poller.clean_soon()
        harness.now()
        harness.run(DAY_S)
    assert [event.path for event in history.recent(9)] == ["young"]
    assert log.of("housekeeping") == ["info housekeeping done history_pruned=1"]
    wal = Path(f"{harness.lab.journal_path}-wal")
    harness.poller.clean_soon()
    harness.now()
    assert wal.stat().st_size == 0


def test_housekeeping_goes_on_while_all_is_paused(harness: Harness) -> None:
    harness.lab.journal.pauses.pause("", harness.clock.now_ns(), None)
    with logged() as log:
        harness.poller.clean_soon()
        harness.now()
    assert len(log.of("housekeeping done")) == 1
