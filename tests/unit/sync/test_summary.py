"""How a mapping stands, by the decisions that the engine acts on."""

from __future__ import annotations

import json
import os
from collections import Counter

import pytest

from aqsync.errors import ServerFailed, ServerUnreachable, TransferRefused
from aqsync.model import Reason, State, Upload
from aqsync.sync.not_there import NotThere
from aqsync.sync.policies import batched, decisions
from aqsync.sync.summary import FileProblem, Summary, is_complete, summarize
from tests.support.lab import EID, Lab
from tests.support.permissions import bound_by_permissions
from tests.support.reasons import said


def stand(lab: Lab, *within: str) -> Summary:
    summary = summarize(lab.journal, lab.mapping, lab.clock.now_ns(), within)
    if not any(within):
        quick = is_complete(lab.journal, lab.mapping, lab.clock.now_ns())
        assert quick == summary.complete, "the quick answer is the same"
    return summary


def reasons(summary: Summary) -> dict[str, str]:
    return {problem.path: problem.text for problem in summary.problems}


def test_nothing_is_complete(lab: Lab) -> None:
    assert stand(lab).complete
    lab.push()
    summary = stand(lab)
    assert summary.complete
    assert summary.problems == []


def test_every_state_is_counted(lab: Lab) -> None:
    lab.configure(experiment="{eid}", path="{eid}/**")
    for path, size in [("synced", 1), ("held", 2), ("failed", 4), ("kept", 8), ("changed", 16)]:
        lab.write(f"{EID}/{path}", bytes(size))
    lab.server.put(EID, f"{EID}~held", b"theirs")
    lab.push()
    lab.write(f"{EID}/young", bytes(32), age_s=0)
    lab.write(f"{EID}/changed", bytes(64))
    lab.write("unmapped", bytes(128))
    (lab.root / EID / "link").symlink_to("synced")
    (lab.root / EID / "kept").unlink()
    lab.write(f"{EID}/failed", bytes(256))
    lab.scan()
    lab.engine.refresh([EID])
    lab.server.troubles["upload"].append(ServerFailed("500", hint="later"))
    file = lab.record(f"{EID}/failed")
    step = lab.decision(f"{EID}/failed")
    assert isinstance(step, Upload)
    job = lab.engine.job(file, step)
    assert job is not None
    lab.engine.perform(job)
    summary = stand(lab)
    assert summary.files == Counter(
        {
            State.IN_SYNC: 1,
            State.HELD: 1,
            State.FAILED: 1,
            State.WAITING: 1,
            State.PENDING: 1,
            State.UNMAPPED: 1,
            State.SKIPPED: 1,
        }
    )
    link = (lab.root / EID / "link").lstat().st_size
    assert summary.bytes == Counter(
        {
            State.IN_SYNC: 1,
            State.HELD: 2,
            State.FAILED: 256,
            State.WAITING: 32,
            State.PENDING: 64,
            State.UNMAPPED: 128,
            State.SKIPPED: link,
        }
    )
    assert summary.kept == 1
    assert not summary.complete
    states = {os.path.relpath(p.path, lab.root): p.state for p in summary.problems}
    assert states == {
        f"{EID}/held": State.HELD,
        f"{EID}/failed": State.FAILED,
        f"{EID}/young": State.WAITING,
        f"{EID}/changed": State.PENDING,
        "unmapped": State.UNMAPPED,
        f"{EID}/link": State.SKIPPED,
    }


@pytest.mark.parametrize("state", ["link", "unmapped"])
def test_what_is_not_meant_to_be_uploaded_leaves_it_complete(lab: Lab, state: str) -> None:
    if state == "link":
        (lab.root / "link").symlink_to("nowhere")
    else:
        lab.configure(experiment="{eid}", path="{eid}/**")
        lab.write("unmapped")
    lab.push()
    summary = stand(lab)
    assert summary.complete
    assert len(summary.problems) == 1, "but it is not lost from sight"


def test_hints_come_along(lab: Lab) -> None:
    lab.write("a")
    lab.server.troubles["upload"].append(TransferRefused("not so", hint="split it", status=422))
    lab.push()
    [problem] = stand(lab).problems
    why = said("not so", "split it", Reason.FILE_REFUSED)
    assert problem[:5] == (str(lab.root / "a"), State.HELD, why, 0.0, None)


def test_a_lost_experiment_is_one_problem_however_many_files(lab: Lab) -> None:
    for number in range(30):
        lab.write(f"{number}")
    lab.server.remove(EID)
    lab.push()
    summary = stand(lab)
    assert summary.files[State.HELD] == 30
    [problem] = summary.problems
    assert problem.text == f"the server knows no experiment {EID}; files held: 30"
    assert problem.path == str(lab.root)
    assert (problem.why, problem.files) == (Reason.NO_EXPERIMENT.explain(eid=EID), 30)


def test_a_silent_server_is_one_problem_however_many_files(lab: Lab) -> None:
    for number in range(30):
        lab.write(f"{number}")
    lab.push()
    for number in range(30):
        lab.write(f"{number}", b"changed")
    away = ServerUnreachable("no connection", hint="is it on?")
    lab.server.always = dict.fromkeys(["list_files", "check_file_name_header"], away)
    lab.push()
    lab.clock.advance(100)
    known = lab.journal.remote.server_problem()
    assert known is not None
    summary = stand(lab)
    assert summary.files[State.WAITING] == 30
    [problem] = summary.problems
    assert problem.text == "no connection; files waiting: 30"
    assert problem[:5] == (
        str(lab.root),
        State.WAITING,
        said("no connection", "is it on?", Reason.SERVER_UNREACHABLE),
        round((lab.clock.now_ns() - known.since_ns) / 1e9, 3),
        30,
    )


