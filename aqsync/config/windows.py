"""Transfer windows: at which times of the local day files may travel.

Windows follow the wall clock. When clocks are put forward, a window that would begin or end in the
skipped hour does so at the end of that hour. When they are put back, the first of the two equal
hours counts, so no window opens twice.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from aqsync.model import SECOND_NS

DAY_NAMES = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
"""In the order of `date.weekday`."""

_MINUTES_A_DAY = 24 * 60
# Two weeks: when clocks are put forward, a short window of one night can be skipped.
_REACH_DAYS = 15
_WINDOW = re.compile(r"(?:([a-z, -]*[a-z])\s+)?(\d\d?):(\d\d)\s*-\s*(\d\d?):(\d\d)", re.ASCII)


@dataclass(frozen=True, slots=True)
class Window:
    """One time of some days.

    Attributes:
        text: As it was written.
        weekdays: The days on which it begins: 0 is Monday.
        start: When it begins, in minutes after midnight, under 1440.
        end: When it ends, counted from the same midnight; over 1440 on the next day.
    """

    text: str
    weekdays: frozenset[int]
    start: int
    end: int

    def __str__(self) -> str:
        return self.text


class Windows(tuple[Window, ...]):
    """All windows of a configuration; none at all means that it is always open."""

    __slots__ = ()

    def closed(self, now_ns: int) -> tuple[int, int] | None:
        """The time around `now_ns` in which every window is closed.

        Args:
            now_ns: Wall-clock time in nanoseconds since 1970.

        Returns:
            When the last one closed and when the next one opens, in nanoseconds since 1970; None
            if one is open.
        """
        if not self:
            return None
        now = now_ns // SECOND_NS
        around = tuple(self._around(_wall_clock(now).date()))
        if any(start <= now < end for start, end in around):
            return None
        since = max(end for _, end in around if end <= now)
        until = min(start for start, _ in around if start > now)
        return since * SECOND_NS, until * SECOND_NS

    def __str__(self) -> str:
        return "; ".join(map(str, self))

    def _around(self, today: date) -> Iterator[tuple[int, int]]:
        """Begin and end, in seconds since 1970, of every window that begins near a day."""
        for offset in range(-_REACH_DAYS, _REACH_DAYS + 1):
            day = today + timedelta(days=offset)
            for window in self:
                if day.weekday() in window.weekdays:
                    start, end = _instant(day, window.start), _instant(day, window.end)
                    if start < end:
                        yield start, end


def parse_window(text: str) -> Window:
    """Read a window such as ``22:00-06:00``, ``sat,sun 00:00-24:00`` or ``mon-fri 18:30-07:00``.

    Args:
        text: Days, if not all (``mon`` to ``sun``, listed with commas, or as ranges), and two
            times of the local day. An end that is not after the beginning lies on the next day;
            the days are those on which the window begins.

    Raises:
        ValueError: The text is no window; the message says why.
    """
    text = " ".join(text.split())
    parts = _WINDOW.fullmatch(text.lower())
    if parts is None:
        raise ValueError(f"{text!r} is not a window")
    weekdays = frozenset(_weekdays(parts[1], text) if parts[1] else range(7))
    start, end = (
        _minutes(hours, minutes, text)
        for hours, minutes in ((parts[2], parts[3]), (parts[4], parts[5]))
    )
    if start == _MINUTES_A_DAY:
        raise ValueError(f"{text!r} begins at 24:00, which is 00:00 of the next day")
    if start == end:
        raise ValueError(f"{text!r} begins and ends at once; a whole day is 00:00-24:00")
    return Window(text, weekdays, start, end if start < end else end + _MINUTES_A_DAY)


def _weekdays(text: str, window: str) -> Iterator[int]:
    for item in text.split(","):
        names = [name.strip() for name in item.split("-")]
        for name in names:
            if name not in DAY_NAMES:
                raise ValueError(f"{name!r} in {window!r} is not a day; days are mon to sun")
        match names:
            case [day]:
                yield DAY_NAMES.index(day)
            case [first, last]:
                begin, end = DAY_NAMES.index(first), DAY_NAMES.index(last)
                yield from (day % 7 for day in range(begin, (end if begin <= end else end + 7) + 1))
            case _:
                raise ValueError(f"{item.strip()!r} in {window!r} is not a range of days")


def _minutes(hours: str, minutes: str, window: str) -> int:
    total = int(hours) * 60 + int(minutes)
    if int(minutes) >= 60 or total > _MINUTES_A_DAY:  # noqa: PLR2004 - minutes of an hour
        raise ValueError(f"{hours}:{minutes} in {window!r} is not a time of day")
    return total


def _instant(day: date, minutes: int) -> int:
    """The first second at which the local wall clock shows this time of a day, or a later one."""
    shown = datetime.combine(day, time()) + timedelta(minutes=minutes)
    moment = int(shown.timestamp())
    if _wall_clock(moment) == shown:
        return moment
    # The clock skips this time; fold=1 gives the same time by the offset from before.
    before = int(shown.replace(fold=1).timestamp())
    return before + bisect_left(range(before, moment), shown, key=_wall_clock)


def _wall_clock(moment: int) -> datetime:
    """What the local wall clock shows so many seconds after 1970; fold aside."""
    return datetime.fromtimestamp(moment, UTC).astimezone().replace(tzinfo=None, fold=0)
