"""Folders get an experiment each, and one only."""

from __future__ import annotations

import shutil
from pathlib import Path
from uuid import uuid4

import pytest

from aqsync.errors import Forbidden, OperationFailed, ServerUnreachable
from aqsync.journal.history import HistoryKind, Wanted
from aqsync.layout.identity import identity_of, identity_tag
from aqsync.layout.names import remote_name
from aqsync.model import Hold, InSync, Reason, State, Upload, Wait
from aqsync.sync.experiment_rules import LATE_NS, LOOK_AGAIN_NS
from aqsync.sync.retry import set_free
from tests.support.fake_clock import SECOND_NS
from tests.support.fake_server import FakeExperiment
from tests.support.lab import Killed, Lab

RUN = "2026-11-24/rabi"


@pytest.fixture
def lab(tmp_path: Path) -> Lab:
    """Each folder of the second level has an experiment of its own."""
    return Lab(tmp_path, experiment="new", path="{date}/{name}/**", title="{name} of {date}")


def made(lab: Lab) -> list[FakeExperiment]:
    """The experiments that were made, in order."""
    return [each for each in lab.server.experiments.values() if each.eid.startswith("20261124")]


def one(lab: Lab) -> FakeExperiment:
    [only] = made(lab)
    return only


def contents(experiment: FakeExperiment) -> dict[str, bytes]:
    return {name: file.content for name, file in experiment.files.items()}


def retry(lab: Lab, *paths: Path) -> None:
    now_ns = lab.clock.now_ns()
    set_free(lab.journal, [lab.mapping], paths, now_ns, accept_roots=False)


def cuts(lab: Lab) -> tuple[str, ...]:
    """What is said of the words of the only experiment."""
    [own] = lab.journal.made.own(lab.journal.mappings.get(lab.mapping.name).id)
    return own.cuts


def key(lab: Lab, path: str) -> str:
    return str(lab.record(path).eid)


def test_each_folder_gets_one(lab: Lab) -> None:
    lab.write(f"{RUN}/data.csv", b"1")
    lab.write(f"{RUN}/plots/a.png", b"2")
    lab.write("2026-11-24/t1/data.csv", b"3")
    lab.write("2026-11-24/beside.txt", b"nowhere")
    result = lab.push()
    assert result.uploaded == 3
    first, second = sorted(made(lab), key=lambda each: each.title)
    assert (first.title, second.title) == ("rabi of 2026-11-24", "t1 of 2026-11-24")
    assert contents(first) == {"data.csv": b"1", remote_name("plots/a.png"): b"2"}
    assert set(contents(second).values()) == {b"3"}
    assert first.tags == [identity_tag(identity_of(key(lab, f"{RUN}/data.csv")))]
    assert lab.decision("2026-11-24/beside.txt").state is State.UNMAPPED
    assert lab.record(f"{RUN}/data.csv").eid_shown == first.eid
    assert lab.push().uploaded == 0


def test_what_has_nothing_to_send_gets_none(lab: Lab) -> None:
    (lab.root / RUN).mkdir(parents=True)
    lab.write("2026-11-24/young/data.csv", age_s=0)
    lab.push(wait_for_settling=False)
    assert made(lab) == []
    assert isinstance(lab.decision("2026-11-24/young/data.csv"), Wait)
    assert lab.record("2026-11-24/young/data.csv").eid_shown is None


def test_it_is_looked_for_before_it_is_made(lab: Lab) -> None:
    lab.write(f"{RUN}/data.csv")
    lab.push()
    lab.server.calls.clear()
    lab.reopen(lose_journal=True)
    lab.push()
    assert lab.server.called("create_experiment") == []
    assert isinstance(lab.decision(f"{RUN}/data.csv"), InSync)
    assert lab.record(f"{RUN}/data.csv").eid_shown == one(lab).eid


@pytest.mark.parametrize("reached", [True, False])
def test_a_lost_answer_makes_no_second_one(lab: Lab, *, reached: bool) -> None:
    lab.write(f"{RUN}/data.csv")
    lost = ServerUnreachable("no answer")

    def lose() -> None:
        del lab.server.after["create_experiment"]
        raise lost

    if reached:
        lab.server.after["create_experiment"] = lose
    else:
        lab.server.troubles["create_experiment"].append(lost)
    began = lab.clock.now_ns()
    lab.push()
    assert isinstance(lab.decision(f"{RUN}/data.csv"), InSync)
    assert one(lab).files
    asked = len(lab.server.called("create_experiment"))
    assert asked == (1 if reached else 2)
    assert reached or lab.clock.now_ns() - began >= LATE_NS, "it may have come late"


