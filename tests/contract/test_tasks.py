"""Tasks: how they are found, and how they end."""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import Any

import pytest

from tests.contract.tasks import (
    EXTENSION,
    Actions,
    cancel_refused,
    require_actions,
    task_refused,
    tasks_page,
    tasks_refused,
)
from tests.contract.wire import Aqueduct, Json, instant

TASK_MISSING = "DB query failed due to non-existing task with the specified task id."
NOT_A_UUID = "badly formed hexadecimal UUID string"


@pytest.fixture
def actions(aqueduct: Aqueduct, experiment: Json) -> Actions:
    require_actions(aqueduct)
    return Actions(aqueduct, experiment)


def uuids(tasks: list[Json]) -> list[str]:
    return [task["uuid"] for task in tasks]


def test_an_unknown_task(aqueduct: Aqueduct) -> None:
    assert task_refused(aqueduct, str(uuid.uuid4())) == TASK_MISSING
    refusal = cancel_refused(aqueduct, str(uuid.uuid4()))
    assert refusal == "DB query failed as task does not exist, or user has no access to cancel it."


def test_a_malformed_uuid(aqueduct: Aqueduct) -> None:
    assert NOT_A_UUID in task_refused(aqueduct, "20261123-1")
    assert NOT_A_UUID in cancel_refused(aqueduct, "20261123-1")


def test_a_page_that_is_too_long(aqueduct: Aqueduct) -> None:
    refusal = tasks_refused(aqueduct, offset=0, limit=501)
    assert refusal == "Maximum allowed limit for experiments is 500"


def test_the_experiment_of_a_filter_is_named_by_its_uuid(
    aqueduct: Aqueduct, experiment: Json
) -> None:
    by_eid = {"experiment": {"type": "EID", "value": experiment["eid"]}}
    refusal = tasks_refused(aqueduct, offset=0, limit=1, filters=by_eid)
    assert refusal == "Only UUID is supported as experiment identifier in Task filter"


def test_an_experiment_without_tasks(actions: Actions) -> None:
    assert actions.own() == []
    assert actions.listed() == {"totalTasksCount": 0, "tasksData": []}


def test_a_task_is_told_alike_everywhere(actions: Actions) -> None:
    task = actions.ran("echo", actions.parameters())
    assert actions.find(task) == task
    assert actions.listed()["tasksData"] == [task]
    experiment = task.pop("experiment")
    assert experiment == {key: actions.experiment[key] for key in ("uuid", "eid")}
    assert actions.own() == [task]


def test_tasks_are_listed_newest_first(actions: Actions) -> None:
    tasks = [actions.start("fail") for _ in range(3)]
    assert uuids(actions.listed()["tasksData"]) == uuids(tasks[::-1])
    assert uuids(actions.own()) == uuids(tasks[::-1])
    for task in tasks:
        actions.ended(task)


def test_pages(actions: Actions) -> None:
    tasks = uuids([actions.ran("fail") for _ in range(3)])[::-1]
    for offset, limit in ((0, 2), (1, 2), (3, 2), (0, 0), (-2, 1), (0, -1)):
        page = actions.listed(offset=offset, limit=limit)
        assert page["totalTasksCount"] == 3
        assert uuids(page["tasksData"]) == tasks[offset : offset + limit]


def test_limit_and_offset_of_the_filters_mean_nothing(actions: Actions) -> None:
    tasks = uuids([actions.ran("fail") for _ in range(2)])[::-1]
    identifier = {"type": "UUID", "value": actions.experiment["uuid"]}
    page = tasks_page(actions.aqueduct, {"experiment": identifier, "offset": 1, "limit": 1})
    assert (page["totalTasksCount"], uuids(page["tasksData"])) == (2, tasks)


def test_filters(actions: Actions) -> None:
    failed = actions.ran("fail")
    echoed = actions.ran("echo", actions.parameters())

    def found(**filters: Any) -> list[str]:
        page = actions.listed(**filters)
        assert page["totalTasksCount"] == len(page["tasksData"])
        return uuids(page["tasksData"])

    both = uuids([echoed, failed])
    assert found(actionName="fail") == [failed["uuid"]]
    assert found(actionName="FAIL") == []
    assert found(extensionName=EXTENSION) == both
    assert found(extensionName="Contract") == []
    assert found(username=failed["createdBy"]) == both
    assert found(username="nobody of this name") == []
    first, second = instant(failed["receivedAt"]), instant(echoed["receivedAt"])
    moment = timedelta(milliseconds=1)
    assert found(startDate=second.isoformat()) == [echoed["uuid"]]
    assert found(endDate=first.isoformat()) == [failed["uuid"]]
    assert found(startDate=first.isoformat(), endDate=second.isoformat()) == both
    assert found(startDate=(second + moment).isoformat()) == []
    assert found(endDate=(first - moment).isoformat()) == []


def test_the_tasks_of_another_experiment_are_not_listed(actions: Actions) -> None:
    other = Actions(actions.aqueduct, actions.aqueduct.create())
    actions.ran("fail")
    assert other.own() == []
    assert other.listed()["totalTasksCount"] == 0


def test_a_running_task_is_cancelled(actions: Actions) -> None:
    """An archived server needs a broker that reaches all workers: RabbitMQ, not a database."""
    task = actions.start("sleep")
    actions.started(task)
    assert actions.cancel(task)["uuid"] == task["uuid"]
    ended = actions.ended(task)
    assert ended["taskStatus"] == "REVOKED"
    assert instant(ended["endedAt"]) >= instant(ended["receivedAt"])


def test_cancelling_what_has_ended_changes_nothing(actions: Actions) -> None:
    task = actions.ran("fail")
    assert actions.cancel(task) == task
    assert actions.find(task) == task


def test_tasks_go_with_their_experiment(actions: Actions) -> None:
    task = actions.ran("fail")
    actions.aqueduct.remove(actions.experiment["uuid"])
    assert task_refused(actions.aqueduct, task["uuid"]) == TASK_MISSING
