"""What servers of either kind say about the task of an action, over a real socket."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from uuid import UUID

import pytest

from aqsync.aqueduct.client import Client
from aqsync.errors import NoConnection
from aqsync.model import ActionRun, ActionStart, ActionState
from aqsync.sync.action_tasks import ActionTasks, Answered
from tests.support.lab import Lab
from tests.support.scripted_server import (
    EID,
    EXPERIMENT,
    TASK_ID,
    WITH_TASKS,
    WITHOUT_TASKS,
    Answer,
    ScriptedServer,
    mutations,
    task,
)

RECEIVED = "2026-11-23T10:12:00+00:00"


@pytest.fixture
def run(lab: Lab) -> ActionRun:
    lab.scan()
    values = (("experiment", EID),)
    start = ActionStart(
        *("lab", "day", "key", "plots", "plot", EXPERIMENT["uuid"], b"1", values, RECEIVED)
    )
    return lab.journal.actions.begin(start, lab.clock.now_ns())


@pytest.fixture
def asking(lab: Lab, run: ActionRun) -> Iterator[Asking]:
    made = Asking(lab, run)
    yield made
    made.close()


class Asking:
    """Asks a server whose answers are written down."""

    def __init__(self, lab: Lab, run: ActionRun) -> None:
        self.lab, self.run = lab, run
        self._open: list[ScriptedServer | Client] = []

    def tasks(self, operations: list[str], **answers: Answer | list[Answer]) -> ActionTasks:
        server = ScriptedServer(**{"__type": mutations(operations), **answers})
        server.__enter__()
        client = Client(server.url)
        self._open += [client, server]
        return ActionTasks(client, self.lab.journal)

    def close(self) -> None:
        for each in self._open:
            if isinstance(each, Client):
                each.close()
            else:
                each.__exit__(None, None, None)


@pytest.mark.parametrize(("code", "state"), [(0, "succeeded"), (3, "failed")])
def test_a_server_without_tasks_has_run_it_when_it_answers(
    asking: Asking, code: int, state: str
) -> None:
    ran = {"returnCode": code, "stdout": "", "stderr": "!\n", "logExperiment": EID, "logFile": ""}
    tasks = asking.tasks(WITHOUT_TASKS, executeExtension={"executeExtension": ran})
    assert not tasks.exist()
    assert tasks.run(asking.run) == Answered(ActionState(state), result_code=code, said="!")


@pytest.mark.parametrize("operations", [WITH_TASKS, WITHOUT_TASKS])
def test_a_connection_that_breaks_off_tells_nothing(asking: Asking, operations: list[str]) -> None:
    tasks = asking.tasks(operations, executeExtension=None)
    assert tasks.run(asking.run) is None


def test_without_a_connection_nothing_was_sent(lab: Lab, run: ActionRun) -> None:
    with Client("http://127.0.0.1:9") as client:
        client.tasks._has_tasks = True
        answered = ActionTasks(client, lab.journal).run(run)
    assert answered is not None
    assert isinstance(answered.never_sent, NoConnection)


@pytest.mark.parametrize(
    ("status", "more", "state"),
    [
        ("PENDING", {}, "waiting on the server"),
        ("RECEIVED", {}, "waiting on the server"),
        ("STARTED", {}, "running"),
        ("SUCCESS", {"resultCode": 0}, "succeeded"),
        ("FAILURE", {"resultCode": 2, "stdErr": "a\nb"}, "failed"),
        ("FAILURE", {"resultCode": None}, "not run by the server"),
        ("REVOKED", {}, "cancelled"),
    ],
)
def test_a_task_says_how_the_run_stands(
    asking: Asking, status: str, more: dict[str, Any], state: str
) -> None:
    told = task(status, **more)
    tasks = asking.tasks(WITH_TASKS, executeExtension={"executeExtension": told})
    answered = tasks.run(asking.run)
    assert answered is not None
    assert (answered.state, answered.task) == (state, TASK_ID)
    if "stdErr" in more:
        assert (answered.result_code, answered.said) == (2, "a\nb")


@pytest.mark.parametrize(
    ("found", "is_ours"),
    [
        (task("SUCCESS"), True),
        (task("SUCCESS", parameters=[]), False),
        (task("SUCCESS", receivedAt="2026-11-23T10:11:54+00:00"), False),
        (task("SUCCESS", receivedAt="2026-11-23T11:11:56+01:00"), True),  # the margin
    ],
)
def test_a_task_is_found_by_its_parameters_and_time(
    asking: Asking, found: dict[str, object], *, is_ours: bool
) -> None:
    page = {"tasks": {"totalTasksCount": 1, "tasksData": [found]}}
    tasks = asking.tasks(WITH_TASKS, **{"tasks(": page})
    answered = tasks.find(asking.run)
    assert (answered is not None) is is_ours
    if answered is not None:
        assert UUID(answered.task) == UUID(TASK_ID)
        asking.lab.journal.actions.has_task(asking.run, TASK_ID, answered.state, 1)
        assert tasks.find(asking.run) is None, "it belongs to one run only"


def test_a_server_that_does_not_know_the_experiment_has_no_task_of_it(asking: Asking) -> None:
    tasks = asking.tasks(WITH_TASKS, **{"tasks(": ValueError("no such experiment")})
    assert tasks.find(asking.run) is None


def test_of_stderr_the_last_lines_are_kept(asking: Asking) -> None:
    lines = "\n".join(f"line {number}" for number in range(50))
    told = task("FAILURE", resultCode=1, stdErr=lines + "\n\n")
    tasks = asking.tasks(WITH_TASKS, executeExtension={"executeExtension": told})
    answered = tasks.run(asking.run)
    assert answered is not None
    assert answered.said.splitlines() == [f"line {number}" for number in range(40, 50)]
