"""Whatever type a value of an answer has: it is what the protocol says, or a `BadAnswer`."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from aqsync.aqueduct import graphql, task_queries
from aqsync.errors import RemoteError
from tests.support.scripted_server import EXPERIMENT, action, extension, parameter, task

WHAT = "test"
Path = tuple[str | int, ...]
WRONG: list[Any] = [
    *(None, True, 5, -1, 10**30, 1.5, "x", "", "\ud800", "0001-01-01", "9999-12-31T23:59-14:00"),
    *([], ["x"], [[1]], [None], {}, {"a": 1}, {"name": 1, "modifiedAt": 2}),
]


def _each(read: Callable[[dict[str, Any]], object]) -> Callable[[dict[str, Any]], object]:
    def reading(answer: dict[str, Any]) -> object:
        found = graphql.experiments_of(answer, 1, WHAT)
        return [read(fields) for fields in found if fields is not None]

    return reading


def _of_data(read: Callable[[dict[str, Any]], object]) -> Callable[[dict[str, Any]], object]:
    return lambda answer: read(graphql.data_of(answer, WHAT))


ANSWERS: dict[str, tuple[dict[str, Any], Callable[[dict[str, Any]], object]]] = {
    "experiments": (
        {"data": {"e0": EXPERIMENT}},
        _each(lambda fields: graphql.experiment_ref(fields, WHAT)),
    ),
    "a missing experiment": (
        {"data": {}, "errors": [{"message": "Non-existing experiment", "path": ["e0"]}]},
        _each(lambda fields: graphql.experiment_ref(fields, WHAT)),
    ),
    "files": (
        {"data": {"e0": {"files": [{"name": "a", "modifiedAt": "2026"}]}}},
        _each(lambda fields: graphql.file_list(fields, WHAT)),
    ),
    "a search": (
        {"data": {"experiments": {"totalExperimentsCount": 1, "experimentsData": [EXPERIMENT]}}},
        _of_data(lambda data: graphql.experiment_page(data, WHAT)),
    ),
    "tags": (
        {"data": {"tags": {"tagsData": ["a"]}}},
        _of_data(lambda data: graphql.tags_of(data, WHAT)),
    ),
    "a task": (
        {"data": {"task": task("SUCCESS")}},
        _of_data(lambda data: task_queries.task(data.get("task"), WHAT)),
    ),
    "tasks": (
        {"data": {"tasks": {"totalTasksCount": 1, "tasksData": [task("FAILURE")]}}},
        _of_data(lambda data: task_queries.task_page(data, WHAT)),
    ),
    "extensions": (
        {"data": {"extensions": [extension("p", action("a", parameter("x", "select")))]}},
        _of_data(lambda data: task_queries.extensions(data, WHAT)),
    ),
    "a run": (
        {
            "data": {
                "executeExtension": {
                    **dict.fromkeys(("stdout", "stderr", "logExperiment", "logFile"), "x"),
                    "returnCode": 0,
                }
            }
        },
        _of_data(lambda data: task_queries.execution(data, WHAT)),
    ),
    "operations": (
        {"data": {"__type": {"fields": [{"name": "executeExtension", "args": [{"name": "x"}]}]}}},
        _of_data(lambda data: task_queries.arguments_of_execute(data, WHAT)),
    ),
}


def places(value: object, at: Path = ()) -> Iterator[tuple[Path, object]]:
    """Every value within one, with the way to it."""
    if at:
        yield at, value
    inner = value.items() if isinstance(value, dict) else ()
    for key, below in (*inner, *(enumerate(value) if isinstance(value, list) else ())):
        yield from places(below, (*at, key))


def replaced(answer: dict[str, Any], at: Path, by: object) -> dict[str, Any]:
    """The answer with another value at a place, as it comes out of the parser."""
    answer = copy.deepcopy(answer)
    holder: Any = answer
    for key in at[:-1]:
        holder = holder[key]
    holder[at[-1]] = by
    parsed: dict[str, Any] = json.loads(json.dumps(answer), object_hook=graphql.remote_file)
    return parsed


@pytest.mark.parametrize("name", ANSWERS)
def test_any_value_in_any_place(name: str) -> None:
    good, read = ANSWERS[name]
    read(json.loads(json.dumps(good), object_hook=graphql.remote_file))
    for at, value in places(good):
        for wrong in WRONG:
            try:
                read(replaced(good, at, wrong))
            except RemoteError:
                continue
            fits = value is None or wrong is None or type(wrong) is type(value)
            assert fits, f"{wrong!r} was taken at {at} for {value!r}"
