"""What `aqsync push` promises of its options, its answer and its quietness."""

from __future__ import annotations

import json
import os

import pytest

from tests.support.intercepting_proxy import InterceptingProxy
from tests.support.project import Project

KEYS = {
    "uploaded": int,
    "adopted": int,
    "unchanged": int,
    "held": int,
    "waiting": int,
    "failed": int,
    "removed": int,
    "bytes": int,
    "seconds": float,
    "problems": list,
}


def test_the_json_answer(project: Project) -> None:
    project.write("a.csv", "12345")
    project.write("b.csv", "same")
    project.write("c.csv", "ours")
    project.put("b.csv", "same")
    project.put("c.csv", "theirs")
    ran = project.push()
    assert ran.exit_code == 1
    assert ran.err == ""
    answer = json.loads(ran.out)
    for key, kind in KEYS.items():
        assert type(answer[key]) is kind, key
    counts = {key: answer[key] for key in KEYS if key not in {"seconds", "problems"}}
    assert counts == {
        "uploaded": 1,
        "adopted": 1,
        "unchanged": 0,
        "held": 1,
        "waiting": 0,
        "failed": 0,
        "removed": 0,
        "bytes": 5,
    }
    [problem] = answer["problems"]
    assert type(problem.pop("age_seconds")) is float
    assert type(problem.pop("file_age_seconds")) is float
    assert type(problem.pop("bytes")) is int
    assert problem.pop("retried") is False
    assert problem.keys() == {"path", "state", "code", "reason", "hint"}
    assert all(isinstance(value, str) for value in problem.values())
    assert problem["path"] == str(project.root / "c.csv")
    assert problem["state"] == "held"


def test_a_second_push_uploads_nothing_and_writes_no_file_row(
    project: Project, proxy: InterceptingProxy
) -> None:
    for number in range(50):
        project.write(f"run-{number % 5}/{number}.csv", f"{number}")
    project.pushed()
    proxy.uploads.clear()
    rows = project.file_rows()
    answer = project.pushed()
    assert (answer["uploaded"], answer["unchanged"], answer["bytes"]) == (0, 50, 0)
    assert proxy.uploads == []
    assert project.file_rows() == rows


def test_plain_lines(project: Project) -> None:
    project.write("a.csv", "12345")
    ran = project.run("push")
    assert ran.exit_code == 0
    assert ran.err == f"uploaded {project.root}/a.csv (5 B)\n"
    assert ran.out.startswith("1 uploaded, 0 unchanged: 5 B in ")
    again = project.run("push")
    assert again.err == ""
    assert again.out.startswith("0 uploaded, 1 unchanged: 0 B in ")


def test_an_empty_root_is_fine(project: Project) -> None:
    assert project.pushed()["unchanged"] == 0


# --dry-run


def test_a_dry_run_begins_no_journal(project: Project, proxy: InterceptingProxy) -> None:
    file = project.write("a.csv", "a")
    ran = project.run("push", "--dry-run")
    assert ran.exit_code == 1
    assert f"would upload: {file}: not on the server yet" in ran.out
    assert not project.journal.parent.exists()
    assert proxy.uploads == []
    assert project.remote_names() == set()


def test_a_dry_run_touches_nothing(project: Project, proxy: InterceptingProxy) -> None:
    project.configure(
        server={"url": proxy.url}, tags=[{"match": "*.csv", "add": ["data"]}], name="main"
    )
    project.write("same.csv", "same")
    project.write("changed.csv", "old")
    project.write("removed.csv", "x")
    project.pushed()
    project.write("changed.csv", "new, longer")
    project.write("new.csv", "new")
    project.write("conflict.csv", "ours")
    project.put("conflict.csv", "theirs")
    project.remove("removed.csv")
    proxy.uploads.clear()
    before = project.journal.read_bytes()
    beside = set(project.journal.parent.iterdir())
    remote = project.remote()

    ran = project.run("push", "--dry-run")
    assert ran.exit_code == 1
    assert f"would upload: {project.root}/changed.csv: changed since its upload" in ran.out
    assert f"would upload: {project.root}/new.csv: not on the server yet" in ran.out
    assert f"would compare: {project.root}/conflict.csv" in ran.out
    assert f"held: {project.root}/removed.csv: removed on the server" in ran.out
    assert "same.csv" not in ran.out
    assert json.loads(project.run("push", "--dry-run", "--json").out)["waiting"] == 3

    assert project.journal.read_bytes() == before
    assert set(project.journal.parent.iterdir()) <= beside | {
        project.journal.with_name("journal.db-wal"),
        project.journal.with_name("journal.db-shm"),
    }
    assert project.remote() == remote
    assert proxy.uploads == []
    assert project.disk().keys() == {
        "same.csv",
        "changed.csv",
        "removed.csv",
        "new.csv",
        "conflict.csv",
    }