@pytest.mark.parametrize("files", [None, 4])
def test_a_problem_passes_through_json(files: int | None) -> None:
    why = Reason.NO_EXPERIMENT.explain(eid=EID)
    problem = FileProblem("/data/a", State.HELD, why, 2.5, files, 7, 3.5)
    found = json.loads(json.dumps(problem.to_dict()))
    assert found["code"] == "no-experiment"
    assert found["reason"] == problem.text
    assert FileProblem.from_dict(found) == problem


def test_what_is_not_there_stands_out(lab: Lab) -> None:
    assert stand(lab).not_there == NotThere()
    lab.write("there")
    lab.push()
    lab.write("gone")
    lab.scan()
    (lab.root / "gone").unlink()
    lab.write("old", bytes(2), age_s=3000)
    lab.write("large", bytes(300), age_s=2000)
    lab.write("young", bytes(1), age_s=0)
    lab.scan()
    found = stand(lab).not_there
    assert (found.files, found.bytes) == (3, 303)
    assert found.oldest is not None
    assert (found.oldest.path, found.oldest.size) == ("old", 2)
    assert found.largest is not None
    assert (found.largest.path, found.largest.size) == ("large", 300)


def test_each_file_that_waits_for_the_server_is_named_where_that_is_wanted(lab: Lab) -> None:
    lab.push()
    for number in range(3):
        lab.write(f"{number}", bytes(number))
    away = ServerUnreachable("no connection")
    lab.server.always = dict.fromkeys(["list_files", "check_file_name_header"], away)
    lab.push()
    [together] = stand(lab).problems
    assert (together.files, together.size) == (3, 3)
    now_ns = lab.clock.now_ns()
    summary = summarize(lab.journal, lab.mapping, now_ns, each=True)
    named = {(problem.path, problem.text, problem.size) for problem in summary.problems}
    assert named == {(str(lab.root / f"{n}"), "no connection", n) for n in range(3)}


def test_only_the_paths_asked_for_count(lab: Lab) -> None:
    for path in ("run/a", "run/deep/b", "running/c", "d"):
        lab.write(path)
    lab.push()
    lab.write("run/new")
    lab.write("d", b"changed")
    lab.scan()
    summary = stand(lab, "run")
    assert summary.files == Counter({State.IN_SYNC: 2, State.PENDING: 1})
    assert list(reasons(summary)) == [str(lab.root / "run/new")]
    assert stand(lab, "running", "run/a").complete
    assert not stand(lab, "").complete


def test_directories_that_cannot_be_looked_at_are_problems(lab: Lab) -> None:
    lab.write("locked/a")
    lab.write("b")
    lab.push()
    (lab.root / "locked").chmod(0)
    with bound_by_permissions():
        lab.push()
    summary = stand(lab)
    place = str(lab.root / "locked")
    assert reasons(summary) == {place: f"{place} cannot be looked at: Permission denied"}
    assert summary.files == Counter({State.IN_SYNC: 2, State.FAILED: 1})
    assert not summary.complete
    (lab.root / "locked").chmod(0o700)


def test_what_was_deleted_on_both_sides_is_no_problem(lab: Lab) -> None:
    lab.configure(on_local_delete="remove")
    for path in ("a", "b", "c"):
        lab.write(path)
    lab.push()
    (lab.root / "a").unlink()
    del lab.server.of(EID).files["a"]
    lab.push()
    summary = stand(lab)
    assert summary.complete
    assert summary.problems == []


@pytest.mark.parametrize("on_local_delete", ["keep", "remove"])
def test_only_what_is_on_the_server_counts_as_kept_there(lab: Lab, on_local_delete: str) -> None:
    lab.configure(on_local_delete=on_local_delete)
    for path in ("kept", "gone on both sides", "never sent", "here"):
        lab.write(path)
    lab.server.troubles["upload"].append(TransferRefused("not this one", status=400))
    lab.push("never sent")
    lab.push("kept", "gone on both sides", "here")
    lab.server.put(EID, "kept", b"by others")
    del lab.server.of(EID).files["gone on both sides"]
    for path in ("kept", "gone on both sides", "never sent"):
        (lab.root / path).unlink()
    lab.push()
    assert stand(lab).kept == 1
    assert stand(lab, "never sent").kept == 0


def test_a_mass_deletion_that_is_held_back_is_a_problem(lab: Lab) -> None:
    lab.configure(on_local_delete="remove", remove_share=0.1)
    for path in ("a", "b", "c"):
        lab.write(path)
    lab.push()
    (lab.root / "a").unlink()
    lab.push()
    summary = stand(lab)
    assert summary.files[State.HELD] == 1
    assert "1 of 3 files are gone at once" in reasons(summary)[str(lab.root / "a")]


def test_decisions_come_longest_standing_first_over_batches(lab: Lab) -> None:
    for number in range(1203):
        (lab.root / f"{number}").touch()
        lab.set_age(lab.root / f"{number}", 100 + number)
    lab.scan()
    ages = [file.since_ns for file, _ in decisions(lab.journal, lab.mapping, lab.clock.now_ns())]
    assert len(ages) == 1203
    assert ages == sorted(ages)


def test_batches() -> None:
    assert list(batched(iter(range(5)), 2)) == [[0, 1], [2, 3], [4]]
    assert list(batched(iter([]), 2)) == []
