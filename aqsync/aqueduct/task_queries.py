"""The GraphQL operations about extensions and tasks, and what their answers mean. Pure."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar
from uuid import UUID

from aqsync.aqueduct.graphql import EXPERIMENT_FIELDS, experiment_ref
from aqsync.aqueduct.records import (
    Action,
    Execution,
    ExtensionRecord,
    Parameter,
    TaskPage,
    TaskRecord,
    TaskStatus,
)
from aqsync.aqueduct.typed import fields, instant, listed, text, text_or_empty, text_or_none, whole
from aqsync.errors import BadAnswer, TaskNotFound

_T = TypeVar("_T")

_PARAMETER = "name displayName description dataType defaultValue options"
_TASK = f"""uuid extensionName actionName createdBy receivedAt endedAt taskStatus resultCode
  stdOut stdErr parameters {{ key {{ {_PARAMETER} }} value }}
  experiment {{ {EXPERIMENT_FIELDS} }}"""

EXTENSIONS = f"""query {{ extensions {{ name description authors actions {{
  name description experimentVariableName parameters {{ {_PARAMETER} }} }} }} }}"""
TASK = f"query($id: UUID!) {{ task(taskId: $id) {{ {_TASK} }} }}"
TASKS = f"""query($offset: Int!, $limit: Int!, $filters: TasksFilterInput) {{
  tasks(offset: $offset, limit: $limit, filters: $filters) {{
    totalTasksCount tasksData {{ {_TASK} }} }} }}"""
EXECUTE = f"""mutation($input: ExecuteExtensionInput!) {{
  executeExtension(executeExtensionInput: $input) {{ {_TASK} }} }}"""
CANCEL = f"""mutation($input: CancelTaskInput!) {{
  cancelTask(cancelTaskInput: $input) {{ {_TASK} }} }}"""
EXECUTE_TO_THE_END = """mutation($extension: String!, $action: String!, $params: [[String!]!]!) {
  executeExtension(extension: $extension, action: $action, params: $params) {
    returnCode stdout stderr logExperiment logFile } }"""
MUTATIONS = """query { __type(name: "Mutation") { fields { name args { name } } } }"""


def arguments_of_execute(data: dict[str, Any], what: str) -> frozenset[str] | None:
    """Return the arguments of ``executeExtension`` from an answer to `MUTATIONS`; None: no such.

    Raises:
        BadAnswer: It is no answer to it.
    """

    def read() -> frozenset[str] | None:
        for field in listed(data["__type"]["fields"], fields):
            if text(field["name"]) == "executeExtension":
                return frozenset(listed(field["args"], lambda each: text(each["name"])))
        return None

    return _reading(read, what)


def extensions(data: dict[str, Any], what: str) -> list[ExtensionRecord]:
    """Return the extensions that an answer to `EXTENSIONS` holds.

    Raises:
        BadAnswer: A field is missing or not what the protocol says.
    """
    return _reading(lambda: listed(data["extensions"], _extension), what)


def task(described: dict[str, Any] | None, what: str) -> TaskRecord:
    """Return the task that an answer describes.

    Raises:
        TaskNotFound: It describes none.
        BadAnswer: A field is missing or not what the protocol says.
    """
    if described is None:
        raise TaskNotFound(f"{what}: the task does not exist for this user")
    return _reading(lambda: _task(described, what), what)


def task_page(data: dict[str, Any], what: str) -> TaskPage:
    """Return the tasks that an answer to `TASKS` holds.

    Raises:
        BadAnswer: A field is missing or not what the protocol says.
    """

    def read() -> TaskPage:
        page = data["tasks"]
        found = listed(page["tasksData"], lambda each: _task(each, what))
        return TaskPage(found, whole(page["totalTasksCount"]))

    return _reading(read, what)


def execution(data: dict[str, Any], what: str) -> Execution:
    """Return what an answer to `EXECUTE_TO_THE_END` holds.

    Raises:
        BadAnswer: A field is missing or not what the protocol says.
    """

    def read() -> Execution:
        run = data["executeExtension"]
        return Execution(
            whole(run["returnCode"]),
            text_or_empty(run["stdout"]),
            text_or_empty(run["stderr"]),
            text_or_empty(run["logExperiment"]),
            text_or_empty(run["logFile"]),
        )

    return _reading(read, what)


def _extension(extension: dict[str, Any]) -> ExtensionRecord:
    return ExtensionRecord(
        text(extension["name"]),
        text_or_none(extension["description"]),
        text_or_empty(extension["authors"]),
        tuple(listed(extension["actions"], _action)),
    )


def _action(action: dict[str, Any]) -> Action:
    return Action(
        text(action["name"]),
        text_or_empty(action["description"]),
        text_or_empty(action["experimentVariableName"]),
        tuple(listed(action["parameters"], _parameter)),
    )


def _parameter(parameter: dict[str, Any]) -> Parameter:
    options = parameter["options"]
    return Parameter(
        text(parameter["name"]),
        text_or_none(parameter["displayName"]),
        text_or_none(parameter["description"]),
        text(parameter["dataType"]),
        text_or_none(parameter["defaultValue"]),
        None if options is None else tuple(listed(options, text)),
    )


def _value(pair: dict[str, Any]) -> tuple[Parameter, str | None]:
    return _parameter(pair["key"]), text_or_none(pair["value"])


def _task(task: dict[str, Any], what: str) -> TaskRecord:
    ended_at, result_code = task["endedAt"], task["resultCode"]
    return TaskRecord(
        uuid=UUID(task["uuid"]),
        experiment=experiment_ref(task["experiment"], what),
        extension_name=text(task["extensionName"]),
        action_name=text(task["actionName"]),
        parameters=tuple(listed(task["parameters"], _value)),
        created_by=text_or_empty(task["createdBy"]),
        received_at=instant(task["receivedAt"]),
        ended_at=None if ended_at is None else instant(ended_at),
        status=TaskStatus(task["taskStatus"]),
        result_code=None if result_code is None else whole(result_code),
        std_out=text_or_none(task["stdOut"]),
        std_err=text_or_none(task["stdErr"]),
    )


def _reading(read: Callable[[], _T], what: str) -> _T:
    try:
        return read()
    except (KeyError, TypeError, ValueError, AttributeError) as exc:
        raise BadAnswer(f"{what}: the server answered in an unknown way") from exc
