"""When a transfer window is open, by the wall clock, whatever that clock does."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aqsync.config import Window, Windows, parse_window
from tests.support.time_zone import BERLIN, KOLKATA, LORD_HOWE, NEW_YORK, local_time_zone

MINUTE_NS = 60 * 1_000_000_000


def windows(*texts: str) -> Windows:
    return Windows(map(parse_window, texts))


def at(text: str) -> int:
    """A moment given in UTC, such as 2026-03-29 00:59."""
    return int(datetime.fromisoformat(text + "+00:00").timestamp()) * 1_000_000_000


def closed(found: tuple[int, int] | None) -> tuple[str, str] | None:
    """The moments in UTC."""
    if found is None:
        return None
    since, until = (datetime.fromtimestamp(ns / 1e9, UTC).strftime("%m-%d %H:%M") for ns in found)
    return since, until


@pytest.mark.parametrize(
    ("text", "weekdays", "start", "end"),
    [
        ("22:00-06:00", range(7), 1320, 1800),
        ("00:00-24:00", range(7), 0, 1440),
        ("sat,sun 00:00-24:00", [5, 6], 0, 1440),
        (" Sat , SUN   0:00 - 24:00 ", [5, 6], 0, 1440),
        ("mon-fri 18:30-07:15", range(5), 1110, 1875),
        ("fri-mon,wed 08:00-09:00", [4, 5, 6, 0, 2], 480, 540),
        ("mon 23:59-00:00", [0], 1439, 1440),
    ],
)
def test_windows_as_people_write_them(text: str, weekdays: list[int], start: int, end: int) -> None:
    window = parse_window(text)
    assert window == Window(" ".join(text.split()), frozenset(weekdays), start, end)
    assert str(window) == " ".join(text.split())


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "'' is not a window"),
        ("22:00", "is not a window"),
        ("22-06", "is not a window"),
        ("22:00-06:00 sat", "is not a window"),
        ("22:00-06:00,23:00-24:00", "is not a window"),
        ("\uff12\uff12:00-06:00", "is not a window"),
        ("25:00-06:00", "25:00 in '25:00-06:00' is not a time of day"),
        ("22:60-06:00", "22:60 in '22:60-06:00' is not a time of day"),
        ("22:00-24:01", "24:01 in '22:00-24:01' is not a time of day"),
        ("24:00-06:00", "begins at 24:00"),
        ("08:00-08:00", "begins and ends at once"),
        ("mo 08:00-09:00", "'mo' in 'mo 08:00-09:00' is not a day"),
        ("mon-wed-fri 08:00-09:00", "'mon-wed-fri' in .* is not a range of days"),
        ("sat,,sun 08:00-09:00", "'' in .* is not a day"),
        ("sat sun 08:00-09:00", "'sat sun' in .* is not a day"),
    ],
)
def test_what_is_no_window(text: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        parse_window(text)


def test_no_windows_are_always_open() -> None:
    assert windows().closed(at("2026-11-23 10:00")) is None
    assert str(windows("22:00-06:00", "sat,sun 00:00-24:00")) == "22:00-06:00; sat,sun 00:00-24:00"


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        ("2026-11-23 20:59", ("11-23 05:00", "11-23 21:00")),  # 21:59 by the wall clock
        ("2026-11-23 21:00", None),
        ("2026-11-24 04:59", None),
        ("2026-11-24 05:00", ("11-24 05:00", "11-24 21:00")),
        ("2026-11-27 12:00", ("11-27 05:00", "11-27 21:00")),  # Friday
        ("2026-11-28 12:00", None),  # Saturday
        ("2026-11-29 22:59", None),  # Sunday, 23:59
    ],
)
def test_nights_and_weekends_in_berlin(now: str, expected: tuple[str, str] | None) -> None:
    with local_time_zone(BERLIN):
        found = windows("22:00-06:00", "sat,sun 00:00-24:00").closed(at(now))
    assert closed(found) == expected


@pytest.mark.parametrize(
    ("text", "now", "expected"),
    [
        # 2026-03-29 02:00 CET is 03:00 CEST, at 01:00 UTC.
        ("02:30-04:00", "2026-03-29 00:59", ("03-28 03:00", "03-29 01:00")),
        ("02:30-04:00", "2026-03-29 01:00", None),
        ("02:30-04:00", "2026-03-29 02:00", ("03-29 02:00", "03-30 00:30")),
        ("01:00-02:30", "2026-03-29 01:00", ("03-29 01:00", "03-29 23:00")),
        ("sun 02:10-02:50", "2026-03-29 01:00", ("03-22 01:50", "04-05 00:10")),
        # 2026-10-25 03:00 CEST is 02:00 CET, at 01:00 UTC.
        ("02:00-02:30", "2026-10-25 00:00", None),
        ("02:00-02:30", "2026-10-25 01:00", ("10-25 00:30", "10-26 01:00")),
        ("02:30-03:00", "2026-10-25 01:59", None),
        ("02:30-03:00", "2026-10-25 02:00", ("10-25 02:00", "10-26 01:30")),
        ("22:00-02:30", "2026-10-25 01:10", ("10-25 00:30", "10-25 21:00")),
    ],
)
def test_clocks_that_are_put_forward_and_back(
    text: str, now: str, expected: tuple[str, str] | None
) -> None:
    with local_time_zone(BERLIN):
        assert closed(windows(text).closed(at(now))) == expected


CHANGES = [
    (BERLIN, "2026-03-29 01:00"),
    (BERLIN, "2026-10-25 01:00"),
    (NEW_YORK, "2026-03-08 07:00"),
    (NEW_YORK, "2026-11-01 06:00"),
    (LORD_HOWE, "2026-04-04 15:00"),
    (LORD_HOWE, "2026-10-03 15:30"),
    (KOLKATA, "2026-01-01 00:00"),
]
REACH = 40 * 24 * 60


@cache
def minutes_shown(zone: str, middle: str) -> list[tuple[int, int]]:
    """Weekday and minute that a clock shows that is never put back, for each minute around."""
    start = datetime.fromisoformat(middle + "+00:00") - timedelta(minutes=REACH)
    shown = []
    latest = datetime.min  # noqa: DTZ901 - a wall clock's
    with local_time_zone(zone):
        for minute in range(2 * REACH):
            wall = (start + timedelta(minutes=minute)).astimezone().replace(tzinfo=None)
            latest = max(latest, wall)
            shown.append((latest.weekday(), latest.hour * 60 + latest.minute))
    return shown


def is_open(window: Window, weekday: int, minute: int) -> bool:
    today = weekday in window.weekdays and window.start <= minute < window.end
    return today or ((weekday - 1) % 7 in window.weekdays and minute + 1440 < window.end)


times = st.integers(0, 1439) | st.integers(0, 240)


@st.composite
def any_windows(draw: st.DrawFn) -> Window:
    start, length = draw(times), draw(st.integers(1, 1440))
    weekdays = draw(st.frozensets(st.integers(0, 6), min_size=1))
    return Window("any", weekdays, start, start + length)


@settings(deadline=None, max_examples=200)
@given(
    chosen=st.lists(any_windows(), min_size=1, max_size=3),
    change=st.sampled_from(CHANGES),
    offset=st.integers(-10 * 1440, 10 * 1440) | st.integers(-180, 180),
    second=st.integers(0, 59),
)
def test_they_are_open_when_a_clock_that_is_never_put_back_shows_it(
    chosen: list[Window], change: tuple[str, str], offset: int, second: int
) -> None:
    zone, middle = change
    shown = minutes_shown(zone, middle)
    now = REACH + offset

    def opens(minute: int) -> bool:
        return any(is_open(window, *shown[minute]) for window in chosen)

    expected = None
    if not opens(now):
        first, last = now, now
        while not opens(first - 1):
            first -= 1
        while not opens(last):
            last += 1
        origin = at(middle) - REACH * MINUTE_NS
        expected = (origin + first * MINUTE_NS, origin + last * MINUTE_NS)
    with local_time_zone(zone):
        found = Windows(chosen).closed(at(middle) + offset * MINUTE_NS + second * 1_000_000_000)
    assert found == expected
