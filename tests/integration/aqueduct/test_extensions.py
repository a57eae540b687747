"""Extensions and tasks as people handle them, on servers of either kind, each answer written down.

What the embedded server makes of it is in test_extensions_embedded.py.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from uuid import UUID

import pytest

from aqsync import API, Experiment, ExtensionAction
from aqsync.aqueduct import polling
from aqsync.aqueduct.extension_data import ExtensionExecutionResultData, ParameterData
from aqsync.aqueduct.records import TaskStatus
from aqsync.errors import (
    BadAnswer,
    BadParameters,
    OperationFailed,
    OperationMissing,
    ServerUnreachable,
    TaskNotFound,
    TaskUnfinished,
    WrongArgument,
)
from tests.support.scripted_server import (
    EID,
    EXPERIMENT,
    TASK_ID,
    WITH_TASKS,
    WITHOUT_TASKS,
    Answer,
    Json,
    ScriptedServer,
    action,
    extension,
    mutations,
    parameter,
    task,
)

PLOT = action(
    "plot",
    parameter("experiment", "experiment"),
    parameter("width", "int", defaultValue="640", displayName="Width", description="in pixels"),
    parameter("style", "select", options=["line", "dots"]),
)
PLOTS = {"extensions": [extension("plots", PLOT)]}
GIVEN = {"experiment": EID, "style": "dots"}
SENT = [["experiment", EID], ["width", "640"], ["style", "dots"]]
RAN = {
    "returnCode": 3,
    "stdout": "drawn",
    "stderr": "!",
    "logExperiment": EID,
    "logFile": "plots-plot.log",
}


@pytest.fixture(autouse=True)
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Time that passes only in pauses, and at once."""
    passed: list[float] = []
    clock = polling.Clock(lambda: sum(passed), passed.append)
    monkeypatch.setattr(polling, "SYSTEM_CLOCK", clock)
    return passed


def server_with_tasks(*statuses: str | Answer, **more: Answer | list[Answer]) -> ScriptedServer:
    answers: list[Answer] = [
        {"task": task(each)} if isinstance(each, str) else each for each in statuses
    ]
    return ScriptedServer(
        **{
            "extensions {": PLOTS,
            "__type": mutations(WITH_TASKS),
            "executeExtension": {"executeExtension": task("PENDING")},
            "task(": answers or [{"task": task("SUCCESS")}],
            "experiment(": {"e0": EXPERIMENT},
            **more,
        }
    )


def server_without_tasks(**more: Answer | list[Answer]) -> ScriptedServer:
    return ScriptedServer(
        **{
            "extensions {": PLOTS,
            "__type": mutations(WITHOUT_TASKS),
            "executeExtension": {"executeExtension": RAN},
            **more,
        }
    )


@pytest.fixture
def with_tasks() -> Iterator[ScriptedServer]:
    with server_with_tasks("PENDING", "STARTED", "SUCCESS") as server:
        yield server


@pytest.fixture
def without_tasks() -> Iterator[ScriptedServer]:
    with server_without_tasks() as server:
        yield server


def plot(api: API) -> ExtensionAction:
    [found] = api.get_extensions()
    [only] = found.actions
    return only


def test_extensions_show_what_the_server_says(with_tasks: ScriptedServer) -> None:
    with API(with_tasks.url, 5) as api:
        [found] = api.get_extensions()
        assert (found.name, found.description, found.authors) == ("plots", None, "A. Uthor")
        [only] = found.actions
        assert (only.name, only.description) == ("plot", "does plot")
        assert only.experiment_variable_name == "experiment"
        assert only.extension is found
        assert only.parameters == only.data.parameters
        width = only.parameters[1]
        assert (width.name, width.displayName, width.dataType) == ("width", "Width", "int")
        assert (width.description, width.defaultValue, width.options) == ("in pixels", "640", None)
        assert only.parameters[2].options == ["line", "dots"]
        assert api.get_extensions() == [found]
        assert api.get_extensions() != [found.model_copy(update={"actions": []})]
        assert len({only, plot(api)}) == 1
        assert "plots" in repr(found)


def test_what_the_server_leaves_open_is_empty() -> None:
    bare = action("bare", description=None)
    with ScriptedServer(extensions={"extensions": [extension("e", bare)]}) as server:
        with API(server.url, 5) as api:
            only = plot(api)
        assert (only.description, only.experiment_variable_name, only.parameters) == ("", "", [])


