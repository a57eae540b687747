"""What an answer holds, each value of the type that the protocol gives it. Pure.

A server may send anything. A reader gives the value, or raises `TypeError` or `ValueError`.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, TypeVar

_T = TypeVar("_T")

_FIRST_YEAR, _LAST_YEAR = 1900, 9000
"""Beyond them a time may have no local time."""


def text(value: object) -> str:
    """A text."""
    if not isinstance(value, str):
        raise TypeError(value)
    return value


def text_or_none(value: object) -> str | None:
    """A text, or nothing."""
    return None if value is None else text(value)


def text_or_empty(value: object) -> str:
    """A text; the empty one for nothing."""
    return "" if value is None else text(value)


def whole(value: object) -> int:
    """A whole number, such as GraphQL has: 32 bits."""
    if not isinstance(value, int) or isinstance(value, bool) or abs(value) > 1 << 31:
        raise TypeError(value)
    return value


def instant(value: object) -> datetime:
    """A time with its offset from UTC; without one it is meant in UTC."""
    found = datetime.fromisoformat(text(value))
    if not _FIRST_YEAR <= found.year <= _LAST_YEAR:
        raise ValueError(value)
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def fields(value: object) -> dict[str, Any]:
    """An object."""
    if not isinstance(value, dict):
        raise TypeError(value)
    return value


def listed(value: object, read: Callable[[Any], _T]) -> list[_T]:
    """A list, of what `read` makes of each item."""
    if not isinstance(value, list):
        raise TypeError(value)
    return [read(item) for item in value]
