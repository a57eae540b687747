"""Cron expressions, as crontab(5) defines them, turned into plain numbers.

Libraries disagree about which day weekday 1 is, and about two restricted day fields; numbers are
unambiguous.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

_DAYS_IN_MONTH = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_SUNDAY = 7
_ITEM = re.compile(r"(?:\*|([0-9a-z]+)(?:-([0-9a-z]+))?)(?:/([0-9]{1,3}))?", re.ASCII)


class _Field(NamedTuple):
    name: str
    first: int
    last: int
    names: tuple[str, ...] = ()


_FIELDS = (
    _Field("a minute", 0, 59),
    _Field("an hour", 0, 23),
    _Field("a day of the month", 1, 31),
    _Field("a month", 1, 12, _MONTHS),
    _Field("a day of the week", 0, _SUNDAY, _DAYS),
)


@dataclass(frozen=True, slots=True)
class Cron:
    """When something happens, in local time.

    Attributes:
        text: As it was written.
        minutes: 0 to 59.
        hours: 0 to 23.
        days: Of the month, 1 to 31.
        months: 1 to 12.
        weekdays: 0 to 6, where 0 is Sunday.
        either_day: Whether a day in `days` or in `weekdays` is enough, as in cron if neither field
            begins with ``*``; otherwise it must be in both.
    """

    text: str
    minutes: frozenset[int]
    hours: frozenset[int]
    days: frozenset[int]
    months: frozenset[int]
    weekdays: frozenset[int]
    either_day: bool

    def __str__(self) -> str:
        return self.text


def parse_cron(text: str) -> Cron:
    """Read an expression such as ``30 3 * * *``, ``*/10 8-18 * * mon-fri`` or ``0 0 1 jan,jul *``.

    Args:
        text: Minute, hour, day of month, month, day of week. Each is ``*``, or a list of numbers,
            names and ranges with commas between them; ``/`` and a number after ``*`` or a range
            takes every so many of it. Sunday is 0 or 7.

    Raises:
        ValueError: The text is no such expression, or its day never comes; the message says why.
    """
    fields = text.split()
    text = " ".join(fields)
    if len(fields) != len(_FIELDS):
        raise ValueError(f"{text!r} has {len(fields)} fields and not 5")
    minutes, hours, days, months, weekdays = (
        frozenset(_values(written, field, text))
        for written, field in zip(fields, _FIELDS, strict=True)
    )
    either_day = not (fields[2].startswith("*") or fields[4].startswith("*"))
    if not either_day and min(days) > max(_DAYS_IN_MONTH[month - 1] for month in months):
        raise ValueError(f"the day of {text!r} never comes")
    weekdays = frozenset(day % _SUNDAY for day in weekdays)
    return Cron(text, minutes, hours, days, months, weekdays, either_day)


def _values(written: str, field: _Field, text: str) -> Iterator[int]:
    for item in written.lower().split(","):
        parts = _ITEM.fullmatch(item)
        if parts is None:
            raise ValueError(f"{item!r} in {text!r} is not {field.name}")
        first, last = field.first, field.last
        if parts[1] is not None:
            first = _number(parts[1], field, text)
            last = first if parts[2] is None else _number(parts[2], field, text)
            if parts[2] and field.names is _DAYS and last == 0:
                last = _SUNDAY
        step = 1 if parts[3] is None else int(parts[3])
        if parts[3] is not None and (step == 0 or (parts[1] and not parts[2])):
            raise ValueError(f"{item!r} in {text!r} has a step that means nothing")
        if first > last:
            raise ValueError(f"{item!r} in {text!r} ends before it begins")
        yield from range(first, last + 1, step)


def _number(written: str, field: _Field, text: str) -> int:
    if written in field.names:
        return field.names.index(written) + field.first
    if not written.isdigit() or not field.first <= int(written[:9]) <= field.last:
        raise ValueError(f"{written!r} in {text!r} is not {field.name}")
    return int(written)