def test_on_a_server_with_tasks_the_task_is_followed_to_its_end(
    with_tasks: ScriptedServer, pauses: list[float]
) -> None:
    seen: list[tuple[TaskStatus, float]] = []
    with API(with_tasks.url, 5) as api:
        result = plot(api).execute(GIVEN, progress=lambda *told: seen.append(told))
        assert result == ExtensionExecutionResultData(0, "drawn", "", EID, "", result.task)
        assert [status.value for status, _ in seen] == ["PENDING", "STARTED", "SUCCESS"]
        assert [seconds for _, seconds in seen] == sorted(seconds for _, seconds in seen)
        assert len(pauses) == 2
        assert result.task is not None
        assert result.task.uuid == UUID(TASK_ID)
        assert result.task.task_status == "SUCCESS"
    [sent] = with_tasks.variables("executeExtension")
    assert sent["input"] == {
        "experimentUuid": EXPERIMENT["uuid"],
        "extension": "plots",
        "action": "plot",
        "params": SENT,
    }


def test_a_server_without_tasks_answers_with_the_result(without_tasks: ScriptedServer) -> None:
    with API(without_tasks.url, 5) as api:
        result = plot(api).execute(GIVEN)
    assert result == ExtensionExecutionResultData(3, "drawn", "!", EID, "plots-plot.log")
    assert result.task is None
    [sent] = without_tasks.variables("executeExtension")
    assert sent == {"extension": "plots", "action": "plot", "params": SENT}


def test_which_kind_a_server_is_is_asked_once(without_tasks: ScriptedServer) -> None:
    with API(without_tasks.url, 5) as api:
        only = plot(api)
        only.execute(GIVEN)
        only.execute(GIVEN)
        plot(api).execute(GIVEN)
    assert without_tasks.count("__type") == 1
    assert without_tasks.count("executeExtension") == 3


def test_a_server_that_hides_its_schema_counts_as_new() -> None:
    with server_with_tasks(__type=OperationFailed("introspection is off")) as server:
        with API(server.url, 5) as api:
            assert plot(api).execute(GIVEN).returnCode == 0
            assert plot(api).execute(GIVEN).returnCode == 0
        assert server.count("__type") == 1


def test_a_server_that_runs_nothing_is_told() -> None:
    with (
        server_with_tasks(__type=mutations(None)) as server,
        API(server.url, 5) as api,
        pytest.raises(OperationMissing, match="does not run extensions"),
    ):
        plot(api).execute(GIVEN)


def test_an_answer_about_the_schema_that_is_none_is_told() -> None:
    with (
        server_with_tasks(__type={"__type": None}) as server,
        API(server.url, 5) as api,
        pytest.raises(BadAnswer),
    ):
        plot(api).execute(GIVEN)


def test_wrong_values_are_not_sent(with_tasks: ScriptedServer) -> None:
    with API(with_tasks.url, 5) as api:
        only = plot(api)
        asked = len(with_tasks.asked)
        with pytest.raises(BadParameters, match="'style' is not one of 'line', 'dots': 'bars'"):
            only.execute({**GIVEN, "style": "bars"})
        assert len(with_tasks.asked) == asked


def test_an_experiment_may_be_given_as_itself(with_tasks: ScriptedServer) -> None:
    with API(with_tasks.url, 5) as api:
        experiment = api.get_experiment_by_eid(EID)
        asked = with_tasks.count("experiment(")
        plot(api).execute({**GIVEN, "experiment": experiment})
        assert with_tasks.count("experiment(") == asked
    assert with_tasks.variables("executeExtension")[0]["input"]["params"] == SENT


def test_an_experiment_that_is_missing_is_told_before_anything_runs() -> None:
    gone = OperationFailed("Non-existing experiment with the specified eid for the user.")
    with server_with_tasks(**{"experiment(": gone}) as server, API(server.url, 5) as api:
        with pytest.raises(OperationFailed):
            plot(api).execute(GIVEN)
        assert server.count("executeExtension") == 0


def test_an_action_without_an_experiment_cannot_be_a_task() -> None:
    bare = {"extensions": [extension("plots", action("plot"))]}
    with (
        server_with_tasks(**{"extensions {": bare}) as server,
        API(server.url, 5) as api,
        pytest.raises(OperationFailed, match="has no parameter of type 'experiment'"),
    ):
        plot(api).execute({})
    with server_without_tasks(**{"extensions {": bare}) as server, API(server.url, 5) as api:
        assert plot(api).execute({}).returnCode == 3


