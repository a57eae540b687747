"""Files on the server that we did not put there, and what others did to ours."""

from __future__ import annotations

import os

import pytest

from tests.support.intercepting_proxy import InterceptingProxy
from tests.support.project import Project


def only_problem(project: Project, *arguments: str) -> dict[str, str]:
    ran = project.push(*arguments)
    assert ran.exit_code == 1, ran.text
    [problem] = ran.json["problems"]
    assert problem["state"] == "held"
    assert problem["hint"]
    assert problem["path"] == str(project.root / "a.csv")
    found: dict[str, str] = problem
    return found


def test_the_same_content_is_adopted_without_an_upload(
    project: Project, proxy: InterceptingProxy
) -> None:
    project.write("a.csv", "same")
    project.put("a.csv", "same")
    answer = project.pushed()
    assert (answer["uploaded"], answer["adopted"], answer["bytes"]) == (0, 1, 0)
    assert proxy.uploads == []
    assert project.pushed()["unchanged"] == 1


@pytest.mark.parametrize("theirs", ["theirs, longer", "them"])
def test_other_content_is_a_conflict_until_it_may_be_replaced(
    project: Project, proxy: InterceptingProxy, theirs: str
) -> None:
    project.write("a.csv", "ours")
    project.write("b.csv", "goes on")
    project.put("a.csv", theirs)
    problem = only_problem(project)
    assert "conflict: another file of this name was on the server first" in problem["reason"]
    assert "--overwrite" in problem["hint"]
    only_problem(project)
    assert proxy.uploads == ["b.csv"]
    assert project.read("a.csv") == theirs.encode()

    ran = project.run("push", "--overwrite")
    assert ran.exit_code == 0
    named = f"replacing a.csv in {project.eid} with {project.root}/a.csv"
    lines = ran.err.splitlines()
    assert lines.index(named) < lines.index(f"uploaded {project.root}/a.csv (4 B)")
    assert project.read("a.csv") == b"ours"
    assert project.pushed("--overwrite")["uploaded"] == 0


def test_a_permission_to_overwrite_is_for_the_version_that_was_seen(project: Project) -> None:
    project.write("a.csv", "ours")
    project.put("a.csv", "theirs")
    assert project.pushed("--overwrite")["uploaded"] == 1
    project.put("a.csv", "theirs again")
    project.write("a.csv", "ours, changed")
    assert "changed here, and by others" in only_problem(project)["reason"]
    assert project.read("a.csv") == b"theirs again"


def test_a_conflict_ends_when_the_files_become_equal(project: Project) -> None:
    project.write("a.csv", "ours")
    project.put("a.csv", "theirs")
    only_problem(project)
    project.put("a.csv", "ours")
    answer = project.pushed()
    assert (answer["uploaded"], answer["adopted"]) == (0, 1)


def test_a_conflict_ends_when_theirs_is_removed(project: Project) -> None:
    project.write("a.csv", "ours")
    project.put("a.csv", "theirs")
    only_problem(project)
    project.remove("a.csv")
    assert project.pushed()["uploaded"] == 1
    assert project.read("a.csv") == b"ours"


def test_removed_by_others_is_held_until_somebody_insists(project: Project) -> None:
    project.write("a.csv", "ours")
    project.write("b.csv", "ours")
    project.pushed()
    project.remove("a.csv")
    problem = only_problem(project)
    assert problem["reason"] == "removed on the server"
    assert "aqsync retry PATH" in problem["hint"]
    only_problem(project)
    assert project.remote_names() == {"b.csv"}

    retried = project.run("retry", project.root / "a.csv")
    assert retried.exit_code == 0
    assert retried.out.startswith("1 file set free")
    assert project.pushed()["uploaded"] == 1
    assert project.remote() == {"a.csv": b"ours", "b.csv": b"ours"}
    project.remove("a.csv")
    assert only_problem(project)["reason"] == "removed on the server", "insisting is for once"


def test_removed_by_others_and_changed_here(project: Project) -> None:
    file = project.write("a.csv", "ours")
    project.pushed()
    project.remove("a.csv")
    file.write_text("changed")
    assert only_problem(project)["reason"] == "removed on the server"
    assert project.remote_names() == set()


