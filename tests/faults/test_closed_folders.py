"""`why`, `retry` and `push PATH` where a path cannot be read or entered: then they are needed."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.permissions import bound_by_permissions
from tests.support.project import Project


@pytest.fixture
def closed(project: Project) -> Iterator[Project]:
    """One file in a folder that is closed since, and one that may not be read, changed since."""
    project.write("closed/a.csv")
    secret = project.write("secret.csv")
    project.pushed()
    project.write("closed/new.csv")
    secret.write_text("changed since")
    secret.chmod(0)
    (project.root / "closed").chmod(0)
    with bound_by_permissions():
        yield project
    (project.root / "closed").chmod(0o700)


@pytest.mark.parametrize("path", ["closed", "closed/a.csv", "closed/new.csv", "closed/sub/x"])
def test_each_tells_what_is_closed(closed: Project, path: str) -> None:
    said = "cannot be looked at: Permission denied"
    for command, status in (("why", 1), ("push", 1), ("status", 1)):
        arguments = () if command == "status" else (closed.root / path,)
        ran = closed.run(command, *arguments)
        assert f"{closed.root / 'closed'}" in ran.out
        assert said in ran.out, ran.text
        assert (ran.exit_code, "Traceback" in ran.err) == (status, False)
    retried = closed.run("retry", closed.root / path)
    assert said in retried.text
    assert "is in sync" not in retried.text
    assert retried.exit_code == (0 if path in {"closed", "closed/a.csv"} else 2)


def test_a_file_that_may_not_be_read(closed: Project) -> None:
    secret = closed.root / "secret.csv"
    closed.run("push", "--dry-run")
    assert "this user may not read it" in closed.run("why", secret).out
    ran = closed.run("push", "--max-wait", "0s", secret)
    assert (ran.exit_code, f"{secret} cannot be read: Permission denied" in ran.out) == (1, True)
    assert "cannot be read: Permission denied" in closed.run("why", secret).out
    assert closed.run("retry", secret).out.startswith("1 file set free")


def test_a_synced_file_needs_no_retry(project: Project) -> None:
    file = project.write("a.csv")
    project.pushed()
    ran = project.run("retry", file)
    assert (ran.exit_code, ran.out) == (0, f"nothing to retry: {file} is in sync\n")


def test_what_is_closed_elsewhere_is_no_fault_of_a_path(closed: Project) -> None:
    """Before: `push PATH` failed, and `why PATH` counted what lies in other folders."""
    closed.write("open/b.csv")
    closed.write("open/sub/c.csv")
    closed.run("push")
    for command in ("push", "why"):
        ran = closed.run(command, closed.root / "open")
        assert (ran.exit_code, str(closed.root / "closed") in ran.text) == (0, False), ran.text
    rehearsed = closed.run("push", "--dry-run", closed.root / "open")
    assert str(closed.root / "closed") not in rehearsed.text
    assert rehearsed.exit_code == 0


def test_retry_of_a_folder_tells_what_is_closed_in_it(project: Project) -> None:
    project.write("run/closed/a.csv")
    (project.root / "run" / "closed").chmod(0)
    with bound_by_permissions():
        project.run("push")
        retried = project.run("retry", project.root / "run")
    (project.root / "run" / "closed").chmod(0o700)
    assert (retried.exit_code, "cannot be looked at: Permission denied" in retried.err) == (2, True)


def test_what_is_not_there_may_still_come(project: Project) -> None:
    told = project.run("why", project.root / "coming.csv").out
    assert "not there" in told
    assert "never uploaded" not in told


def test_many_files_with_one_reason_are_one_line(project: Project) -> None:
    for number in range(9):
        project.write(f"run/{number}").chmod(0)
    with bound_by_permissions():
        project.run("push", "--max-wait", "0s")
        short = project.run("why", project.root / "run").out
        long = project.run("why", "--all", project.root / "run").out
    assert "failed: 9 files below" in short
    assert "`aqsync why --all` names every file" in short
    assert all(f"{project.root}/run/{number}: " in long for number in range(9))
