"""What scripts and notebooks call: arguments are checked, and tracebacks stay short."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterable, Iterator
from typing import Any, ParamSpec, TypeVar

from pydantic import ValidationError, validate_call

from aqsync.aqueduct.by_eid import HasEid, name_by_eid
from aqsync.errors import AqsyncError, WrongArgument

_P = ParamSpec("_P")
_R = TypeVar("_R")
_T = TypeVar("_T")
_E = TypeVar("_E", bound=Exception)

_WANTED = {
    "None": "None",
    "PositiveInt": "a whole number from 1 on",
    "NonNegativeInt": "a whole number from 0 on",
    "str": "a text (str)",
    "float": "a number",
    "Path": "a Path",
    "bool": "True or False",
    "datetime": "a datetime",
    "UUID": "a UUID",
    "list[str]": "a list of texts (str)",
    "RemoteName": "a text (str) or one of `files`",
    "list[RemoteName]": "a list of texts (str) or of elements of `files`",
    "Progress": "a function of two numbers",
}
"""What to call the types of parameters, by how they are written in the signatures."""
_LONGEST = 80
"""A longer argument is not repeated."""
_NOT_REPEATED = {"token"}
"""Parameters whose arguments are secrets."""
_BY_PLACE = "unexpected_positional_argument"
_MISUSED = {"missing_argument", "unexpected_keyword_argument", "multiple_argument_values"}


def brief(function: Callable[_P, _R]) -> Callable[_P, _R]:
    """Let errors of the library come out without the frames and causes inside it.

    What lies behind an error stays in its ``__context__``. An error of an experiment's method names
    the experiment by its EID. The hint is a note, which shells and notebooks show below the error.
    """

    @functools.wraps(function)
    def called(*args: _P.args, **kwargs: _P.kwargs) -> _R:
        try:
            return function(*args, **kwargs)
        except AqsyncError as exc:
            error = exc
        raise _outward(error, args) from None

    return called


def brief_items(items: Iterable[_T]) -> Iterator[_T]:
    """Give the same items; errors come out as with `brief`."""
    try:
        yield from items
    except AqsyncError as exc:
        error = exc
    else:
        return
    raise error.with_traceback(None) from None


def checked(function: Callable[_P, _R]) -> Callable[_P, _R]:
    """Check a method's arguments by its annotations first; else the same as `brief`.

    The function raises `WrongArgument` if they are wrong.
    """
    validated = validate_call(function)

    @functools.wraps(function)
    def called(*args: _P.args, **kwargs: _P.kwargs) -> _R:
        error: AqsyncError | WrongArgument
        try:
            return validated(*args, **kwargs)
        except ValidationError as exc:
            if exc.title != function.__qualname__:  # of a function that was passed in
                raise
            error = WrongArgument(_in_one_line(function, exc))
        except AqsyncError as exc:
            error = exc
        raise _outward(error, args) from None

    return called


def _outward(error: _E, arguments: tuple[object, ...]) -> _E:
    """Return the error that the caller of the method sees for these arguments."""
    if isinstance(error, AqsyncError):
        if isinstance(arguments[0], HasEid):
            name_by_eid(error, {arguments[0].uuid: arguments[0].eid})
        if error.hint:
            error.add_note(f"hint: {error.hint}")
    return error.with_traceback(None)


def _in_one_line(function: Callable[..., Any], problems: ValidationError) -> str:
    """Say what the first wrong argument should have been."""
    parameters = list(inspect.signature(function).parameters.values())
    called = function.__qualname__.removesuffix(".__init__").rpartition(".")[2]
    first = problems.errors(include_url=False, include_context=False)[0]
    place = first["loc"][0]
    if first["type"] == _BY_PLACE:
        return f"{called}: too many arguments without a name"
    if first["type"] in _MISUSED:
        return f"{called}: {first['msg'].lower()}: {place!r}"
    [parameter] = [each for index, each in enumerate(parameters) if place in {index, each.name}]
    kinds = str(parameter.annotation).split(" | ")
    wanted = " or ".join(_WANTED.get(kind, kind) for kind in kinds)
    given = _argument(first["input"], secret=parameter.name in _NOT_REPEATED)
    about = "" if parameter.name == called else f"{called}: "
    item = f" (its item {first['loc'][1]})" if _is_in_a_list(first["loc"]) else ""
    return f"{about}{parameter.name} must be {wanted}; {given} is not{item}"


def _is_in_a_list(location: tuple[int | str, ...]) -> bool:
    return len(location) > 1 and isinstance(location[1], int)


def _argument(value: object, *, secret: bool) -> str:
    shown = repr(value)
    if secret or len(shown) > _LONGEST or not shown.isprintable():
        return f"a value of type {type(value).__name__}"
    return shown
