"""Whether an action takes the values that somebody gives it, and how they go over the wire. Pure.

The rules are the server's own, so that what passes here passes there.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping

from aqsync.aqueduct.extension_data import ExtensionParameterData
from aqsync.errors import BadParameters

_EID = re.compile(r"[0-9]+-[0-9A-Za-z]+", re.ASCII)
_BOOLEANS = frozenset({"true", "false", "1", "0"})


def wire_values(
    manifest: Iterable[ExtensionParameterData], given: Mapping[str, object], action: str
) -> list[tuple[str, str]]:
    """Return all of an action's parameters with the texts to send, in the manifest's order.

    One that is not given gets its default value.

    Args:
        manifest: The parameters that the action has.
        given: Values by name, of any type whose text is right.
        action: The action's name, for error messages.

    Raises:
        BadParameters: One is missing, unexpected or not of its type; all that is wrong is told.
    """
    parameters = list(manifest)
    known = {parameter.name for parameter in parameters}
    problems = [f"{name!r} is unexpected" for name in given if name not in known]
    values = []
    for parameter in parameters:
        value = given.get(parameter.name, parameter.defaultValue)
        if value is None:
            problems.append(f"{parameter.name!r} is missing")
            continue
        text = str(value)
        problem = _problem(parameter, text)
        if isinstance(value, bytes) or problem:
            problems.append(f"{parameter.name!r} is {problem or 'bytes, not text'}: {value!r}")
        values.append((parameter.name, text))
    if problems:
        names = ", ".join(repr(parameter.name) for parameter in parameters) or "no parameters"
        raise BadParameters(
            f"action {action!r} does not take these values: {'; '.join(problems)}",
            hint=f"it takes {names}",
        )
    return values


def _problem(parameter: ExtensionParameterData, text: str) -> str:
    """Return what is wrong with a value, empty if nothing is; of other types any text is right."""
    match parameter.dataType:
        case "int":
            return "" if _converts(int, text) else "not an int"
        case "float":
            return "" if _converts(float, text) else "not a float"
        case "bool":
            return "" if text.lower() in _BOOLEANS else "not a bool"
        case "select":
            options = parameter.options or []
            choice = ", ".join(map(repr, options)) or "nothing"
            return "" if text in options else f"not one of {choice}"
        case "experiment":
            return "" if _EID.fullmatch(text) else "not the EID of an experiment"
        case _:
            return "holding a NUL character" if "\0" in text else ""


def _converts(kind: Callable[[str], object], text: str) -> bool:
    try:
        kind(text)
    except ValueError:
        return False
    return True
