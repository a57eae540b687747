"""Extensions and tasks of the API, run for real by the embedded server."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import pytest

from aqsync import API, Experiment, Extension, ExtensionAction, Task
from aqsync.errors import BadParameters, TaskNotFound, TaskUnfinished
from tests.support.embedded import EmbeddedServer
from tests.support.extensions import parameter, wait_for, write_extension
from tests.support.patience import HANG_S

ECHO = """
echo "$experiment|$word|$times|$factor|$loud|$style"
echo "to stderr" >&2
"""
WAIT = """
echo started
echo running > "$marker"
exec sleep 600
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedServer]:
    folder = tmp_path_factory.mktemp("api")
    values = [
        parameter("word", "str", display_name="Word", default_value="a\nb"),
        parameter("times", "int"),
        parameter("factor", "float", default_value=1.5),
        parameter("loud", "bool", default_value=False),
        parameter("style", "select", options=["plain", "bold"], default_value="plain"),
    ]
    write_extension(folder / "extensions" / "echo", {"echo": ECHO}, parameters=values)
    marker = [parameter("marker", "str", default_value="-")]
    scripts = {"fail": "exit 3", "wait": WAIT}
    write_extension(folder / "extensions" / "other", scripts, parameters=marker)
    with EmbeddedServer(folder / "data", extensions=folder / "extensions") as running:
        yield running


@pytest.fixture
def api(server: EmbeddedServer) -> Iterator[API]:
    with API(server.url, 10) as found:
        yield found


@pytest.fixture
def experiment(api: API) -> Iterator[Experiment]:
    made = api.create_experiment("extensions", "")
    yield made
    api.remove_experiment_by_eid(made.eid)


def extension(api: API, name: str) -> Extension:
    return next(found for found in api.get_extensions() if found.name == name)


def action(api: API, name: str) -> ExtensionAction:
    actions = [each for found in api.get_extensions() for each in found.actions]
    return next(each for each in actions if each.name == name)


def test_extensions_are_what_their_manifests_say(api: API) -> None:
    echo = extension(api, "echo")
    assert (echo.authors, echo.description) == ("nobody", "made for a test")
    [only] = echo.actions
    assert only.experiment_variable_name == "experiment"
    by_name = {each.name: each for each in only.parameters}
    assert list(by_name) == ["experiment", "word", "times", "factor", "loud", "style"]
    assert by_name["word"].displayName == "Word"
    assert by_name["times"].dataType == "int"
    assert by_name["times"].defaultValue is None
    assert by_name["style"].options == ["plain", "bold"]


def test_an_action_runs_to_its_end(api: API, experiment: Experiment) -> None:
    seen: list[str] = []
    result = action(api, "echo").execute(
        {"experiment": experiment, "word": "µ 漢 '\"$x", "times": 3, "loud": True, "factor": "2e3"},
        progress=lambda status, _: seen.append(status),
    )
    assert result.stdout == f"{experiment.eid}|µ 漢 '\"$x|3|2e3|1|plain\n"
    assert result.stderr == "to stderr\n"
    assert (result.returnCode, result.logExperiment, result.logFile) == (0, experiment.eid, "")
    assert seen[-1] == "SUCCESS"
    task = result.task
    assert task is not None
    assert (task.task_status, task.result_code) == ("SUCCESS", 0)
    assert (task.std_out, task.std_err) == (result.stdout, result.stderr)
    assert task.experiment == experiment
    assert task.ended_at is not None
    assert task.received_at <= task.ended_at <= datetime.now(UTC) + timedelta(seconds=5)
    values = {each.key.name: each.value for each in task.parameters}
    assert values["times"] == "3"
    assert values["style"] == "plain"
    assert api.get_task(task.uuid) == task


def test_defaults_are_sent_as_the_manifest_has_them(api: API, experiment: Experiment) -> None:
    result = action(api, "echo").execute({"experiment": experiment.eid, "times": "1"})
    assert result.stdout == f"{experiment.eid}|a\nb|1|1.5|0|plain\n"


