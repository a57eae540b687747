"""``aqsync extensions`` and ``aqsync tasks``."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest

from aqsync.aqueduct.records import Execution
from aqsync.aqueduct.server_tasks import ServerTasks
from tests.contract.tasks import EXTENSION
from tests.support.remote import Remote

TASK_KEYS = {
    "uuid", "status", "extension", "action", "experiment", "parameters", "created_by",
    "received_at", "ended_at", "result_code", "std_out", "std_err",
}  # fmt: skip
RUN = ("extensions", "run", EXTENSION)


def start(remote: Remote, action: str) -> str:
    out = remote.did(*RUN, action, "--experiment", remote.eid, "--no-wait")
    [uuid] = out.split()
    return uuid


def test_list(remote: Remote) -> None:
    lines = remote.did("extensions", "list").splitlines()
    assert lines[0].split() == ["EXTENSION", "ACTION", "DESCRIPTION"]
    assert f"{EXTENSION}  echo    Prints what it was given." in lines
    names = {each["name"] for each in remote.json("extensions", "list")}
    assert EXTENSION in names


def test_show(remote: Remote) -> None:
    out = remote.did("extensions", "show", EXTENSION)
    assert "authors:      nobody@example.org" in out.splitlines()
    assert "action:       echo" in out.splitlines()
    assert ["note", "textarea", "(needed)"] in [line.split()[:3] for line in out.splitlines()]
    assert "one of one, two words, three" in out
    found = remote.json("extensions", "show", EXTENSION)
    assert found.keys() == {"name", "description", "authors", "actions"}
    echo = found["actions"][0]
    assert echo.keys() == {"name", "description", "experiment_variable_name", "parameters"}
    assert echo["experiment_variable_name"] == "where"
    choice = next(each for each in echo["parameters"] if each["name"] == "choice")
    assert choice == {
        "name": "choice",
        "display_name": None,
        "description": "one of some",
        "data_type": "select",
        "default_value": "two words",
        "options": ["one", "two words", "three"],
    }


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["show", "nix"], "no extension 'nix'"),
        (["run", "nix", "echo"], "no extension 'nix'"),
        (["run", EXTENSION, "nix"], "has no action 'nix'"),
    ],
)
def test_what_the_server_does_not_have(
    remote: Remote, arguments: list[str], complaint: str
) -> None:
    assert complaint in remote.refused(1, "extensions", *arguments)


def test_run_prints_what_the_action_wrote(remote: Remote) -> None:
    given = ["-p", "note=a=b\nc", "-p", "count=-7", "-p", "flag=false", "--param", "choice=one"]
    ran = remote.run(*RUN, "echo", *given, "--experiment", str(remote.experiment.uuid))
    assert ran.exit_code == 0, ran.text
    assert ran.out == f"1|a=b\nc|-7|0.5|0|one|{remote.eid}|a constant value|7|"
    assert ran.err.endswith("SUCCESS\nto stderr")


@pytest.mark.parametrize("by", ["eid", "uuid"])
def test_run_as_json(remote: Remote, by: str) -> None:
    where = f"where={getattr(remote.experiment, by)}"
    found = remote.json(*RUN, "echo", "-p", "note=", "-p", where)
    assert found.keys() == TASK_KEYS
    assert (found["status"], found["result_code"]) == ("SUCCESS", 0)
    assert found["experiment"] == found["parameters"]["where"] == remote.eid
    assert found["std_err"] == "to stderr"
    assert remote.json("tasks", "show", found["uuid"]) == found


def test_a_failing_action_is_exit_code_1(remote: Remote) -> None:
    ran = remote.run(*RUN, "fail", "--experiment", remote.eid)
    assert (ran.exit_code, ran.out) == (1, "before\n")
    assert ran.err.endswith(
        f"trouble\nerror: action 'fail' of {EXTENSION!r} ended with exit code 3\n"
    )
    ran = remote.run(*RUN, "fail", "--experiment", remote.eid, "--json")
    assert (ran.exit_code, ran.json["status"], ran.json["result_code"]) == (1, "FAILURE", 3)
    assert ran.err == ""


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["-p", "count=x"], "'note' is missing; 'count' is not an int"),
        (["-p", "note=", "-p", "wrong=1"], "'wrong' is unexpected"),
        (["-p", "note"], "not of the form name=value"),
        (["-p", "=note"], "not of the form name=value"),
        (["-p", "note=1", "-p", "note=2"], "given twice"),
        (["-p", "where=20261123-1"], "name the experiment both"),
        (["--timeout", "soon"], "--timeout"),
        (["--timeout", "1s", "--no-wait"], "--timeout"),
    ],
)
def test_wrong_values_start_nothing(remote: Remote, arguments: list[str], complaint: str) -> None:
    wrong = remote.refused(2, *RUN, "echo", "--experiment", remote.eid, *arguments)
    assert complaint in " ".join(wrong.split())
    assert remote.json("tasks", "list", "--experiment", remote.eid) == []


def test_an_experiment_is_needed(remote: Remote) -> None:
    assert "'where' is missing" in remote.refused(2, *RUN, "fail")
    assert "does not exist" in remote.refused(1, *RUN, "fail", "--experiment", "20200101-9999")


def test_what_takes_too_long_goes_on_and_is_cancelled(remote: Remote) -> None:
    complaint = remote.refused(1, *RUN, "sleep", "--experiment", remote.eid, "--timeout", "0")
    assert "had not ended after 0 s; it goes on" in complaint
    [task] = remote.json("tasks", "list", "--experiment", remote.eid)
    assert f"aqsync tasks cancel {task['uuid']}" in complaint
    assert task["ended_at"] is None
    assert "was asked to end" in remote.did("tasks", "cancel", task["uuid"])
    cancelled = remote.json("tasks", "cancel", task["uuid"])
    assert cancelled["uuid"] == task["uuid"]


def test_list_of_tasks(remote: Remote) -> None:
    first, second = (start(remote, "fail") for _ in range(2))
    mine = ("tasks", "list", "--experiment", remote.eid)
    lines = remote.did(*mine).splitlines()
    assert lines[0].split() == ["TASK", "STATUS", "ACTION", "EXPERIMENT", "RECEIVED"]
    assert [line.split()[0] for line in lines[1:]] == [second, first]
    ran = remote.run(*mine, "--limit", "1")
    assert len(ran.out.splitlines()) == 2
    assert ran.err == "1 of 2 tasks; --all lists every one\n"

    def found(*filters: str) -> list[str]:
        tasks = remote.json(*mine, *filters)
        assert all(task.keys() == TASK_KEYS for task in tasks)
        return [task["uuid"] for task in tasks]

    assert found("--extension", EXTENSION, "--action", "fail") == [second, first]
    assert found("--action", "echo") == found("--extension", "x") == found("--user", "x") == []
    assert found("--since", "1h") == found("--until", "2999-01-01") == [second, first]
    assert found("--until", "1h") == found("--since", "2999-01-01") == []
    ran = remote.run(*mine, "--action", "echo")
    assert (ran.exit_code, ran.out, ran.err) == (0, "", "no tasks found\n")


def test_all_tasks(remote: Remote, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("aqsync.cli.commands.tasks._PAGE", 2)
    started = {start(remote, "fail") for _ in range(5)}
    listed = remote.json("tasks", "list", "--experiment", remote.eid, "--all")
    assert {task["uuid"] for task in listed} == started
    assert "together" in remote.refused(2, "tasks", "list", "--all", "--limit", "1")


def test_show_a_task(remote: Remote) -> None:
    uuid = remote.json(*RUN, "echo", "-p", "note=\x1b[2J", "--experiment", remote.eid)["uuid"]
    lines = remote.did("tasks", "show", uuid).splitlines()
    assert "status:      SUCCESS" in lines
    assert "exit code:   0" in lines
    assert f"experiment:  {remote.eid} (command line)" in lines
    assert "note       \\x1b[2J" in lines
    assert lines[-2:] == ["errors:", "to stderr"]
    assert "has ended already: SUCCESS" in remote.did("tasks", "cancel", uuid)


@pytest.mark.parametrize("command", ["show", "cancel"])
def test_no_such_task(remote: Remote, command: str) -> None:
    assert "does not exist" in remote.refused(1, "tasks", command, str(uuid4()))
    assert "UUID" in remote.refused(2, "tasks", command, "no-uuid")


class TestServerWithoutTasks:
    """An older server runs an action and answers when it has ended."""

    @pytest.fixture(autouse=True)
    def old_server(self, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
        asked: dict[str, Any] = {}

        def execute(
            _: ServerTasks, extension: str, action: str, values: Any, timeout: float | None
        ) -> Execution:
            asked.update(extension=extension, action=action, values=values, timeout=timeout)
            return Execution(int(action == "fail"), "out\n", "err\n", "20261123-1", "log")

        monkeypatch.setattr(ServerTasks, "exist", lambda _: False)
        monkeypatch.setattr(ServerTasks, "execute_to_the_end", execute)
        return asked

    def test_its_answer_is_printed(self, remote: Remote, old_server: dict[str, Any]) -> None:
        given = ("-p", "note=n", "--experiment", remote.eid)
        ran = remote.run(*RUN, "echo", *given, "--timeout", "2m")
        assert (ran.exit_code, ran.out, ran.err) == (0, "out\n", "err\n")
        assert old_server["timeout"] == 120
        assert dict(old_server["values"])["where"] == remote.eid
        answer = remote.json(*RUN, "echo", *given)
        assert answer.keys() == TASK_KEYS
        assert (answer["uuid"], answer["status"], answer["std_out"]) == (None, "SUCCESS", "out\n")

    def test_failure_is_exit_code_1(self, remote: Remote) -> None:
        ran = remote.run(*RUN, "fail", "--experiment", remote.eid)
        assert ran.exit_code == 1
        assert ran.err.endswith("error: action 'fail' ended with exit code 1\n")

    def test_it_must_be_waited_for(self, remote: Remote) -> None:
        complaint = remote.refused(1, *RUN, "fail", "--experiment", remote.eid, "--no-wait")
        assert "leave out --no-wait" in complaint