def test_changed_by_others_only_is_left_to_them(project: Project) -> None:
    project.write("a.csv", "ours")
    project.pushed()
    project.put("a.csv", "theirs")
    ran = project.push()
    assert ran.exit_code == 1
    assert (ran.json["uploaded"], ran.json["differs"]) == (0, 1)
    assert "1 differs on the server" in project.run("push").out
    assert [p["state"] for p in ran.json["problems"]] == ["differs on the server"]
    assert project.read("a.csv") == b"theirs"
    why = project.run("why", project.root / "a.csv")
    assert "  state:      differs on the server" in why.out
    assert "  reason:     it is not a version that was sent from here\n" in why.out
    assert "  next:       nothing, until somebody decides or the file changes\n" in why.out
    assert "1 differs on the server" in project.run("status").out
    assert "differs on the server" in project.run("ls", "--differs", "--json").out


def test_retry_says_when_there_is_nothing_to_set_free(project: Project) -> None:
    file = project.write("a.csv", "ours")
    project.pushed()
    nothing = "nothing to retry: no file is held, has failed or differs on the server\n"
    assert project.run("retry", file).out == f"nothing to retry: {file} is in sync\n"
    accepted = project.run("retry", "--mapping", "main").out
    assert accepted == f"the directory is accepted as it is; {nothing}"


def test_changed_by_others_and_here_is_held(project: Project) -> None:
    file = project.write("a.csv", "ours")
    project.pushed()
    project.put("a.csv", "theirs")
    file.write_text("ours, changed")
    assert "changed here, and by others on the server" in only_problem(project)["reason"]
    assert project.read("a.csv") == b"theirs"
    assert project.pushed("--overwrite")["uploaded"] == 1
    assert project.read("a.csv") == b"ours, changed"


def test_changed_by_others_to_what_we_have_is_adopted(project: Project) -> None:
    file = project.write("a.csv", "ours")
    project.pushed()
    project.put("a.csv", "both changed")
    file.write_text("both changed")
    answer = project.pushed()
    assert (answer["uploaded"], answer["adopted"]) == (0, 1)


def test_a_file_emptied_by_accident_keeps_its_good_copy(project: Project) -> None:
    file = project.write("a.csv", "good data")
    project.pushed()
    os.truncate(file, 0)
    assert "the file is empty now; the good copy" in only_problem(project)["reason"]
    assert project.run("retry").exit_code == 0, "nobody named it"
    only_problem(project)
    assert project.read("a.csv") == b"good data"

    assert project.run("retry", file).exit_code == 0
    assert project.pushed()["uploaded"] == 1
    assert project.read("a.csv") == b""


def test_an_emptied_file_that_is_restored_needs_no_one(project: Project) -> None:
    file = project.write("a.csv", "good data")
    project.pushed()
    os.truncate(file, 0)
    only_problem(project)
    file.write_text("good data")
    assert project.pushed()["uploaded"] == 0


def test_empty_files_carry_meaning(project: Project) -> None:
    project.write("__complete__.tag", "")
    assert project.pushed()["uploaded"] == 1
    assert project.remote() == {"__complete__.tag": b""}


def test_a_lost_journal_costs_no_upload(project: Project, proxy: InterceptingProxy) -> None:
    for number in range(5):
        project.write(f"{number}.csv", f"{number}")
    project.pushed()
    proxy.uploads.clear()
    for part in project.journal.parent.iterdir():
        part.unlink()
    answer = project.pushed()
    assert (answer["uploaded"], answer["adopted"]) == (0, 5)
    assert proxy.uploads == []


def test_a_touched_file_is_not_sent_again(project: Project, proxy: InterceptingProxy) -> None:
    file = project.write("a.csv", "same")
    project.pushed()
    proxy.uploads.clear()
    os.utime(file)
    answer = project.pushed()
    assert (answer["uploaded"], answer["unchanged"]) == (0, 1)
    assert proxy.uploads == []


def test_retry_of_a_path_that_nobody_knows(project: Project) -> None:
    project.write("a.csv")
    project.pushed()
    ran = project.run("retry", project.root / "b.csv")
    assert ran.exit_code == 2
    assert "nothing is known of" in ran.err
