"""The action that a command names, and the parameters that it is given."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from aqsync.aqueduct.client import Client
from aqsync.aqueduct.extension_data import action_data
from aqsync.aqueduct.parameters import wire_values
from aqsync.aqueduct.records import Action, ExperimentRef, ExtensionRecord
from aqsync.cli.server_access import find_experiment
from aqsync.errors import ConfigError, OperationFailed


def extension_by(server: Client, name: str) -> ExtensionRecord:
    """Return an extension by its name.

    Raises:
        OperationFailed: The server has none of this name.
    """
    found = server.tasks.extensions()
    for each in found:
        if each.name == name:
            return each
    raise _missing("the server has no extension", name, [each.name for each in found])


def action_of(found: ExtensionRecord, name: str) -> Action:
    """Return an action of an extension by its name.

    Raises:
        OperationFailed: The extension has none of this name.
    """
    for each in found.actions:
        if each.name == name:
            return each
    names = [each.name for each in found.actions]
    raise _missing(f"extension {found.name!r} has no action", name, names)


def _missing(what: str, name: str, names: Sequence[str]) -> OperationFailed:
    there = ", ".join(map(repr, names)) or "none at all"
    return OperationFailed(f"{what} {name!r}", hint=f"it has {there}")


def pairs(given: Iterable[str]) -> dict[str, str]:
    """Read texts of the form ``name=value``.

    Raises:
        ConfigError: One has another form, or a name comes twice.
    """
    found: dict[str, str] = {}
    for text in given:
        name, separator, value = text.partition("=")
        if not separator or not name:
            raise ConfigError(f"--param {text!r} is not of the form name=value")
        if name in found:
            raise ConfigError(f"--param {name} is given twice")
        found[name] = value
    return found


def wanted_values(
    server: Client, action: Action, given: Mapping[str, str], identifier: str | None
) -> tuple[list[tuple[str, str]], ExperimentRef]:
    """Return all parameters as they are sent, and the experiment to run on.

    Args:
        server: Where the action runs.
        action: The action.
        given: The values that the command line names.
        identifier: The EID or UUID of the experiment to run on; None if it is among `given`.

    Raises:
        ConfigError: The experiment is named twice.
        OperationFailed: The action does not run on an experiment.
        BadParameters: The action does not take these values.
    """
    variable = action.experiment_variable_name
    if not variable:
        raise OperationFailed(
            f"action {action.name!r} cannot be run: it has no parameter of type 'experiment'",
            hint="its manifest on the server needs one",
        )
    wanted = dict(given)
    if identifier is not None:
        if variable in wanted:
            raise ConfigError(f"--experiment and --param {variable} name the experiment both")
        wanted[variable] = identifier
    experiments = {p.name for p in action.parameters if p.data_type == "experiment"}
    found = {
        name: find_experiment(server, value)
        for name, value in wanted.items()
        if name in experiments
    }
    wanted.update((name, experiment.eid) for name, experiment in found.items())
    values = wire_values(action_data(action).parameters, wanted, action.name)
    target = found.get(variable) or server.experiment_by_eid(dict(values)[variable])
    return values, target