@pytest.mark.parametrize("method", ["tagged", "create_experiment", "list_files", "upload"])
@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("lose_journal", [False, True])
def test_killed_at_each_call(lab: Lab, method: str, *, after: bool, lose_journal: bool) -> None:
    lab.write(f"{RUN}/data.csv")

    def kill() -> None:
        lab.server.after.clear()
        raise Killed

    if after:
        lab.server.after[method] = kill
    else:
        lab.server.troubles[method].append(kill)
    with pytest.raises(Killed):
        lab.push()
    lab.reopen(lose_journal=lose_journal)
    lab.push()
    assert isinstance(lab.decision(f"{RUN}/data.csv"), InSync)
    assert contents(one(lab)) == {"data.csv": b"data"}


def test_a_refused_one_is_told_tried_again_and_stops_nothing_else(lab: Lab) -> None:
    lab.write(f"{RUN}/data.csv")
    lab.server.troubles["create_experiment"].append(OperationFailed("no more experiments"))
    lab.write("2026-11-24/t1/data.csv")
    lab.scan()
    result = lab.push(wait_for_settling=False)
    assert result.uploaded == 1
    file = next(
        p for p in (f"{RUN}/data.csv", "2026-11-24/t1/data.csv") if lab.record(p).remote.unmade
    )
    step = lab.decision(file)
    assert step.reason is Reason.EXPERIMENT_NOT_MADE
    assert step.state is State.FAILED
    assert "no more experiments" in step.message
    lab.push()
    assert isinstance(lab.decision(file), InSync)
    assert len(made(lab)) == 2


def test_forbidden_to_make_is_told(lab: Lab) -> None:
    lab.write(f"{RUN}/data.csv")
    lab.server.always["create_experiment"] = Forbidden("not allowed")
    lab.push(wait_for_settling=False)
    assert lab.decision(f"{RUN}/data.csv").reason is Reason.EXPERIMENT_NOT_MADE
    assert lab.journal.remote.server_problem() is None


def test_a_removed_one_is_not_made_again_unasked(lab: Lab) -> None:
    lab.write(f"{RUN}/data.csv")
    lab.push()
    lab.server.remove(one(lab).eid)
    lab.write(f"{RUN}/more.csv")
    lab.push()
    lab.push()
    assert made(lab) == []
    step = lab.decision(f"{RUN}/more.csv")
    assert isinstance(step, Hold)
    assert step.reason is Reason.EXPERIMENT_REMOVED
    assert "20261124-1" in step.message
    retry(lab)
    assert lab.push().uploaded == 0, "only a named path asks for it"
    retry(lab, lab.root / RUN)
    lab.push()
    assert set(contents(one(lab))) == {"data.csv", "more.csv"}


def test_the_oldest_of_two_counts_and_the_other_is_told(lab: Lab) -> None:
    """Another PC makes one at the same moment: it is seen a minute later."""
    lab.write(f"{RUN}/data.csv")
    lab.push()
    mine = one(lab)
    older = FakeExperiment(
        "20261124-99", tags=list(mine.tags), created_at=mine.created_at.replace(year=2025)
    )
    lab.server.experiments[older.uuid] = older
    lab.push()
    assert not older.files, "it is looked for again after a minute"
    lab.clock.advance(LOOK_AGAIN_NS / SECOND_NS)
    lab.push()
    assert contents(older) == {"data.csv": b"data"}
    k = key(lab, f"{RUN}/data.csv")
    assert lab.journal.made.doubles() == {k: [(mine.eid, str(mine.uuid))]}
    assert lab.record(f"{RUN}/data.csv").eid_shown == older.eid
    lab.server.calls.clear()
    for _ in range(5):
        lab.engine.refresh([k])
    assert not lab.server.called("tagged"), "not before each list"
    lab.server.remove(mine.eid)
    lab.clock.advance(LOOK_AGAIN_NS / SECOND_NS)
    lab.engine.refresh([k])
    assert not lab.journal.made.doubles(), "a person has merged them"


