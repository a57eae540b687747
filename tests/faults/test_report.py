"""``aqsync report``: one page for the lab, whatever has happened, and no folder of this machine."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from aqsync.clock import SystemClock
from aqsync.journal import Journal
from aqsync.journal.history import Event, HistoryKind
from aqsync.model import SECOND_NS, Reason
from tests.support.daemon import Daemon
from tests.support.permissions import bound_by_permissions
from tests.support.project import Project

HOUR_NS = 3600 * SECOND_NS
EVIL = "<img src=x onerror=alert(1)>.csv"


@pytest.fixture
def happened(project: Project) -> Project:
    """Two uploads, a failure, an absence of the server, and a mapping that is no more."""
    project.write("run/a.csv", "12345")
    project.write(EVIL, "123")
    project.pushed()
    now_ns = SystemClock().now_ns()
    failed = Event(
        *(now_ns - HOUR_NS, HistoryKind.FAILED, "main", "run/b.csv"),
        f"'{project.root}/run/b.csv' cannot be read, see {project.folder}/log",
        Reason.FILE_UNREADABLE,
    )
    former = Event(now_ns - HOUR_NS, HistoryKind.UPLOADED, "former", "old.dat", "", None, 1000)
    with Journal.open_for_writing(project.journal, now_ns) as journal:
        for event in (
            *(failed, former),
            former._replace(at_ns=now_ns - 800 * HOUR_NS),
            Event(now_ns - 3 * HOUR_NS, HistoryKind.SERVER_AWAY, "", "", "no connection"),
            Event(now_ns - 2 * HOUR_NS, HistoryKind.SERVER_BACK, "", "", "after 1 h"),
        ):
            journal.history.note(event)
    return project


def told(project: Project, *arguments: str) -> dict[str, Any]:
    ran = project.run("report", "--json", *arguments)
    assert ran.exit_code == 0, ran.text
    return ran.json


def test_it_tells_what_happened(happened: Project) -> None:
    answer = told(happened)
    assert answer["verdict"] == "all up there"
    assert (answer["uploads"]["files"], answer["uploads"]["bytes"]) == (3, 1008)
    assert {each["mapping"]: each["configured"] for each in answer["mappings"]} == {
        "main": True,
        "former": False,
    }
    assert {each["kind"]: each["files"] for each in answer["kinds"]} == {".csv": 2, ".dat": 1}
    titles = {each["experiment"]: (each["title"], each["url"]) for each in answer["experiments"]}
    url = f"{happened.url}/aqd/experiments/{happened.eid}"
    assert titles == {happened.eid: ("faults", url), None: (None, None)}
    [failure] = answer["failures"]
    assert failure["reason"] == "'main/run/b.csv' cannot be read, see …/log"
    [away] = answer["server_away"]
    assert (away["seconds"], away["over"], away["reason"]) == (3600, True, "no connection")
    assert answer["largest"][0]["path"] == "old.dat"
    assert answer["now"]["mappings"][0]["in_sync"] == 2


def test_only_one_mapping_and_only_some_time(happened: Project) -> None:
    assert told(happened, "--mapping", "main")["uploads"]["files"] == 2
    former = told(happened, "--mapping", "former", "--since", "60d")
    assert (former["uploads"]["files"], former["now"]["mappings"]) == (2, [])
    assert former["verdict"] == "not configured", "nothing is known of its files"
    assert told(happened, "--until", "10d", "--since", "60d")["uploads"]["files"] == 1
    assert happened.run("report", "--mapping", "none").exit_code == 2
    assert happened.run("report", "--since", "1d", "--until", "2d").exit_code == 2
    assert happened.run("report", "--json", "-o", "x.html").exit_code == 2


def test_the_page_is_written_and_said(happened: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(happened.folder)
    ran = happened.run("report")
    [place] = happened.folder.glob("aqsync-report-*.html")
    assert re.search(r"-\d{4}-\d\d-\d\d-to-\d{4}-\d\d-\d\d\.html$", place.name)
    assert ran.out == f"the report is {place.name}: all up there\n"
    html = place.read_text()
    assert str(happened.folder) not in html
    assert "<img" not in html
    assert "default-src 'none'" in html.partition("<title>")[0], "whatever names hold"
    assert f"main/{EVIL.replace('<', '&lt;').replace('>', '&gt;')}" in html
    assert happened.run("report", "-o", "-").out.startswith("<!DOCTYPE html>")
    assert happened.run("report", "-o", "r.json").exit_code == 0
    assert json.loads((happened.folder / "r.json").read_text())["format"] == "aqsync-report"


def test_what_is_waiting_is_told_below_its_mapping(happened: Project) -> None:
    happened.put("run~c.csv", "of others")
    happened.write("run/c.csv")
    happened.push()
    answer = told(happened)
    assert answer["verdict"] == "needs you"
    [group] = answer["now"]["mappings"][0]["groups"]
    assert (group["code"], group["below"], group["needs_you"]) == (
        "conflict-name-taken",
        "run/c.csv",
        True,
    )
    assert group["hint"]
    assert str(happened.folder) not in json.dumps(answer)


def test_freed_files_are_told_until_they_are_back(happened: Project) -> None:
    ran = happened.run("free", "main", "--older-than", "0s", "--yes")
    assert ran.exit_code == 0, ran.text
    answer = told(happened)
    assert answer["freed"] == [{"mapping": "main", "files": 2, "bytes": 8}]
    assert (answer["mappings"][0]["freed"], answer["verdict"]) == (2, "all up there")
    assert told(happened, "--until", "1d")["freed"] == []


def test_experiments_that_made_themselves_have_their_titles_without_the_server(
    project: Project,
) -> None:
    project.configure(experiment="new", path="{name}/**", title="run {name}")
    project.write("rabi/iq.csv")
    project.pushed()
    project.configure(
        experiment="new", path="{name}/**", title="run {name}", server={"url": "http://127.0.0.1:1"}
    )
    ran = project.run("report", "--json", "--no-scan")
    assert [each["title"] for each in ran.json["experiments"]] == ["run rabi"]
    assert ran.err == "", "there was nothing to ask it"
    assert [each["path"] for each in ran.json["experiments_made"]] == ["rabi"]


@pytest.mark.long
def test_a_daemon_that_runs_is_not_disturbed(happened: Project) -> None:
    with Daemon(happened).start():
        before = happened.run("status", "--json").json["daemon"]["process"]
        assert told(happened)["verdict"] == "all up there"
        assert happened.run("status", "--json").json["daemon"]["process"] == before


def test_without_a_journal_it_is_a_report_of_nothing(project: Project) -> None:
    answer = told(project)
    assert (answer["uploads"]["files"], answer["failures"], answer["server_away"]) == (0, [], [])
    project.write("a.csv")
    assert told(project)["verdict"] != "all up there"
    assert not project.journal.exists(), "it only reports"
    assert "nothing was sent" in project.run("report", "-o", "-").out


def test_without_the_server_only_titles_are_missing(happened: Project) -> None:
    happened.configure(server={"url": "http://127.0.0.1:1"})
    ran = happened.run("report", "--json")
    assert ran.exit_code == 0
    assert "titles of experiments are missing" in ran.err
    assert [each["title"] for each in ran.json["experiments"]] == [None, None]


def test_a_report_that_cannot_be_written_leaves_the_earlier_one(happened: Project) -> None:
    folder = happened.folder / "closed"
    folder.mkdir()
    place = folder / "r.html"
    assert happened.run("report", "-o", place).exit_code == 0
    before = place.read_bytes()
    with bound_by_permissions():
        folder.chmod(0o500)
        ran = happened.run("report", "-o", place)
        folder.chmod(0o700)
    assert ran.exit_code != 0
    assert str(place) in ran.err
    assert place.read_bytes() == before
    assert list(folder.iterdir()) == [place]


def test_the_token_is_not_in_it(happened: Project) -> None:
    token = happened.folder / "token"
    token.write_text("verysecret")
    token.chmod(0o600)
    happened.configure(server={"token_file": str(token)})
    for more in ((), ("--json",)):
        out = happened.run("report", "-o", "-", *more).out
        assert "verysecret" not in out
        assert str(Path(token)) not in out
