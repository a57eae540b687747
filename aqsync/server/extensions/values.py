"""The types of parameters, and what their values may be: pure functions."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from enum import StrEnum
from functools import partial

from aqsync.server.errors import OperationRefused
from aqsync.server.rules import is_file_name

MAX_VARIABLE_BYTES = 128 * 1024 - 1
"""A variable's name, ``=`` and value together: Linux starts no program with a longer one."""

_TRUTHS = {"true": "1", "1": "1", "false": "0", "0": "0"}


class DataType(StrEnum):
    """What a parameter takes."""

    STR = "str"
    TEXTAREA = "textarea"
    INT = "int"
    FLOAT = "float"
    BOOL = "bool"
    SELECT = "select"
    EXPERIMENT = "experiment"
    FILE = "file"


def _is_number(kind: type[int | float], value: str) -> bool:
    try:
        kind(value)
    except ValueError:
        return False
    return True


def _is_eid(value: str) -> bool:
    day, separator, number = value.partition("-")
    return bool(separator) and day.isdecimal() and number.isalnum()


_CHECKS: dict[DataType, tuple[Callable[[str], bool], str]] = {
    DataType.INT: (partial(_is_number, int), "{} is not int."),
    DataType.FLOAT: (partial(_is_number, float), "{} is not float."),
    DataType.BOOL: (lambda value: value.lower() in _TRUTHS, "{} is not a valid bool."),
    DataType.EXPERIMENT: (_is_eid, "{} is not a valid EID."),
    DataType.FILE: (lambda value: not value or is_file_name(value), "Invalid file name."),
}


def normalised(kind: DataType, value: str, options: Collection[str] | None = None) -> str:
    """Return a value as a script gets it.

    Only what the value itself tells is checked: not whether an experiment or a file exists.

    Args:
        kind: What the parameter takes.
        value: What was given.
        options: What can be chosen from, for a parameter of the type ``select``.

    Raises:
        OperationRefused: It is no value of this type.
    """
    if kind is DataType.SELECT and value not in (options or ()):
        raise OperationRefused(f"{value} is not in {options}.")
    fits, refusal = _CHECKS.get(kind, (None, ""))
    if fits is not None and not fits(value):
        raise OperationRefused(refusal.format(value))
    return _TRUTHS[value.lower()] if kind is DataType.BOOL else value


def check_variable(name: str, value: str) -> None:
    """Refuse what cannot be handed to a program as an environment variable.

    Raises:
        OperationRefused: The value has a NUL character, or is too long.
    """
    if "\0" in value:
        raise OperationRefused(f"The value of {name} has a NUL character.")
    if len(f"{name}={value}".encode()) > MAX_VARIABLE_BYTES:
        raise OperationRefused(f"The value of {name} is longer than {MAX_VARIABLE_BYTES} bytes.")


def pairs_of(given: Sequence[Sequence[str]]) -> dict[str, str]:
    """Return the values by their names; the last one for a name counts.

    Raises:
        OperationRefused: Something else than pairs was given.
    """
    for number, pair in enumerate(given):
        if len(pair) != 2:  # noqa: PLR2004 - a pair
            raise OperationRefused(
                f"dictionary update sequence element #{number} has length {len(pair)};"
                " 2 is required"
            )
    return {name: value for name, value in given}  # noqa: C416 - `dict` takes no such type


def check_keys(expected: Collection[str], given: Collection[str]) -> None:
    """Refuse parameters that are not exactly those of the action.

    Raises:
        OperationRefused: Some are missing, or some are not the action's.
    """
    missing = set(expected) - set(given)
    unexpected = set(given) - set(expected)
    if missing or unexpected:
        raise OperationRefused(
            "Parameters error: keys don't match expected set."
            f" Missing keys: {_shown(missing)}; Unexpected keys: {_shown(unexpected)}"
        )


def _shown(keys: set[str]) -> str:
    return f"{{{', '.join(map(repr, sorted(keys)))}}}" if keys else "set()"
