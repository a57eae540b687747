"""Durations, sizes, rates and shares as people write them."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aqsync.config import parse_duration, parse_rate, parse_share, parse_size


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("5s", 5),
        ("5 s", 5),
        ("500ms", 0.5),
        ("0.5s", 0.5),
        ("15m", 900),
        ("15 min", 900),
        ("1h30m", 5400),
        ("1h 30m 5s", 5405),
        ("2 days", 172800),
        ("1 Hour", 3600),
        ("0", 0),
        ("0s", 0),
    ],
)
def test_durations(text: str, seconds: float) -> None:
    assert parse_duration(text) == pytest.approx(seconds)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "5",
        "s",
        "-5s",
        "5 parsecs",
        "5s5s",
        "5s x",
        "1e3s",
        "inf",
        "nan",
        "\uff15s",
        "1.s",
        "5s,3m",
    ],
)
def test_what_is_no_duration(text: str) -> None:
    with pytest.raises(ValueError, match="is not a duration"):
        parse_duration(text)


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("512", 512),
        ("512 B", 512),
        ("20MB", 20_000_000),
        ("20 mb", 20_000_000),
        ("1.5 kB", 1500),
        ("2 GiB", 2 * 1024**3),
        ("2GIB", 2 * 1024**3),
        ("4 TiB", 4 * 1024**4),
        ("3 bytes", 3),
    ],
)
def test_sizes(text: str, size: int) -> None:
    assert parse_size(text) == size


@pytest.mark.parametrize("text", ["", "MB", "2G", "2 iB", "-1", "1 MB 2", "1e9", "inf", "1,5 MB"])
def test_what_is_no_size(text: str) -> None:
    with pytest.raises(ValueError, match="is not a size"):
        parse_size(text)


def test_rates() -> None:
    assert parse_rate("20 MiB/s") == 20 * 1024**2
    assert parse_rate("500kB / s") == 500_000
    assert parse_rate("1.5 MB/s") == 1_500_000
    assert parse_rate("10 bytes/s") == 10
    for text in ("", "20", "20 MiB", "20/s", "20 MiB/min", "20 Mbit/s", "20 M/s", "-1 B/s", "B/s"):
        with pytest.raises(ValueError, match="is not a number of bytes per second"):
            parse_rate(text)


def test_shares() -> None:
    assert parse_share("50%") == pytest.approx(0.5)
    assert parse_share("12.5 %") == pytest.approx(0.125)
    for text in ("", "50", "%", "-1%", "half"):
        with pytest.raises(ValueError, match="is not a share"):
            parse_share(text)


@settings(deadline=None)
@given(st.text() | st.text("0123456789.smhdMGikB% "))
def test_any_text_gives_a_finite_number_or_a_value_error(text: str) -> None:
    for parse in (parse_duration, parse_rate, parse_size, parse_share):
        try:
            number = parse(text)
        except ValueError:
            continue
        assert math.isfinite(number)
        assert number >= 0
