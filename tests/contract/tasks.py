"""The actions that the contract suite runs, on a server that has them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.contract.wire import Aqueduct, Json
from tests.support.patience import wait_until

EXTENSIONS = Path(__file__).parent / "extensions"
EXTENSION = "Contract suite"

PARAMETER = "name displayName description dataType defaultValue options"
TASK = f"""
uuid experiment {{ uuid eid }} extensionName actionName createdBy receivedAt endedAt taskStatus
stdOut stdErr resultCode parameters {{ value key {{ {PARAMETER} }} }}"""
_EXTENSIONS = f"""{{ extensions {{
  name description authors
  actions {{ name description experimentVariableName parameters {{ {PARAMETER} }} }}
}} }}"""
_EXECUTE = f"""
mutation($uuid: UUID!, $extension: String!, $action: String!, $params: [[String!]!]!) {{
  executeExtension(executeExtensionInput: {{
    experimentUuid: $uuid, extension: $extension, action: $action, params: $params
  }}) {{ {TASK} }}
}}"""
_TASK = f"query($uuid: UUID!) {{ task(taskId: $uuid) {{ {TASK} }} }}"
_TASKS = f"""
query($offset: Int!, $limit: Int!, $filters: TasksFilterInput) {{
  tasks(offset: $offset, limit: $limit, filters: $filters) {{
    totalTasksCount tasksData {{ {TASK} }}
  }}
}}"""
_CANCEL = (
    f"mutation($uuid: UUID!) {{ cancelTask(cancelTaskInput: {{taskId: $uuid}}) {{ {TASK} }} }}"
)


def extensions(aqueduct: Aqueduct) -> list[Json]:
    listed: list[Json] = aqueduct.ask(_EXTENSIONS)["extensions"]
    return listed


def has_actions(aqueduct: Aqueduct) -> bool:
    return any(one["name"] == EXTENSION for one in extensions(aqueduct))


def require_actions(aqueduct: Aqueduct) -> None:
    """Skip the test where the suite's own extension is not installed."""
    if not has_actions(aqueduct):
        pytest.skip(f"the server has no extension {EXTENSION!r}: see {EXTENSIONS}")


@dataclass(frozen=True)
class Actions:
    """The suite's actions, run on one experiment."""

    aqueduct: Aqueduct
    experiment: Json

    def parameters(self, **changed: str) -> dict[str, str]:
        """What `echo` takes."""
        return {
            "text": "some text",
            "note": "two\nlines",
            "count": "-3",
            "ratio": "1.5e-3",
            "flag": "False",
            "choice": "three",
            "where": self.experiment["eid"],
            **changed,
        }

    def _order(self, action: str, parameters: dict[str, str] | None) -> Json:
        given = {"where": self.experiment["eid"]} if parameters is None else parameters
        return {
            "uuid": self.experiment["uuid"],
            "extension": EXTENSION,
            "action": action,
            "params": [[name, value] for name, value in given.items()],
        }

    def start(self, action: str, parameters: dict[str, str] | None = None) -> Json:
        """Order a task that must be accepted."""
        order = self._order(action, parameters)
        task: Json = self.aqueduct.ask(_EXECUTE, **order)["executeExtension"]
        return task

    def refused(
        self, action: str, parameters: dict[str, str] | None = None, **changed: object
    ) -> str:
        """Order a task that must be refused, and return why; no task comes of it."""
        before = len(self.own())
        refusal = self.aqueduct.refusal(_EXECUTE, **self._order(action, parameters) | changed)
        assert len(self.own()) == before
        return refusal

    def find(self, task: Json) -> Json:
        found: Json = self.aqueduct.ask(_TASK, uuid=task["uuid"])["task"]
        return found

    def ended(self, task: Json) -> Json:
        """Wait until a task has ended."""
        return self._reached(task, "SUCCESS", "FAILURE", "REVOKED")

    def started(self, task: Json) -> Json:
        """Wait until a task runs."""
        return self._reached(task, "STARTED")

    def _reached(self, task: Json, *statuses: str) -> Json:
        found: dict[str, Any] = {}

        def so() -> bool:
            found.update(self.find(task))
            return found["taskStatus"] in statuses

        wait_until(so, lambda: f"{statuses}, not {found}")
        return found

    def ran(self, action: str, parameters: dict[str, str] | None = None) -> Json:
        return self.ended(self.start(action, parameters))

    def own(self) -> list[Json]:
        """The tasks of the experiment."""
        tasks: list[Json] = self.aqueduct.ask(
            "query($value: String!) { experiment(experimentIdentifier: {type: UUID, value: $value})"
            f" {{ tasks {{ {TASK.replace('experiment { uuid eid }', '')} }} }} }}",
            value=self.experiment["uuid"],
        )["experiment"]["tasks"]
        return tasks

    def listed(self, *, offset: int = 0, limit: int = 500, **filters: Any) -> Json:
        """A page of the experiment's tasks."""
        identifier = {"type": "UUID", "value": self.experiment["uuid"]}
        wanted = {"experiment": identifier, **filters}
        return tasks_page(self.aqueduct, wanted, offset=offset, limit=limit)

    def cancel(self, task: Json) -> Json:
        cancelled: Json = self.aqueduct.ask(_CANCEL, uuid=task["uuid"])["cancelTask"]
        return cancelled


def tasks_page(aqueduct: Aqueduct, filters: Json, *, offset: int = 0, limit: int = 500) -> Json:
    page: Json = aqueduct.ask(_TASKS, offset=offset, limit=limit, filters=filters)["tasks"]
    return page


def task_refused(aqueduct: Aqueduct, uuid: str) -> str:
    return aqueduct.refusal(_TASK, uuid=uuid)


def cancel_refused(aqueduct: Aqueduct, uuid: str) -> str:
    return aqueduct.refusal(_CANCEL, uuid=uuid)


def tasks_refused(aqueduct: Aqueduct, **page: object) -> str:
    return aqueduct.refusal(_TASKS, **page)