def test_a_dry_run_in_sync(project: Project) -> None:
    project.write("a.csv")
    project.pushed()
    ran = project.run("push", "--dry-run")
    assert ran.exit_code == 0
    assert ran.out.startswith("1 in sync; dry run: nothing was sent")


# --mapping and PATH


def test_one_mapping_only(two: Project) -> None:
    assert two.pushed("--mapping", "other")["uploaded"] == 2
    assert two.remote_names() == {"o~run~1.csv", "o~run-2~2.csv"}
    assert two.pushed()["uploaded"] == 2
    ran = two.run("push", "--mapping", "nobody")
    assert ran.exit_code == 2
    assert "there is no mapping 'nobody'" in ran.err
    assert "its mappings are: main, other" in ran.err


def test_one_file_only(two: Project) -> None:
    assert two.pushed(two.root / "run/1.csv")["uploaded"] == 1
    assert two.remote_names() == {"m~run~1.csv"}
    assert two.pushed(two.root / "run/1.csv")["unchanged"] == 1


def test_one_directory_only(two: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not the one beside it whose name begins the same."""
    monkeypatch.chdir(two.root)
    assert two.pushed("run")["uploaded"] == 1
    assert two.remote_names() == {"m~run~1.csv"}
    assert two.pushed(".")["uploaded"] == 1


def test_paths_of_two_mappings(two: Project) -> None:
    answer = two.pushed(two.root / "run", two.folder / "other/run-2/2.csv")
    assert answer["uploaded"] == 2
    assert two.remote_names() == {"m~run~1.csv", "o~run-2~2.csv"}


def test_paths_say_nothing_about_the_rest(two: Project) -> None:
    two.configure(on_local_delete="remove")
    two.pushed()
    (two.root / "run/1.csv").unlink()
    two.write("new.csv")
    answer = two.pushed(two.root / "run-2")
    assert (answer["uploaded"], answer["removed"]) == (0, 0)
    assert "run~1.csv" in two.remote_names()
    answer = two.pushed(two.root / "run/1.csv")
    assert (answer["uploaded"], answer["removed"]) == (0, 1)
    assert two.pushed()["uploaded"] == 1


@pytest.mark.parametrize("where", ["missing.csv", "missing/deep", "run/1.csv/below"])
def test_a_path_that_does_not_exist(two: Project, where: str) -> None:
    ran = two.run("push", two.root / where)
    assert ran.exit_code == 2
    assert f"error: {two.root / where} does not exist" in ran.err
    assert two.remote_names() == set()


@pytest.mark.parametrize("where", ["/etc/hostname", "..", "elsewhere"])
def test_a_path_outside_any_root(two: Project, where: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(two.folder)
    ran = two.run("push", two.root / "run", where)
    assert ran.exit_code == 2
    assert f"error: {where} lies in no mapped directory" in ran.err
    assert f"the mapped directories are: {two.root}" in ran.err
    assert two.remote_names() == set()


def test_a_path_that_the_rules_leave_out(project: Project) -> None:
    file = project.write("notes.tmp")
    assert project.pushed(file)["uploaded"] == 0
    why = project.run("why", file)
    assert "the pattern *.tmp (ignore) leaves it out" in why.out


def test_output_that_nobody_reads(project: Project) -> None:
    for number in range(40):
        os.mkfifo(project.root / f"fifo-{number}")
    with project.start("push") as process:
        assert process.stdout is not None
        process.stdout.close()
        assert process.stderr is not None
        assert "Traceback" not in process.stderr.read()
    assert process.returncode == 0, "a reader who has enough is no failure"
