"""Extensions and the orders that they take."""

from __future__ import annotations

import uuid

import pytest

from tests.contract.tasks import EXTENSION, Actions, extensions, require_actions
from tests.contract.wire import Aqueduct, Json, instant


@pytest.fixture
def actions(aqueduct: Aqueduct, experiment: Json) -> Actions:
    require_actions(aqueduct)
    return Actions(aqueduct, experiment)


def test_extensions_are_listed_by_name(aqueduct: Aqueduct) -> None:
    names = [extension["name"] for extension in extensions(aqueduct)]
    assert names == sorted(names)


def test_what_is_told_of_any_extension(aqueduct: Aqueduct) -> None:
    for extension in extensions(aqueduct):
        assert extension["name"]
        for action in extension["actions"]:
            kinds = {one["name"]: one["dataType"] for one in action["parameters"]}
            experiments = [name for name, kind in kinds.items() if kind == "experiment"]
            assert action["experimentVariableName"] in (experiments[:1] or [None])


def test_a_manifest_is_told_whole(actions: Actions) -> None:
    [told] = [one for one in extensions(actions.aqueduct) if one["name"] == EXTENSION]
    assert told["description"] == "Harmless actions for tests."
    assert told["authors"] == "nobody@example.org"
    assert [action["name"] for action in told["actions"]] == ["echo", "fail", "show", "sleep"]
    echo, fail, *_ = told["actions"]
    assert echo["description"] == "Prints what it was given."
    assert fail["description"] is None
    assert echo["experimentVariableName"] == "where"
    parameters = {one["name"]: one for one in echo["parameters"]}
    assert [one["dataType"] for one in echo["parameters"]] == [
        *("str", "textarea", "int", "float", "bool", "select", "experiment")
    ]
    assert {name: one["defaultValue"] for name, one in parameters.items()} == {
        "text": "1",
        "note": None,
        "count": "5",
        "ratio": "0.5",
        "flag": "1",
        "choice": "two words",
        "where": None,
    }
    assert parameters["note"]["displayName"] == "A note"
    assert parameters["text"]["displayName"] is None
    assert parameters["text"]["description"] == "some text"
    assert parameters["choice"]["options"] == ["one", "two words", "three"]
    assert parameters["text"]["options"] is None


def test_an_order_is_answered_at_once(actions: Actions) -> None:
    given = actions.parameters()
    task = actions.start("echo", given)
    uuid.UUID(task["uuid"])
    # A quick worker may have it already.
    if task["taskStatus"] == "PENDING":
        assert (task["endedAt"], task["resultCode"], task["stdOut"], task["stdErr"]) == (None,) * 4
    assert task["taskStatus"] in {"PENDING", "STARTED", "SUCCESS"}
    assert (task["extensionName"], task["actionName"]) == (EXTENSION, "echo")
    assert task["experiment"]["uuid"] == actions.experiment["uuid"]
    assert task["createdBy"] == actions.experiment["createdBy"]
    assert instant(task["receivedAt"]) >= instant(actions.experiment["createdAt"])
    values = {one["key"]["name"]: one["value"] for one in task["parameters"]}
    assert values == {**given, "flag": "0"}
    kinds = {one["key"]["name"]: one["key"]["dataType"] for one in task["parameters"]}
    assert kinds["where"] == "experiment"


def test_success(actions: Actions) -> None:
    task = actions.ran("echo", actions.parameters())
    eid = actions.experiment["eid"]
    assert task["taskStatus"] == "SUCCESS"
    assert task["resultCode"] == 0
    assert task["stdOut"] == f"some text|two\nlines|-3|1.5e-3|0|three|{eid}|a constant value|7|"
    assert task["stdErr"] == "to stderr"
    assert instant(task["endedAt"]) >= instant(task["receivedAt"])


