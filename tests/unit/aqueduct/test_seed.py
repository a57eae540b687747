"""Every name of pyaqueduct's documented API is here, with its parameters and defaults."""

from __future__ import annotations

import importlib
import inspect
from typing import Any

import pytest
from pydantic import BaseModel

import aqsync
from aqsync.aqueduct.extensions import ExtensionExecutionResultData, ExtensionParameterData
from docs.api_page import CLASSES
from docs.docstrings import public_members

REQUIRED = inspect.Parameter.empty

METHODS: dict[str, dict[str, dict[str, Any]]] = {
    "API": {
        "__init__": {"url": REQUIRED, "timeout": 0.5},
        "create_experiment": {"title": REQUIRED, "description": REQUIRED},
        "find_experiments": {
            "search": None,
            "limit": 10,
            "offset": 0,
            "tags": None,
            "start_datetime": None,
            "end_datetime": None,
        },
        "get_experiment_by_eid": {"eid": REQUIRED},
        "get_experiment_by_uuid": {"uuid": REQUIRED},
        "get_extensions": {},
        "get_task": {"task_id": REQUIRED},
        "get_tasks": {
            "limit": 10,
            "offset": 0,
            "extension_name": None,
            "experiment_uuid": None,
            "action_name": None,
            "username": None,
            "start_date": None,
            "end_date": None,
        },
        "remove_experiment_by_eid": {"eid": REQUIRED},
    },
    "Experiment": {
        "add_tags": {"tags": REQUIRED},
        "download_file": {"file_name": REQUIRED, "destination_dir": REQUIRED},
        "remove_files": {"files": REQUIRED},
        "remove_tag": {"tag": REQUIRED},
        "upload_file": {"file": REQUIRED},
    },
    "ExtensionAction": {"execute": {"parameters": REQUIRED}},
    "Task": {"cancel_task": {}},
}
ATTRIBUTES = {
    "Experiment": (
        ["created_at", "description", "eid", "files", "tags", "title", "updated_at", "uuid"],
        ["description", "title"],
    ),
    "Extension": (["name", "description", "authors", "actions"], []),
    "ExtensionAction": (
        ["name", "description", "experiment_variable_name", "extension", "parameters"],
        [],
    ),
    "Task": (
        [
            "uuid",
            "created_by",
            "received_at",
            "ended_at",
            "experiment",
            "extension_name",
            "action_name",
            "parameters",
            "task_status",
            "result_code",
            "std_out",
            "std_err",
        ],
        [],
    ),
    "ExtensionExecutionResultData": (
        ["returnCode", "stdout", "stderr", "logExperiment", "logFile"],
        [],
    ),
    "ExtensionParameterData": (
        ["name", "displayName", "description", "dataType", "defaultValue", "options"],
        [],
    ),
}


@pytest.mark.parametrize(
    ("kind", "method"), [(kind, method) for kind in METHODS for method in METHODS[kind]]
)
def test_a_method_takes_what_it_took(kind: str, method: str) -> None:
    found = list(inspect.signature(getattr(CLASSES[kind], method)).parameters.values())[1:]
    positional = {
        each.name: each.default
        for each in found
        if each.kind is inspect.Parameter.POSITIONAL_OR_KEYWORD
    }
    assert positional == METHODS[kind][method]
    others = [each for each in found if each.name not in positional]
    assert all(each.kind is inspect.Parameter.KEYWORD_ONLY for each in others)
    assert all(each.default is not REQUIRED for each in others)


def test_an_action_made_by_hand_has_no_extension() -> None:
    assert aqsync.ExtensionAction.model_fields["extension"].default is None


@pytest.mark.parametrize("kind", ATTRIBUTES)
def test_an_object_has_the_attributes_it_had(kind: str) -> None:
    wanted, writable = ATTRIBUTES[kind]
    members = public_members(CLASSES[kind])
    assert set(wanted) <= members.keys()
    for name in writable:
        assert members[name].writable


def test_the_order_of_arguments_is_the_old_one() -> None:
    for kind, methods in METHODS.items():
        for method, parameters in methods.items():
            found = list(inspect.signature(getattr(CLASSES[kind], method)).parameters)[1:]
            assert found[: len(parameters)] == list(parameters), (kind, method)


@pytest.mark.parametrize("kind", ["Experiment", "Extension", "ExtensionAction", "Task"])
def test_what_was_a_model_is_one(kind: str) -> None:
    assert issubclass(CLASSES[kind], BaseModel)


@pytest.mark.parametrize(
    ("module", "names"),
    [
        ("", ["API"]),
        ("api", ["API", "Experiment", "Extension", "Task"]),
        ("experiment", ["Experiment"]),
        (
            "extensions",
            [
                "Extension",
                "ExtensionAction",
                "ExtensionActionData",
                "ExtensionExecutionResultData",
                "ExtensionParameterData",
            ],
        ),
        ("task", ["Task"]),
        ("exceptions", ["ForbiddenError", "RemoteOperationError", "UnAuthorizedError"]),
    ],
)
def test_its_modules_have_their_names(module: str, names: list[str]) -> None:
    found = importlib.import_module(f"aqsync.aqueduct.{module}".rstrip("."))
    for name in names:
        assert getattr(found, name)


def test_the_way_in_is_the_package() -> None:
    assert aqsync.API is CLASSES["API"]
    for name in ("Experiment", "Extension", "ExtensionAction", "Task"):
        assert getattr(aqsync, name) is CLASSES[name]


def test_results_and_parameters_are_plain_values() -> None:
    result = ExtensionExecutionResultData(0, "out", "err", "20261123-1", "run.log")
    assert result.task is None
    parameter = ExtensionParameterData("n", None, None, "int", "1", None)
    assert hash(parameter)
    with pytest.raises(AttributeError):
        parameter.name = "m"  # type: ignore[misc]  # the point of the test
