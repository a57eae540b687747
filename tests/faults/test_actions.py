"""Actions on measurements by the real commands and a real server that runs real scripts."""

from __future__ import annotations

from uuid import UUID

import pytest

from aqsync.aqueduct.records import TaskRecord
from tests.support.patience import wait_until
from tests.support.project import Project

EXTENSION = "Contract suite"
RUN = "2026-11-30/run_1"


def configure(project: Project, *actions: dict[str, object]) -> None:
    section = {"folder": "{date}/{run}/", "complete": {"sentinel": ["done.tag"]}}
    project.configure(measurement=section, actions=list(actions))


def measure(project: Project, run: str = RUN) -> None:
    project.write(f"{run}/iq.csv", run)
    project.write(f"{run}/done.tag")


def tasks(project: Project) -> list[TaskRecord]:
    return [*project.server.tasks.find(experiment=project.experiment.uuid, limit=500).tasks]


def all_ended(project: Project) -> bool:
    return all(task.status.ended for task in tasks(project))


def test_what_an_action_did_is_told_by_every_command(project: Project) -> None:
    echo = {"action": "echo", "parameters": {"note": "{date}: {run}", "choice": "three"}}
    configure(project, {"extension": EXTENSION, **echo}, {"extension": EXTENSION, "action": "fail"})
    checked = project.run("check", "--online")
    assert checked.exit_code == 0
    assert f"the server has the action {EXTENSION}/echo and takes its values" in checked.out
    measure(project)
    project.push()
    wait_until(lambda: all_ended(project), "both tasks end")
    project.push()
    found = {task.action_name: task for task in tasks(project)}
    assert sorted(found) == ["echo", "fail"]
    assert len(tasks(project)) == 2
    told = "1|2026-11-30: run_1|5|0.5|true|three|"
    assert (found["echo"].std_out or "").startswith(told.replace("true", "1"))

    status = project.run("status").out
    assert "  actions: 1 succeeded, 1 failed\n" in status
    assert f"    {RUN}: {EXTENSION}/fail failed (exit code 3): trouble\n" in status
    [measurement] = project.run("status", "--json").json["mappings"]["main"]["measurements"]
    runs = {run["action"]: run for run in measurement["actions"]}
    assert runs["echo"]["state"] == "succeeded"
    assert UUID(runs["echo"]["task"]) == found["echo"].uuid
    assert (runs["fail"]["exit_code"], runs["fail"]["said"]) == (3, "trouble")
    assert f"{EXTENSION}/fail failed (exit code 3)" in project.run("ls", "--measurements").out
    why = project.run("why", project.root / RUN / "iq.csv").out
    assert f"  action:     {EXTENSION}/fail failed (exit code 3), task {found['fail'].uuid}" in why
    assert "trouble" in project.run("why", project.root / RUN).out
    failed = project.run("history", "--kind", "action-failed").out
    assert f"{EXTENSION}/fail: failed; exit code 3; trouble" in failed

    assert "1 action wanted again" in project.run("retry", "--actions").out
    assert "and is run again" in project.run("status").out
    project.push()
    assert len(tasks(project)) == 3
    assert "nothing to run again" in project.run("retry", "--actions", project.root / RUN).out
    assert "nothing to leave" in project.run("retry", "--actions", "--leave").out
    assert project.run("retry", "--leave").exit_code == 2


@pytest.mark.parametrize(
    ("action", "said"),
    [
        ({"extension": "Plots", "action": "t1"}, "the server has no extension Plots"),
        ({"extension": EXTENSION, "action": "t1"}, "the server has no action t1"),
        ({"extension": EXTENSION, "action": "echo"}, "'note' is missing"),
    ],
)
def test_what_cannot_be_run_is_told_and_nothing_is_begun(
    project: Project, action: dict[str, object], said: str
) -> None:
    configure(project, action)
    checked = project.run("check", "--online")
    assert checked.exit_code == 2
    assert said in checked.err
    measure(project)
    project.push()
    assert tasks(project) == []
    status = project.run("status").out
    assert "  actions: 1 not begun\n" in status
    assert said in status
    assert (
        said
        in project.run("status", "--json").json["mappings"]["main"]["action_problems"][0]["reason"]
    )


def test_actions_need_measurements(project: Project) -> None:
    project.configure(actions=[{"extension": EXTENSION, "action": "fail"}])
    checked = project.run("check")
    assert checked.exit_code == 2
    assert "no measurement says when something has arrived" in checked.err
    configure(project, {"extension": "x", "action": "y", "parameters": {"a": "{eid}"}})
    assert "{eid} in '{eid}' does not stand in the measurement's folder" in project.run("check").err
    configure(project, {"extension": "x", "action": "y", "parameters": {"a": 3}})
    assert "in quotes it is text" in project.run("check").err