@pytest.mark.parametrize(
    ("ended", "code", "out"),
    [
        (task("FAILURE"), 3, "drawn"),
        (task("FAILURE", resultCode=None, stdOut=None, stdErr="killed"), -1, ""),
        (task("REVOKED"), -1, ""),
        (task("REVOKED", resultCode=-2, stdOut="half"), -2, "half"),
    ],
)
def test_an_action_that_fails_is_a_result(ended: Json, code: int, out: str) -> None:
    with server_with_tasks({"task": ended}) as server, API(server.url, 5) as api:
        result = plot(api).execute(GIVEN)
    assert (result.returnCode, result.stdout) == (code, out)
    assert result.stderr == (ended["stdErr"] or "")


def test_a_task_may_be_left_to_itself(with_tasks: ScriptedServer) -> None:
    with API(with_tasks.url, 5) as api:
        started = plot(api).execute(GIVEN, wait=False)
        assert with_tasks.count("task(") == 0
        assert started.task_status is TaskStatus.PENDING
        result = started.wait()
        assert result.task is started
        assert with_tasks.count("task(") == 3


def test_on_a_server_without_tasks_there_is_none_to_leave(without_tasks: ScriptedServer) -> None:
    with API(without_tasks.url, 5) as api, pytest.raises(OperationMissing, match="no tasks"):
        plot(api).execute(GIVEN, wait=False)
    assert without_tasks.count("executeExtension") == 0


def test_waiting_ends_after_the_limit_and_the_task_goes_on() -> None:
    with server_with_tasks("STARTED") as server, API(server.url, 5) as api:
        with pytest.raises(TaskUnfinished, match=r"'plot' had not ended after 2\.5 s") as caught:
            plot(api).execute(GIVEN, timeout=2.5)
        assert caught.value.task_id == UUID(TASK_ID)
        assert TASK_ID in caught.value.hint
        assert api.get_task(caught.value.task_id).task_status == "STARTED"


def test_on_a_server_without_tasks_the_limit_is_that_of_the_answer() -> None:
    with server_without_tasks() as server, API(server.url, 5) as api:
        server.silent.add("executeExtension")
        with pytest.raises(ServerUnreachable, match=r"silent for 0\.05 s"):
            plot(api).execute(GIVEN, timeout=0.05)


def test_what_a_progress_callback_raises_ends_the_waiting(with_tasks: ScriptedServer) -> None:
    def stop(*_: object) -> None:
        raise InterruptedError

    with API(with_tasks.url, 5) as api, pytest.raises(InterruptedError):
        plot(api).execute(GIVEN, progress=stop)


def test_starting_is_not_repeated_on_a_connection_that_breaks() -> None:
    with server_with_tasks(executeExtension=[None]) as server, API(server.url, 5) as api:
        with pytest.raises(ServerUnreachable):
            plot(api).execute(GIVEN)
        assert server.count("executeExtension") == 1


def test_looking_is() -> None:
    with server_with_tasks("PENDING", None, "SUCCESS") as server, API(server.url, 5) as api:
        assert plot(api).execute(GIVEN).returnCode == 0
    broken: list[Answer] = [None, PLOTS]
    with ScriptedServer(extensions=broken) as server, API(server.url, 5) as api:
        assert len(api.get_extensions()) == 1


def test_a_task_shows_what_the_server_says() -> None:
    with server_with_tasks("STARTED", "STARTED", "SUCCESS") as server, API(server.url, 5) as api:
        found = api.get_task(UUID(TASK_ID))
        assert found.uuid == UUID(TASK_ID)
        assert (found.extension_name, found.action_name) == ("plots", "plot")
        assert found.created_by == "admin"
        assert found.received_at == datetime(2026, 11, 23, 10, 12, tzinfo=UTC)
        assert isinstance(found.experiment, Experiment)
        assert found.experiment.eid == EID
        assert found.experiment.title == "Cooldown"
        [value] = found.parameters
        assert isinstance(value, ParameterData)
        assert (value.key.name, value.key.dataType, value.value) == ("experiment",) * 2 + (EID,)
        assert found.ended_at is None
        assert found.result_code == 0
        asked = server.count("task(")
        assert found.ended_at == datetime(2026, 11, 23, 10, 12, 5, tzinfo=UTC)
        assert (found.task_status, found.std_out, found.std_err) == ("SUCCESS", "drawn", "")
        assert server.count("task(") == asked, "what has ended is not asked for again"


