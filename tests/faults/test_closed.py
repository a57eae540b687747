"""Transfer windows and pauses, as the commands tell and obey them."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from aqsync.clock import SystemClock
from aqsync.journal import Journal
from tests.support.project import Project

HOUR_NS = 3600 * 1_000_000_000


def closed_window() -> str:
    """A window that opens in some hours."""
    opens = datetime.now().astimezone() + timedelta(hours=12)
    return f"{opens:%H}:00-{opens:%H}:30"


def pause(project: Project, mapping: str = "main", *, since_ns: int = 0) -> None:
    now_ns = SystemClock().now_ns()
    with Journal.open_for_writing(project.journal, now_ns) as journal:
        journal.pauses.pause(mapping, now_ns - since_ns, now_ns + 10 * HOUR_NS)


def test_a_push_outside_the_windows_says_so_at_once(project: Project) -> None:
    window = closed_window()
    project.configure(transfer={"windows": [window]})
    project.write_some(3)
    ran = project.push()
    assert ran.exit_code == 1
    assert (ran.json["uploaded"], ran.json["waiting"]) == (0, 3)
    [problem] = ran.json["problems"]
    assert problem["reason"] == f"outside the transfer windows ({window}); files waiting: 3"
    assert "aqsync push --now" in problem["hint"]
    assert project.remote_names() == set()


@pytest.mark.parametrize("mapping", ["main", ""])
def test_what_is_paused_waits_and_says_so(project: Project, mapping: str) -> None:
    project.write("a.csv")
    pause(project, mapping, since_ns=3 * HOUR_NS)
    ran = project.run("push")
    assert ran.exit_code == 1
    expected = f"waiting: {project.root}: paused by a person; files waiting: 1 (for 3 h)"
    assert expected in ran.out
    command = f"aqsync resume {mapping}".rstrip()
    assert f"  hint: `{command}` ends the pause" in ran.out
    assert expected in project.run("status").out
    why = project.run("why", project.root / "a.csv")
    assert "reason:     paused by a person" in why.out
    assert "next:       it is looked at again in 10 h" in why.out
    assert project.remote_names() == set()


def test_a_rehearsal_tells_the_same(project: Project) -> None:
    project.write("a.csv")
    pause(project)
    ran = project.run("push", "--dry-run")
    assert f"waiting: {project.root / 'a.csv'}: paused by a person" in ran.out
    assert (
        f"would upload: {project.root / 'a.csv'}" in project.run("push", "--dry-run", "--now").out
    )
    assert ran.exit_code == 1


def test_now_means_now(project: Project) -> None:
    project.configure(transfer={"windows": [closed_window()]})
    project.write("a.csv")
    pause(project)
    assert project.pushed("--now")["uploaded"] == 1
    assert project.run("status").exit_code == 0, "nothing is left that would have to wait"


def test_a_file_that_failed_is_set_free_while_paused(project: Project) -> None:
    project.write("a.csv", "ours")
    project.put("a.csv", "theirs")
    project.push()
    pause(project)
    assert project.run("retry").out.startswith("1 file set free")