def test_failure(actions: Actions) -> None:
    task = actions.ran("fail")
    assert task["taskStatus"] == "FAILURE"
    assert task["resultCode"] == 3
    assert task["stdOut"] == "before\n"
    assert task["stdErr"] == "trouble\n"
    assert task["endedAt"]


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "$(exit 9)",
        "`exit 9`",
        "'; exit 9; '",
        '"; exit 9; "',
        "a\\nb\\",
        "µ°é😀",
        "%s%n",
        "*",
    ],
)
def test_a_value_arrives_as_it_was_given(actions: Actions, text: str) -> None:
    task = actions.ran("echo", actions.parameters(text=text, note=f"{text}\n{text}"))
    assert task["taskStatus"] == "SUCCESS"
    assert task["stdOut"].startswith(f"{text}|{text}\n{text}|-3|")


@pytest.mark.parametrize(("flag", "told"), [("true", "1"), ("TRUE", "1"), ("1", "1"), ("0", "0")])
def test_a_truth_value_is_one_or_zero(actions: Actions, flag: str, told: str) -> None:
    assert f"|{told}|three|" in actions.ran("echo", actions.parameters(flag=flag))["stdOut"]


@pytest.mark.parametrize(
    ("name", "value", "refusal"),
    [
        ("count", "2.2", "2.2 is not int."),
        ("count", "", " is not int."),
        ("count", "many", "many is not int."),
        ("ratio", "abc", "abc is not float."),
        ("flag", "perhaps", "perhaps is not a valid bool."),
        ("choice", "four", "four is not in ['one', 'two words', 'three']."),
        ("where", "no EID", "no EID is not a valid EID."),
        ("where", "x-1", "x-1 is not a valid EID."),
        ("where", "20261123-1-2", "20261123-1-2 is not a valid EID."),
    ],
)
def test_a_value_of_another_type(actions: Actions, name: str, value: str, refusal: str) -> None:
    assert refusal in actions.refused("echo", actions.parameters(**{name: value}))


def test_a_missing_parameter(actions: Actions) -> None:
    given = actions.parameters()
    del given["count"]
    assert actions.refused("echo", given) == (
        "Parameters error: keys don't match expected set. "
        "Missing keys: {'count'}; Unexpected keys: set()"
    )


def test_an_unexpected_parameter(actions: Actions) -> None:
    assert actions.refused("echo", actions.parameters(more="x")) == (
        "Parameters error: keys don't match expected set. "
        "Missing keys: set(); Unexpected keys: {'more'}"
    )


def test_an_unknown_extension(actions: Actions) -> None:
    refusal = actions.refused("echo", actions.parameters(), extension="None of this name")
    assert refusal == "There should be exactly 1 extension with name None of this name"


def test_an_unknown_action(actions: Actions) -> None:
    refusal = actions.refused("none of this name")
    assert refusal == "There should be exactly 1 action with name none of this name"


def test_an_unknown_experiment(actions: Actions) -> None:
    refusal = actions.refused("fail", uuid=str(uuid.uuid4()))
    assert refusal == "Experiment not found in the database."


@pytest.mark.parametrize("params", [[["where"]], [["where", "x", "y"]], [[]]])
def test_parameters_are_pairs(actions: Actions, params: list[list[str]]) -> None:
    assert actions.refused("fail", params=params)


def test_a_file_that_is_not_there(actions: Actions) -> None:
    for name in ("none.csv", ""):
        task = actions.ran("show", {"file": name, "where": actions.experiment["eid"]})
        assert (task["taskStatus"], task["stdOut"]) == ("SUCCESS", name)


def test_an_eid_that_is_not_there(actions: Actions) -> None:
    task = actions.ran("echo", actions.parameters(where="20991231-77"))
    assert task["taskStatus"] == "SUCCESS"
    assert "|20991231-77|" in task["stdOut"]
    assert task["experiment"]["uuid"] == actions.experiment["uuid"]


def test_a_file_of_the_experiment(actions: Actions) -> None:
    name = "some data (1).csv"
    actions.aqueduct.put(actions.experiment["uuid"], name, b"1,2")
    task = actions.ran("show", {"file": name, "where": actions.experiment["eid"]})
    assert task["stdOut"] == name
