"""Commands whose output nobody reads to its end."""

from __future__ import annotations

import os
import subprocess

import pytest

from tests.support import warm
from tests.support.patience import HANG_S
from tests.support.project import Project


@pytest.mark.parametrize(
    ("arguments", "status"),
    [(("ls",), 0), (("ls", "--json"), 0), (("push",), 1), (("status",), 1)],
)
def test_a_reader_who_has_gone_changes_no_verdict(
    project: Project, arguments: tuple[str, ...], status: int
) -> None:
    """`ls` lists, whatever it lists; a push goes on, and says what it would say otherwise."""
    project.write("a.csv")
    project.put("b.csv", "theirs")
    project.write("b.csv", "ours")
    reading, writing = os.pipe()
    os.close(reading)
    with warm.Popen(
        project.command(*arguments), stdout=writing, stderr=subprocess.PIPE, text=True
    ) as process:
        os.close(writing)
        _, err = process.communicate(timeout=HANG_S)
    assert process.returncode == status
    assert "Traceback" not in err
    assert ("a.csv" in project.remote_names()) == (arguments == ("push",))


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        (("push",), 0, "1 uploaded"),
        (("why", "ROOT/a.csv"), 1, "state:      waiting"),
        (("check",), 0, "ok:"),
        (("why", "a.csv"), 2, "error: a.csv leads nowhere: the working directory no longer"),
        (("retry", "a.csv"), 2, "error: a.csv leads nowhere"),
    ],
)
def test_in_a_working_directory_that_is_gone(
    project: Project,
    monkeypatch: pytest.MonkeyPatch,
    arguments: tuple[str, ...],
    status: int,
    said: str,
) -> None:
    project.write("a.csv")
    gone = project.folder / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    ran = project.run(*(each.replace("ROOT", str(project.root)) for each in arguments))
    monkeypatch.undo()
    assert (ran.exit_code, said in ran.text) == (status, True), ran.text
