"""What `aqsync history` and `aqsync status` tell of what happened, and of what is blind."""

from __future__ import annotations

from datetime import datetime

import pytest

from aqsync.clock import SystemClock
from aqsync.journal import Journal
from aqsync.journal.history import Event, HistoryKind
from aqsync.model import Problem
from tests.support.project import Project
from tests.support.reasons import said

HOUR_NS = 3600 * 1_000_000_000


@pytest.fixture
def happened(project: Project) -> Project:
    """An old event, one of the server, and three uploads."""
    project.write("run/a.csv", "12345")
    now_ns = SystemClock().now_ns()
    with Journal.open_for_writing(project.journal, now_ns) as journal:
        old_ns = now_ns - 100 * HOUR_NS
        uploaded = Event(old_ns, HistoryKind.UPLOADED, "former", "old.csv", "1 bytes")
        journal.history.note(uploaded)
        away = Event(now_ns - HOUR_NS, HistoryKind.SERVER_AWAY, "", "", "no connection")
        journal.history.note(away)
    project.pushed()
    project.write("run/deep/b.csv")
    project.write("c\n.csv")
    project.pushed()
    return project


def test_what_happened_comes_youngest_last(happened: Project) -> None:
    ran = happened.run("history")
    assert ran.exit_code == 0
    heading, *lines = ran.out.splitlines()
    assert heading.split() == ["TIME", "WHAT", "PATH", "DETAIL"]
    assert [line.split()[2:5] for line in lines[:3]] == [
        ["uploaded", "former:", "old.csv"],
        ["server", "away", "no"],
        ["uploaded", str(happened.root / "run/a.csv"), "5"],
    ]
    assert len(lines) == 5
    assert str(happened.root / "c\\n.csv") in ran.out, "one line each, whatever the name"


def test_only_some_of_it(happened: Project) -> None:
    def paths(*arguments: str) -> list[str | None]:
        events = happened.run("history", "--json", *arguments).json["events"]
        return sorted(event["path"] or event["what"] for event in events)

    root = happened.root
    assert paths(str(root / "run")) == [str(root / "run/a.csv"), str(root / "run/deep/b.csv")]
    assert paths(str(root / "run/deep/b.csv")) == [str(root / "run/deep/b.csv")]
    assert len(paths("--mapping", "main")) == len(paths(str(root))) == 3
    assert len(paths("--since", "2d")) == 4
    assert len(paths("-n", "2")) == 2
    assert paths("--since", "2d", "-n", "1", str(root / "run/a.csv")) == [str(root / "run/a.csv")]


def test_the_json_answer(happened: Project) -> None:
    event = happened.run("history", "--json", "-n", "3").json["events"][0]
    assert datetime.fromisoformat(event.pop("at")).utcoffset() is not None
    assert event.pop("detail").startswith("5 bytes, SHA-256 ")
    assert event == {
        "what": "uploaded",
        "mapping": "main",
        "path": str(happened.root / "run/a.csv"),
        "code": None,
    }


def test_nothing_has_happened(project: Project) -> None:
    assert "no journal" in project.run("history").err
    project.pushed()
    assert project.run("history").out == "nothing is known to have happened\n"


def test_what_cannot_be_asked(happened: Project) -> None:
    assert happened.run("history", "--mapping", "none").exit_code == 2
    assert happened.run("history", "--since", "soon").exit_code == 2
    assert happened.run("history", "/elsewhere").exit_code == 2


def test_status_says_why_events_cannot_be_trusted(project: Project) -> None:
    project.pushed()
    assert project.run("status", "--json").json["mappings"]["main"]["watch"] is None
    now_ns = SystemClock().now_ns()
    with Journal.open_for_writing(project.journal, now_ns) as journal:
        mapping_id = journal.mappings.get("main").id
        problem = Problem(
            said("5 of 7 directories are not watched", "sudo sysctl"), now_ns - 3 * HOUR_NS
        )
        journal.mappings.set_watch(mapping_id, problem)
    ran = project.run("status")
    assert ran.exit_code == 0, "everything is in sync all the same"
    assert "5 of 7 directories are not watched (for 3 h)\n    hint: sudo sysctl\n" in ran.out
    watch = project.run("status", "--json").json["mappings"]["main"]["watch"]
    assert (watch["reason"], watch["hint"]) == (problem.message, problem.hint)
    assert datetime.fromisoformat(watch["since"]).utcoffset() is not None
