"""What `aqsync status` and `why` say of files that are checked again."""

from __future__ import annotations

import time

import pytest

from aqsync.clock import SystemClock
from tests.support.project import Project

LATER_S = 7200


def test_status_and_why_say_when_a_young_file_is_checked_again(project: Project) -> None:
    for name in ("a.csv", "b.csv"):
        (project.root / name).write_bytes(b"data")
    assert project.run("push").exit_code == 0
    ran = project.run("status")
    assert ran.exit_code == 0
    assert "  2 files are checked again, the last in " in ran.out
    found = project.run("status", "--json").json["mappings"]["main"]["recheck"]
    assert (found["on"], found["files"]) == (True, 2)
    assert 0 < found["seconds"] <= 3600
    why = project.run("why", project.root / "a.csv", "--json").json
    assert (why["decision"], why["state"]) == ("InSync", "in sync")
    assert "; checked again in " in why["reason"]
    assert why["next"] == "the daemon, or the next push after that time, checks it again"


def test_one_that_is_due_is_read_by_the_next_push(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    (project.root / "a.csv").write_bytes(b"data")
    assert project.run("push").exit_code == 0
    now_ns, monotonic = time.time_ns, time.monotonic
    monkeypatch.setattr(SystemClock, "now_ns", lambda _clock: now_ns() + LATER_S * 10**9)
    monkeypatch.setattr(SystemClock, "monotonic", lambda _clock: monotonic() + LATER_S)
    assert (
        "  1 file is checked again, the last now, by the daemon or the next push"
        in project.run("status").out
    )
    why = project.run("why", project.root / "a.csv")
    assert why.exit_code == 0
    assert "it is read again, and sent if its content is not what was sent" in why.out
    assert project.run("push").exit_code == 0
    assert "checked again" not in project.run("status").out
    assert project.run("status", "--json").json["mappings"]["main"]["recheck"] == {
        "on": True,
        "files": 0,
        "seconds": None,
    }


def test_status_says_what_is_not_looked_for(project: Project) -> None:
    project.configure(recheck=False)
    (project.root / "a.csv").write_bytes(b"data")
    assert project.run("push").exit_code == 0
    ran = project.run("status")
    assert ran.exit_code == 0
    assert "(recheck: off)" in ran.out
    assert project.run("status", "--json").json["mappings"]["main"]["recheck"]["on"] is False


def test_off_is_what_yaml_takes_for_it(project: Project) -> None:
    text = project.config.read_text(encoding="utf-8")
    project.config.write_text(text.replace("settle: 0s", "settle: 0s\n  recheck: off"), "utf-8")
    assert "(recheck: off)" in project.run("status").out
