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
