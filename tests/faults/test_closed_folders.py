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
