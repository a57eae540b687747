"""The GraphQL operations about extensions and tasks, and what their answers mean. Pure."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
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
        for field in data["__type"]["fields"]:
            if field["name"] == "executeExtension":
                return frozenset(argument["name"] for argument in field["args"])
        return None

    return _reading(read, what)


def extensions(data: dict[str, Any], what: str) -> list[ExtensionRecord]:
    """Return the extensions that an answer to `EXTENSIONS` holds.

    Raises:
        BadAnswer: A field is missing or not what the protocol says.
    """
    return _reading(lambda: [_extension(fields) for fields in data["extensions"]], what)


def task(fields: dict[str, Any] | None, what: str) -> TaskRecord:
    """Return the task that an answer describes.

    Raises:
        TaskNotFound: It describes none.
        BadAnswer: A field is missing or not what the protocol says.
    """
    if fields is None:
        raise TaskNotFound(f"{what}: the task does not exist for this user")
    return _reading(lambda: _task(fields, what), what)


def task_page(data: dict[str, Any], what: str) -> TaskPage:
    """Return the tasks that an answer to `TASKS` holds.

    Raises:
        BadAnswer: A field is missing or not what the protocol says.
    """

    def read() -> TaskPage:
        page = data["tasks"]
        found = [_task(fields, what) for fields in page["tasksData"]]
        return TaskPage(found, int(page["totalTasksCount"]))

    return _reading(read, what)


def execution(data: dict[str, Any], what: str) -> Execution:
    """Return what an answer to `EXECUTE_TO_THE_END` holds.

    Raises:
        BadAnswer: A field is missing or not what the protocol says.
    """

    def read() -> Execution:
        fields = data["executeExtension"]
        return Execution(
            int(fields["returnCode"]),
            fields["stdout"] or "",
            fields["stderr"] or "",
            fields["logExperiment"] or "",
            fields["logFile"] or "",
        )

    return _reading(read, what)


def _extension(fields: dict[str, Any]) -> ExtensionRecord:
    return ExtensionRecord(
        fields["name"],
        fields["description"],
        fields["authors"],
        tuple(
            Action(
                action["name"],
                action["description"] or "",
                action["experimentVariableName"] or "",
                tuple(_parameter(parameter) for parameter in action["parameters"]),
            )
            for action in fields["actions"]
        ),
    )


def _parameter(fields: dict[str, Any]) -> Parameter:
    options = fields["options"]
    return Parameter(
        fields["name"],
        fields["displayName"],
        fields["description"],
        fields["dataType"],
        fields["defaultValue"],
        None if options is None else tuple(options),
    )


def _task(fields: dict[str, Any], what: str) -> TaskRecord:
    ended_at = fields["endedAt"]
    return TaskRecord(
        uuid=UUID(fields["uuid"]),
        experiment=experiment_ref(fields["experiment"], what),
        extension_name=fields["extensionName"],
        action_name=fields["actionName"],
        parameters=tuple((_parameter(pair["key"]), pair["value"]) for pair in fields["parameters"]),
        created_by=fields["createdBy"],
        received_at=datetime.fromisoformat(fields["receivedAt"]),
        ended_at=None if ended_at is None else datetime.fromisoformat(ended_at),
        status=TaskStatus(fields["taskStatus"]),
        result_code=fields["resultCode"],
        std_out=fields["stdOut"],
        std_err=fields["stdErr"],
    )


def _reading(read: Callable[[], _T], what: str) -> _T:
    try:
        return read()
    except (KeyError, TypeError, ValueError, AttributeError) as exc:
        raise BadAnswer(f"{what}: the server answered in an unknown way") from exc