def test_many_that_are_looked_for_show_that_they_get_on(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("aqsync.sync.experiment_maker._AT_ONCE", 1)
    keys = set[str]()
    for number in range(3):
        lab.write(f"2026-11-24/run-{number}/data.csv")
        lab.scan()
        keys.add(key(lab, f"2026-11-24/run-{number}/data.csv"))
    beats = list[float]()
    assert lab.engine.refresh(keys, lambda: beats.append(lab.clock.monotonic()))
    assert len(beats) == len(lab.server.called("tagged")) == 3
    lab.push()
    beats.clear()
    assert lab.engine.probe(lambda: beats.append(lab.clock.monotonic()))
    assert beats, "for each request for lists"


def test_an_archived_one_is_found(lab: Lab) -> None:
    lab.write(f"{RUN}/data.csv")
    lab.push()
    one(lab).tags.append("__archived__")
    lab.reopen(lose_journal=True)
    lab.push()
    assert len(made(lab)) == 1


def test_a_renamed_folder_keeps_its_experiment(lab: Lab) -> None:
    lab.write(f"{RUN}/data.csv")
    lab.write(f"{RUN}/raw/a.bin")
    lab.push()
    (lab.root / RUN).rename(lab.root / "2026-11-24/rabi-good")
    lab.server.calls.clear()
    result = lab.push()
    assert (result.uploaded, lab.server.called("upload"), lab.server.called("download")) == (
        0,
        [],
        [],
    )
    assert one(lab).title == "rabi-good of 2026-11-24"
    assert isinstance(lab.decision("2026-11-24/rabi-good/raw/a.bin"), InSync)
    assert lab.find(f"{RUN}/data.csv") is None
    lab.write("2026-11-24/rabi-good/new.csv")
    lab.push()
    assert len(contents(one(lab))) == 3


def test_a_rename_may_be_seen_bit_by_bit(lab: Lab) -> None:
    """Events tell of the old name and of the new one apart."""
    lab.write(f"{RUN}/data.csv")
    lab.push()
    first = key(lab, f"{RUN}/data.csv")
    (lab.root / RUN).rename(lab.root / "2026-11-24/rabi-2")
    lab.scan(RUN)
    assert lab.record(f"{RUN}/data.csv").local is None
    lab.scan("2026-11-24/rabi-2/data.csv")
    assert key(lab, "2026-11-24/rabi-2/data.csv") == first
    assert isinstance(lab.decision("2026-11-24/rabi-2/data.csv"), InSync)
    assert lab.find(f"{RUN}/data.csv") is None


def test_a_renamed_folder_is_found_without_the_journal(lab: Lab) -> None:
    lab.write(f"{RUN}/data.csv")
    lab.push()
    (lab.root / RUN).rename(lab.root / "2026-11-24/rabi-2")
    lab.push()
    lab.reopen(lose_journal=True)
    lab.push()
    assert contents(one(lab)) == {"data.csv": b"data"}


def test_a_folder_that_was_away_and_is_back_is_found_without_the_journal(lab: Lab) -> None:
    lab.write(f"{RUN}/data.csv")
    for name in ("rabi-2", "rabi", "rabi-2", "rabi"):
        lab.push()
        [now] = (lab.root / "2026-11-24").iterdir()
        now.rename(lab.root / "2026-11-24" / name)
    lab.push()
    lab.reopen(lose_journal=True)
    lab.push()
    assert contents(one(lab)) == {"data.csv": b"data"}


def test_both_are_found_without_the_journal_where_one_has_the_path_of_the_other(lab: Lab) -> None:
    lab.write(f"{RUN}/data.csv", b"old")
    lab.push()
    (lab.root / RUN).rename(lab.root / "2026-11-24/rabi-old")
    lab.write(f"{RUN}/data.csv", b"new")
    lab.push()
    lab.reopen(lose_journal=True)
    lab.push()
    first, second = made(lab)
    assert (contents(first), contents(second)) == ({"data.csv": b"old"}, {"data.csv": b"new"})
    assert lab.record("2026-11-24/rabi-old/data.csv").eid_shown == first.eid
    assert lab.record(f"{RUN}/data.csv").eid_shown == second.eid


def test_a_new_folder_at_a_path_between_gets_its_own(lab: Lab) -> None:
    lab.write(f"{RUN}/data.csv")
    for name in ("rabi-2", "rabi-3"):
        lab.push()
        [now] = (lab.root / "2026-11-24").iterdir()
        now.rename(lab.root / "2026-11-24" / name)
    lab.push()
    lab.write("2026-11-24/rabi-2/data.csv", b"new")
    lab.push()
    first, second = made(lab)
    assert (contents(first), contents(second)) == ({"data.csv": b"data"}, {"data.csv": b"new"})


def test_a_new_folder_at_the_old_path_gets_its_own(lab: Lab) -> None:
    lab.write(f"{RUN}/data.csv", b"old")
    lab.push()
    (lab.root / RUN).rename(lab.root / "2026-11-24/rabi-old")
    lab.write(f"{RUN}/data.csv", b"new")
    lab.push()
    first, second = made(lab)
    assert contents(first) == {"data.csv": b"old"}
    assert contents(second) == {"data.csv": b"new"}


def test_two_folders_change_places(lab: Lab) -> None:
    other = "2026-11-24/t1"
    lab.write(f"{RUN}/data.csv", b"rabi")
    lab.write(f"{other}/data.csv", b"t1")
    lab.push()
    first, second = key(lab, f"{RUN}/data.csv"), key(lab, f"{other}/data.csv")
    (lab.root / RUN).rename(lab.root / "away")
    (lab.root / other).rename(lab.root / RUN)
    (lab.root / "away").rename(lab.root / other)
    assert lab.push().uploaded == 0
    assert (key(lab, f"{other}/data.csv"), key(lab, f"{RUN}/data.csv")) == (first, second)


def test_a_folder_made_anew_at_its_path_keeps_its_experiment(lab: Lab) -> None:
    lab.write(f"{RUN}/data.csv")
    lab.push()
    shutil.copytree(lab.root / RUN, lab.root / "copy")
    shutil.rmtree(lab.root / RUN)
    (lab.root / "copy").rename(lab.root / RUN)
    lab.push()
    assert len(made(lab)) == 1


def test_another_folder_with_the_same_inode_is_not_the_old_one(lab: Lab) -> None:
    lab.write(f"{RUN}/data.csv", b"old")
    lab.push()
    inode = (lab.root / RUN).stat().st_ino
    shutil.rmtree(lab.root / RUN)
    lab.write("2026-11-24/t1/data.csv", b"new")
    [known] = lab.journal.made.folders(lab.mapping_id)
    lab.journal.made.note_folder(
        lab.mapping_id, known._replace(inode=(lab.root / "2026-11-24/t1").stat().st_ino)
    )
    assert inode
    lab.push()
    assert len(made(lab)) == 2


def test_words_that_a_person_has_changed_are_theirs(lab: Lab) -> None:
    lab.write(f"{RUN}/data.csv")
    lab.push()
    one(lab).title = "my best run"
    (lab.root / RUN).rename(lab.root / "2026-11-24/rabi-2")
    lab.push()
    (lab.root / "2026-11-24/rabi-2").rename(lab.root / "2026-11-24/rabi-3")
    lab.push()
    assert one(lab).title == "my best run"
    assert one(lab).description.endswith("rabi-3")


def test_another_server_gets_its_own(lab: Lab) -> None:
    lab.write(f"{RUN}/data.csv")
    lab.push()
    lab.server.experiments.clear()
    lab.journal.remote.found(
        {key(lab, f"{RUN}/data.csv"): str(uuid4())}, "elsewhere", {key(lab, f"{RUN}/data.csv"): "x"}
    )
    lab.push()
    assert contents(one(lab)) == {"data.csv": b"data"}


def test_the_step_says_that_it_makes_one(lab: Lab) -> None:
    lab.write(f"{RUN}/data.csv")
    lab.scan()
    step = lab.decision(f"{RUN}/data.csv")
    assert isinstance(step, Upload)
    assert step.makes


def test_what_a_file_says_later_is_written_then(lab: Lab) -> None:
    lab.configure(
        experiment="new",
        path="{date}/{name}/**",
        metadata={"from": "node.json", "title": "$.name", "tags": {"qubit": "$.qubit"}},
    )
    lab.write(f"{RUN}/data.csv")
    lab.push()
    assert one(lab).title == RUN
    lab.write(f"{RUN}/node.json", b'{"name": "Nice", "qubit": "q3"}')
    lab.push()
    assert one(lab).title == "Nice"
    assert "qubit:q3" in one(lab).tags


def test_what_cannot_be_read_costs_the_metadata_alone(lab: Lab) -> None:
    lab.configure(
        experiment="new", path="{date}/{name}/**", metadata={"from": "n.json", "title": "$.x"}
    )
    lab.write(f"{RUN}/n.json", b"{broken")
    assert lab.push().uploaded == 1
    assert one(lab).title == RUN
    [event] = lab.journal.history.recent(9, Wanted(kinds=[HistoryKind.EXPERIMENT_MADE]))
    assert "n.json" in event.text
    lab.push()
    lab.write(f"{RUN}/n.json", b'{"x": "Nice"}')
    lab.push()
    assert one(lab).title == "Nice"
    assert cuts(lab) == ()


@pytest.mark.parametrize("joined", [True, False])
def test_two_pcs_share_experiments_if_an_identity_joins_them(
    tmp_path: Path, *, joined: bool
) -> None:
    labs: list[Lab] = []
    for name in ("left", "right"):
        (tmp_path / name).mkdir()
        keys = {"identity": "setup-3"} if joined else {}
        pc = Lab(
            tmp_path / name, experiment="new", path="{date}/{name}/**", prefix=f"pc-{name}", **keys
        )
        pc.server = labs[0].server if labs else pc.server
        pc.write(f"{RUN}/data.csv", name.encode())
        pc.push()
        labs.append(pc)
    found = [set(contents(each)) for each in made(labs[0])]
    both = [{remote_name("data.csv", f"pc-{name}")} for name in ("left", "right")]
    assert found == ([both[0] | both[1]] if joined else both)
    for pc in labs:
        pc.journal.close()
