"""Points in time as people write them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from aqsync.cli.points_in_time import point_in_time

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)


def read(text: str, *, end: bool = False) -> datetime:
    return point_in_time(text, NOW, end_of_day=end)


@pytest.mark.parametrize(
    ("text", "before"),
    [("2d", timedelta(days=2)), ("1h30m", timedelta(minutes=90)), ("0", timedelta())],
)
def test_so_long_ago(text: str, before: timedelta) -> None:
    assert read(text) == NOW - before


@pytest.mark.parametrize(
    ("text", "local"),
    [
        ("2026-11-20", datetime(2026, 11, 20)),  # noqa: DTZ001 - made local below
        (" 2026-11-20 ", datetime(2026, 11, 20)),  # noqa: DTZ001 - the same
        ("2026-11-20 10:30", datetime(2026, 11, 20, 10, 30)),  # noqa: DTZ001 - the same
    ],
)
def test_without_an_offset_it_is_local_time(text: str, local: datetime) -> None:
    assert read(text) == local.astimezone()


def test_an_offset_counts() -> None:
    assert read("2026-11-20T10:00+02:00") == datetime(2026, 11, 20, 8, tzinfo=UTC)


def test_the_end_of_a_day() -> None:
    day = read("2026-11-20")
    assert read("2026-11-20", end=True) == day + timedelta(days=1, microseconds=-1)
    assert read("2026-11-20 10:30", end=True) == read("2026-11-20 10:30")


@pytest.mark.parametrize("text", ["", "yesterday", "2026-13-01", "2026-11", "9999999d"])
def test_what_is_no_time(text: str) -> None:
    with pytest.raises(ValueError, match="is not a time; write it like"):
        read(text)
