"""Whether the server has a configured action, and the parameters that one measurement gives it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from aqsync.aqueduct.extension_data import ExtensionActionData, action_data
from aqsync.aqueduct.parameters import wire_values
from aqsync.aqueduct.records import ExtensionRecord
from aqsync.config import patterns
from aqsync.config.actions import ActionConfig
from aqsync.errors import BadParameters
from aqsync.model import Explanation, Reason

SAMPLE_EID = "20260101-1"


class NotRunnable(Exception):
    """An action cannot be run as it is configured; nothing was sent."""

    def __init__(self, why: Explanation) -> None:
        super().__init__(why.message)
        self.why = why


def manifest_of(action: ActionConfig, extensions: Iterable[ExtensionRecord]) -> ExtensionActionData:
    """What the server says about a configured action.

    Raises:
        NotRunnable: It has none of these names, or one that has no experiment to run on.
    """
    by_name = {extension.name: extension for extension in extensions}
    extension = by_name.get(action.extension)
    if extension is None:
        known = ", ".join(sorted(by_name)) or "none"
        raise NotRunnable(
            Reason.ACTION_MISSING.explain(
                name=action.name, missing=f"extension {action.extension}", known=known
            )
        )
    found = {each.name: each for each in extension.actions}.get(action.action)
    if found is None:
        known = ", ".join(sorted(each.name for each in extension.actions)) or "none"
        raise NotRunnable(
            Reason.ACTION_MISSING.explain(
                name=action.name, missing=f"action {action.action} in it", known=known
            )
        )
    manifest = action_data(found)
    if not manifest.experimentVariableName:
        raise NotRunnable(Reason.ACTION_WITHOUT_EXPERIMENT.explain(name=action.name))
    return manifest


def values_of(
    action: ActionConfig,
    manifest: ExtensionActionData,
    eid: str,
    names: Mapping[str, str],
    files: Mapping[str, str],
) -> tuple[tuple[str, str], ...]:
    """All parameters of an action for one measurement, as they are sent.

    Args:
        action: As configured.
        manifest: What the server says about it.
        eid: The experiment, as people know it.
        names: What the names in braces stand for.
        files: By path in the measurement, the names of its files on the server; a parameter of
            type ``file`` may be either.

    Raises:
        NotRunnable: It does not take these values.
    """
    given = action.filled(names)
    for parameter in manifest.parameters:
        if parameter.dataType == "file" and parameter.name in given:
            path = given[parameter.name]
            given[parameter.name] = files.get(path, path)
    return _checked(action, manifest, given, eid)


def check_values(action: ActionConfig, manifest: ExtensionActionData) -> None:
    """Check what can be known before there is a measurement.

    Raises:
        NotRunnable: The action does not take these parameters, whatever the names stand for.
    """
    # Of a text with a name in braces any value may come.
    open_ones = {name for name, text in action.parameters.items() if patterns.brace_names(text)}
    parameters = [
        replace(parameter, dataType="str") if parameter.name in open_ones else parameter
        for parameter in manifest.parameters
    ]
    _checked(action, replace(manifest, parameters=parameters), dict(action.parameters), SAMPLE_EID)


def _checked(
    action: ActionConfig, manifest: ExtensionActionData, given: dict[str, str], eid: str
) -> tuple[tuple[str, str], ...]:
    variable = manifest.experimentVariableName
    if variable in given:
        said = f"{variable!r} is the experiment, which is filled in by itself"
        raise NotRunnable(Reason.ACTION_PARAMETERS.explain(name=action.name, said=said))
    try:
        return tuple(wire_values(manifest.parameters, {**given, variable: eid}, action.action))
    except BadParameters as exc:
        why = Reason.ACTION_PARAMETERS.explain(name=action.name, said=exc.message)
        raise NotRunnable(why) from exc
