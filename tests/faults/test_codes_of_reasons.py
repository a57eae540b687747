"""The codes of reasons in what programs read: they never change, whatever the words do."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.project import Project


def code(problems: list[dict[str, Any]]) -> str:
    [problem] = problems
    found: str = problem["code"]
    return found


def test_every_command_tells_the_same_code(project: Project) -> None:
    file = project.write("a.csv", "ours")
    project.pushed()
    project.remove("a.csv")
    pushed = project.push().json
    status = project.run("status", "--json").json
    why = project.run("why", file, "--json").json
    assert code(pushed["problems"]) == "removed-on-server"
    assert code(status["mappings"]["main"]["problems"]) == "removed-on-server"
    assert why["code"] == "removed-on-server"
    assert pushed["server"] is None
    assert status["server"] is None


@pytest.mark.usefixtures("hurried")
def test_a_server_that_is_away_has_a_code(project: Project) -> None:
    project.write("a.csv")
    project.configure(server={"url": "http://127.0.0.1:9"})
    pushed = project.push().json
    assert pushed["server"]["code"] == "server-unreachable"
    status = project.run("status", "--json").json
    assert status["server"]["code"] == "server-unreachable"
    assert status["server"]["message"] == pushed["server"]["reason"]
    events = project.run("history", "--json").json["events"]
    assert [(each["what"], each["code"]) for each in events] == [
        ("server away", "server-unreachable")
    ]


def test_a_path_that_is_not_selected_has_a_code(project: Project) -> None:
    project.configure(ignore=["skip"])
    skipped = project.write("skip", "x")
    project.pushed()
    assert project.run("why", skipped, "--json").json["code"] == "not-selected"
    assert project.run("why", project.root / "nothing", "--json").json["code"] == "never-seen"