def test_tasks_are_the_same_whenever_they_are_looked_at() -> None:
    other = task("STARTED", uuid="00000000-0000-4000-8000-00000000000b")
    with server_with_tasks("STARTED", {"task": other}, "SUCCESS") as server:
        with API(server.url, 5) as api:
            first, second, third = (api.get_task(UUID(TASK_ID)) for _ in range(3))
        assert first == third != second
        assert len({first, second, third}) == 2
        assert first != TASK_ID


def test_a_task_is_cancelled() -> None:
    with server_with_tasks(
        "STARTED", "REVOKED", cancelTask={"cancelTask": task("STARTED")}
    ) as server:
        with API(server.url, 5) as api:
            found = api.get_task(UUID(TASK_ID))
            cancelled = found.cancel_task()
            assert cancelled is found
            assert cancelled.taskStatus == "STARTED", "what scripts for pyaqueduct read"
            assert found.task_status is TaskStatus.REVOKED
        assert server.variables("cancelTask") == [{"input": {"taskId": TASK_ID}}]


@pytest.mark.parametrize(
    "answer",
    [
        OperationFailed("DB query failed due to non-existing task with the specified task id."),
        {"task": None},
    ],
)
def test_a_task_that_does_not_exist_is_told(answer: Answer) -> None:
    with server_with_tasks(answer) as server, API(server.url, 5) as api:
        with pytest.raises(TaskNotFound):
            api.get_task(UUID(TASK_ID))
        with pytest.raises(WrongArgument):
            api.get_task("no identifier")  # type: ignore[arg-type]  # the point of the test


def test_every_filter_of_a_search_for_tasks_is_sent() -> None:
    page = {"tasks": {"tasksData": [task("SUCCESS")], "totalTasksCount": 1}}
    with ScriptedServer(tasks=page) as server, API(server.url, 5) as api:
        [found] = api.get_tasks()
        assert found.uuid == UUID(TASK_ID)
        api.get_tasks(
            limit=20,
            offset=3,
            extension_name="plots",
            experiment_uuid=UUID(TASK_ID),
            action_name="plot",
            username="admin",
            start_date=datetime(2026, 11, 23, tzinfo=UTC),
            end_date=datetime(2026, 11, 24, tzinfo=timezone(timedelta(hours=1))),
        )
        bare, full = server.variables("tasks")
        assert bare == {"limit": 10, "offset": 0, "filters": None}
        filters = full.pop("filters")
        assert full == {"limit": 20, "offset": 3}
        for key in ("startDate", "endDate"):
            filters[key] = datetime.fromisoformat(filters[key])
        assert filters == {
            "extensionName": "plots",
            "actionName": "plot",
            "username": "admin",
            "experiment": {"type": "UUID", "value": TASK_ID},
            "startDate": datetime(2026, 11, 23, tzinfo=UTC),
            "endDate": datetime(2026, 11, 23, 23, tzinfo=UTC),
        }
        with pytest.raises(WrongArgument):
            api.get_tasks(limit=0)


def test_a_server_too_old_for_tasks_is_told() -> None:
    old = OperationFailed("Cannot query field 'tasks' on type 'Query'.")
    with (
        ScriptedServer(tasks=old) as server,
        API(server.url, 5) as api,
        pytest.raises(OperationMissing, match="release cannot do this"),
    ):
        api.get_tasks()


@pytest.mark.parametrize(
    "damage",
    [
        {"taskStatus": "LOST"},
        {"uuid": "7"},
        {"receivedAt": "yesterday"},
        {"experiment": {}},
        {"parameters": [{"key": None, "value": ""}]},
    ],
)
def test_a_task_described_in_an_unknown_way_is_told(damage: Json) -> None:
    with (
        server_with_tasks({"task": task("SUCCESS", **damage)}) as server,
        API(server.url, 5) as api,
        pytest.raises(BadAnswer, match="unknown way"),
    ):
        api.get_task(UUID(TASK_ID))


def test_extensions_described_in_an_unknown_way_are_told() -> None:
    broken: Json = {"extensions": [{"name": "plots"}]}
    with (
        ScriptedServer(extensions=broken) as server,
        API(server.url, 5) as api,
        pytest.raises(BadAnswer, match="list of extensions"),
    ):
        api.get_extensions()


def test_a_result_described_in_an_unknown_way_is_told() -> None:
    with (
        server_without_tasks(executeExtension={"executeExtension": {}}) as server,
        API(server.url, 5) as api,
        pytest.raises(BadAnswer, match="run of action 'plot'"),
    ):
        plot(api).execute(GIVEN)
