"""Extensions of the server and their actions, as people handle them in scripts and notebooks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, overload
from uuid import UUID

from pydantic import Field, PrivateAttr

from aqsync.aqueduct.checked import brief
from aqsync.aqueduct.client import Client
from aqsync.aqueduct.experiment import Experiment
from aqsync.aqueduct.extension_data import (
    ExtensionActionData,
    ExtensionExecutionResultData,
    ExtensionParameterData,
    action_data,
)
from aqsync.aqueduct.handle import Handle
from aqsync.aqueduct.parameters import wire_values
from aqsync.aqueduct.records import Action, ExtensionRecord
from aqsync.aqueduct.task import Task, TaskProgress
from aqsync.errors import OperationFailed, OperationMissing

__all__ = [
    "Extension",
    "ExtensionAction",
    "ExtensionActionData",
    "ExtensionExecutionResultData",
    "ExtensionParameterData",
]


class ExtensionAction(Handle):
    """Something that an extension can do on the server."""

    parameters: list[ExtensionParameterData]
    """What it wants to know."""
    data: ExtensionActionData
    """All that the server says about it."""
    extension: Extension = Field(default=None, repr=False, exclude=True)  # type: ignore[assignment]  # as in pyaqueduct
    """The extension that it belongs to; None for one that a script made by itself."""
    _server: Client = PrivateAttr()
    _shown = ("name", "parameters")

    @classmethod
    def _of(cls, action: Action, extension: Extension, server: Client) -> ExtensionAction:
        data = action_data(action)
        made = cls(parameters=data.parameters, data=data, extension=extension)
        made._server = server
        return made

    def _told(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "description": self.description,
            "parameters": [parameter.name for parameter in self.parameters],
            "experiment_variable_name": self.experiment_variable_name,
        }

    def __eq__(self, other: object) -> bool:
        """Two are the same if they are described alike and belong to the same extension."""
        return (
            isinstance(other, ExtensionAction)
            and (self.extension.name, self.data) == (other.extension.name, other.data)
            and self._server is other._server
        )

    def __hash__(self) -> int:
        return hash((self.extension.name, self.name))

    @property
    def name(self) -> str:
        """Its name, unique within its extension."""
        return self.data.name

    @property
    def description(self) -> str:
        """What it does; empty if the server does not tell."""
        return self.data.description

    @property
    def experiment_variable_name(self) -> str:
        """The parameter that names the experiment to run on, as the first of type ``experiment``.

        Parameters of type ``file`` mean files of that experiment. Empty if there is none.
        """
        return self.data.experimentVariableName

    @overload
    def execute(
        self,
        parameters: Mapping[str, Any],
        *,
        wait: Literal[True] = True,
        timeout: float | None = None,
        progress: TaskProgress | None = None,
    ) -> ExtensionExecutionResultData: ...

    @overload
    def execute(
        self,
        parameters: Mapping[str, Any],
        *,
        wait: Literal[False],
        timeout: float | None = None,
        progress: TaskProgress | None = None,
    ) -> Task: ...

    @overload
    def execute(
        self,
        parameters: Mapping[str, Any],
        *,
        wait: bool,
        timeout: float | None = None,
        progress: TaskProgress | None = None,
    ) -> ExtensionExecutionResultData | Task: ...

    @brief
    def execute(
        self,
        parameters: Mapping[str, Any],
        *,
        wait: bool = True,
        timeout: float | None = None,
        progress: TaskProgress | None = None,
    ) -> ExtensionExecutionResultData | Task:
        """Run the action on the server.

        Nothing is sent unless the values are right. A server with tasks is asked for the task's
        state, after pauses that grow from 0.1 s to 5 s, until it has ended; an older one answers
        when the action has ended.

        Server operation: ``executeExtension``, then ``task``.

        Args:
            parameters: Values by name, of any type whose text is right: an ``int``, ``float`` or
                ``bool``, one of the options of a ``select``, for ``experiment`` an `Experiment` or
                its EID, for ``file`` the name of a file of the experiment. What is left out gets
                its default value.
            wait: Whether to wait until the action has ended.
            timeout: Give up waiting after so many seconds; None waits as long as it takes. A task
                goes on in any case.
            progress: Called at each look at the task with its status and the seconds waited so
                far; never on a server without tasks.

        Returns:
            How the action ended, also if it failed. With ``wait=False``, the `Task`.

        Raises:
            BadParameters: A value is missing, unexpected or not of its type.
            ExperimentNotFound: There is no such experiment for this user.
            OperationFailed: The server refuses the values, or the action has no parameter for the
                experiment to run on.
            TaskUnfinished: The time was over first. (On a server without tasks this is a
                `ServerUnreachable`.)
            OperationMissing: With ``wait=False``, on a server without tasks.
        """
        plain = {
            name: value.eid if isinstance(value, Experiment) else value
            for name, value in parameters.items()
        }
        values = wire_values(self.parameters, plain, self.name)
        tasks = self._server.tasks
        if not tasks.exist():
            if not wait:
                raise OperationMissing(
                    "the server runs actions to their end at once and has no tasks",
                    hint="leave out wait=False",
                )
            ran = tasks.execute_to_the_end(self.extension.name, self.name, values, timeout)
            return ExtensionExecutionResultData(*ran)
        experiment = self._experiment(parameters, dict(values))
        record = tasks.execute(experiment, self.extension.name, self.name, values)
        task = Task._of(record, self._server)  # noqa: SLF001 - users make none
        return task.wait(timeout, progress) if wait else task

    def _experiment(self, given: Mapping[str, Any], values: Mapping[str, str]) -> UUID:
        """Return the experiment to run on."""
        variable = self.experiment_variable_name
        if variable not in values:
            raise OperationFailed(
                f"action {self.name!r} cannot be run: it has no parameter of type 'experiment'",
                hint="its manifest on the server needs one",
            )
        value = given.get(variable)
        if isinstance(value, Experiment):
            return value.uuid
        return self._server.experiment_by_eid(values[variable]).uuid


class Extension(Handle):
    """A collection of actions that somebody has installed on the server."""

    name: str
    """Its name, unique on one server."""
    description: str | None
    """What it is for; None if its authors do not tell."""
    authors: str
    """Who made it."""
    actions: list[ExtensionAction]
    """What it can do."""
    _shown = ("name", "actions")

    @classmethod
    def _of(cls, record: ExtensionRecord, server: Client) -> Extension:
        extension = cls(
            name=record.name, description=record.description, authors=record.authors, actions=[]
        )
        for action in record.actions:
            made = ExtensionAction._of(action, extension, server)  # noqa: SLF001 - users make none
            extension.actions.append(made)
        return extension

    def _told(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "description": self.description,
            "authors": self.authors,
            "actions": [action.name for action in self.actions],
        }

    def __eq__(self, other: object) -> bool:
        """Two are the same if they are described alike."""
        return (
            isinstance(other, Extension)
            and self._told() == other._told()
            and self.actions == other.actions
        )

    def __hash__(self) -> int:
        return hash(self.name)
