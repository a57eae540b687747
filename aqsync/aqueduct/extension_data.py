"""What the server tells about extensions and the runs of their actions.

The names are those of the wire, as scripts for pyaqueduct know them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from aqsync.aqueduct.records import Action, Parameter

if TYPE_CHECKING:
    from aqsync.aqueduct.task import Task


@dataclass(frozen=True)
class ExtensionParameterData:
    """A parameter of an action, as its manifest describes it."""

    name: str
    """What the action knows it by, and the key in the dictionary for `ExtensionAction.execute`."""
    displayName: str | None
    """What to call it for people."""
    description: str | None
    """What it is for."""
    dataType: str
    """One of ``str``, ``textarea``, ``int``, ``float``, ``bool``, ``select``, ``experiment`` and
    ``file``."""
    defaultValue: str | None
    """What it is if it is not given; None if it must be given."""
    options: list[str] | None = field(hash=False)
    """For ``select``: what may be chosen."""


@dataclass(frozen=True)
class ExtensionActionData:
    """An action as the server describes it."""

    name: str
    """Unique within its extension."""
    description: str
    """What it does; empty if the server does not tell."""
    experimentVariableName: str
    """The parameter that names the experiment to run on; empty if there is none."""
    parameters: list[ExtensionParameterData] = field(hash=False)
    """What it wants to know."""


@dataclass(frozen=True)
class ParameterData:
    """A parameter with the value that a task got."""

    key: ExtensionParameterData
    """The parameter."""
    value: str | None
    """The value, as text."""


@dataclass(frozen=True)
class ExtensionExecutionResultData:
    """How the run of an action ended."""

    returnCode: int
    """The exit code of the action's script: 0 if it succeeded. -1 if it never got one, as when it
    was cancelled before it began."""
    stdout: str
    """What it wrote to its standard output."""
    stderr: str
    """What it wrote to its standard error."""
    logExperiment: str
    """The EID of the experiment that it ran on."""
    logFile: str
    """The file of that experiment which holds the log; empty on a server with tasks, which keeps
    the log in the task."""
    task: Task | None = field(default=None, repr=False)
    """The task that ran it; None on a server without tasks."""


def parameter_data(parameter: Parameter) -> ExtensionParameterData:
    """Show a parameter as people know it."""
    options = None if parameter.options is None else list(parameter.options)
    return ExtensionParameterData(*parameter[:-1], options)


def action_data(action: Action) -> ExtensionActionData:
    """Show an action as people know it."""
    return ExtensionActionData(
        action.name,
        action.description,
        action.experiment_variable_name,
        [parameter_data(parameter) for parameter in action.parameters],
    )