def test_an_action_that_fails_is_a_result(api: API, experiment: Experiment) -> None:
    result = action(api, "fail").execute({"experiment": experiment})
    assert (result.returnCode, result.stdout, result.stderr) == (3, "", "")
    assert result.task is not None
    assert result.task.task_status == "FAILURE"


def test_what_would_be_refused_is_not_sent(api: API, experiment: Experiment) -> None:
    with pytest.raises(BadParameters, match="'times' is missing"):
        action(api, "echo").execute({"experiment": experiment})
    assert api.get_tasks(experiment_uuid=experiment.uuid) == []


def test_a_task_is_left_looked_at_and_cancelled(
    api: API, experiment: Experiment, tmp_path: Path
) -> None:
    marker = str(tmp_path / "marker")
    waiting = action(api, "wait")
    task = waiting.execute({"experiment": experiment, "marker": marker}, wait=False)
    wait_for(tmp_path / "marker")
    assert task.task_status == "STARTED"
    assert (task.result_code, task.ended_at) == (None, None)
    with pytest.raises(TaskUnfinished) as caught:
        task.wait(timeout=0.2)
    again = api.get_task(caught.value.task_id)
    result = again.cancel_task().wait(timeout=HANG_S)
    assert result.returnCode != 0
    assert result.stdout == "started\n"
    assert task.task_status == again.task_status
    assert task.task_status.ended


def test_a_task_that_does_not_exist_is_told(api: API) -> None:
    with pytest.raises(TaskNotFound):
        api.get_task(uuid4())


def test_every_filter_filters(api: API) -> None:
    first, second = (api.create_experiment("filters", "") for _ in range(2))
    echo, fail = action(api, "echo"), action(api, "fail")

    def ran(what: ExtensionAction, on: Experiment, **values: object) -> Task:
        task = what.execute({"experiment": on, **values}).task
        assert task is not None
        return task

    one = ran(echo, first, times=1)
    two = ran(fail, first)
    three = ran(fail, second)
    mine = {first.uuid, second.uuid}

    def found(**filters: object) -> list[Task]:
        tasks = api.get_tasks(500, **filters)  # type: ignore[arg-type]  # any of the filters
        return [task for task in tasks if task.experiment.uuid in mine]

    assert found() == [three, two, one]
    assert found(experiment_uuid=first.uuid) == [two, one]
    assert found(experiment_uuid=second.uuid) == [three]
    assert found(experiment_uuid=uuid4()) == []
    assert found(extension_name="other") == [three, two]
    assert found(extension_name="oth") == []
    assert found(action_name="echo") == [one]
    assert found(username=one.created_by) == [three, two, one]
    assert found(username="somebody else") == []
    assert found(start_date=two.received_at) == [three, two]
    assert found(end_date=two.received_at) == [two, one]
    assert found(start_date=two.received_at, end_date=two.received_at) == [two]
    assert found(start_date=three.received_at + timedelta(hours=1)) == []
    assert found(experiment_uuid=first.uuid, action_name="fail") == [two]
    assert api.get_tasks(limit=1, experiment_uuid=first.uuid) == [two]
    assert api.get_tasks(limit=1, offset=1, experiment_uuid=first.uuid) == [one]
    for experiment in (first, second):
        api.remove_experiment_by_eid(experiment.eid)


def test_a_long_list_of_experiments_is_gone_through(
    api: API, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("aqsync.aqueduct.api._PAGE", 5)
    made = [api.create_experiment(f"in a long list {number}", "") for number in range(12)]
    found = []
    for each in api.iterate_experiments("IN A LONG LIST", start_datetime=made[0].created_at):
        found.append(each)
        api.remove_experiment_by_eid(each.eid)
        if len(found) == 7:
            api.create_experiment("in a long list, later", "")
    assert found == made[::-1]
    [later] = api.find_experiments("in a long list")
    assert later.title == "in a long list, later"
    api.remove_experiment_by_eid(later.eid)
    assert list(api.iterate_experiments("in a long list")) == []
