"""What `aqsync history` and `aqsync status` tell of what happened, and of what is blind."""

from __future__ import annotations

from datetime import datetime
from hashlib import sha256

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
    assert paths("--until", "2d") == ["former: old.csv"]
    assert paths("--kind", "server-away") == ["server away"]
    assert len(paths("--kind", "uploaded", "--kind", "server-away")) == 5


def test_hashes_only_where_they_are_wanted(happened: Project) -> None:
    assert "SHA-256" not in happened.run("history").out
    assert happened.run("history", "--hash").out.count("SHA-256") == 3
    path = str(happened.root / "run/a.csv")
    digest = sha256(b"12345").hexdigest()
    assert digest not in happened.run("why", path).out
    assert digest in happened.run("why", path, "--hash").out


def test_a_summary_counts_by_day(happened: Project) -> None:
    ran = happened.run("history", "--summary", "--kind", "uploaded")
    assert ran.out.splitlines()[0].split() == ["DAY", "WHAT", "COUNT", "SIZE"]
    assert ran.out.splitlines()[-1].startswith("in all: 4 uploaded (")
    days = happened.run("history", "--summary", "--since", "2d", "--json").json["days"]
    assert {(day["what"], day["count"]) for day in days} >= {("server away", 1)}
    assert sum(day["count"] for day in days if day["what"] == "uploaded") == 3
    assert sum(day["bytes"] for day in days) >= 5
    assert happened.run("history", "--summary", "-n", "3").exit_code == 2
    assert happened.run("history", "--summary", "--until", "2000-01-01").out.startswith("nothing")


def test_the_json_answer(happened: Project) -> None:
    event = happened.run("history", "--json", "-n", "3").json["events"][0]
    assert datetime.fromisoformat(event.pop("at")).utcoffset() is not None
    assert event.pop("detail").startswith("5 bytes, SHA-256 ")
    assert datetime.fromisoformat(event.pop("written")).utcoffset() is not None
    assert event.pop("seconds") > 0
    assert event == {
        "experiment": happened.eid,
        "what": "uploaded",
        "mapping": "main",
        "path": str(happened.root / "run/a.csv"),
        "code": None,
        "bytes": 5,
        "sha256": sha256(b"12345").hexdigest(),
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
