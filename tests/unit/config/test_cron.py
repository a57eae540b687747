"""Cron expressions as crontab(5) has them."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aqsync.config import Cron, parse_cron


def everything(text: str) -> Cron:
    return Cron(
        text,
        minutes=frozenset(range(60)),
        hours=frozenset(range(24)),
        days=frozenset(range(1, 32)),
        months=frozenset(range(1, 13)),
        weekdays=frozenset(range(7)),
        either_day=False,
    )


@pytest.mark.parametrize(
    ("text", "field", "values"),
    [
        ("*/10 * * * *", "minutes", [0, 10, 20, 30, 40, 50]),
        ("5,7-9 * * * *", "minutes", [5, 7, 8, 9]),
        ("0-59/7 * * * *", "minutes", range(0, 60, 7)),
        ("* 8-18/5 * * *", "hours", [8, 13, 18]),
        ("* * 1,31 * *", "days", [1, 31]),
        ("* * * jan,JUL-sep *", "months", [1, 7, 8, 9]),
        ("* * * * 0", "weekdays", [0]),
        ("* * * * 7", "weekdays", [0]),
        ("* * * * sun", "weekdays", [0]),
        ("* * * * 1", "weekdays", [1]),
        ("* * * * mon-fri", "weekdays", range(1, 6)),
        ("* * * * fri-sun", "weekdays", [5, 6, 0]),
        ("* * * * 5-7", "weekdays", [5, 6, 0]),
        ("* * * * sun-tue", "weekdays", [0, 1, 2]),
    ],
)
def test_one_field(text: str, field: str, values: list[int]) -> None:
    cron, expected = parse_cron(text), everything(text)
    for name in ("minutes", "hours", "days", "months", "weekdays"):
        wanted = frozenset(values) if name == field else getattr(expected, name)
        assert getattr(cron, name) == wanted, name
    assert not cron.either_day


def test_all_fields() -> None:
    cron = parse_cron(" 30  3 * * * ")
    assert (cron.text, str(cron)) == ("30 3 * * *", "30 3 * * *")
    assert (sorted(cron.minutes), sorted(cron.hours)) == ([30], [3])


@pytest.mark.parametrize(
    ("text", "either"),
    [
        ("0 0 1 * mon", True),
        ("0 0 1-31 * mon", True),
        ("0 0 */2 * mon", False),
        ("0 0 1 * *", False),
        ("0 0 * * mon", False),
    ],
)
def test_what_two_restricted_day_fields_mean(text: str, *, either: bool) -> None:
    assert parse_cron(text).either_day is either


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "has 0 fields and not 5"),
        ("30 3 * *", "has 4 fields and not 5"),
        ("0 30 3 * * *", "has 6 fields and not 5"),
        ("@daily", "has 1 fields and not 5"),
        ("60 * * * *", "'60' in '60 .*' is not a minute"),
        ("* 24 * * *", "'24' in .* is not an hour"),
        ("* * 0 * *", "'0' in .* is not a day of the month"),
        ("* * 32 * *", "is not a day of the month"),
        ("* * * 13 *", "is not a month"),
        ("* * * mon *", "'mon' in .* is not a month"),
        ("* * * * 8", "is not a day of the week"),
        ("* * * * monday", "is not a day of the week"),
        ("jan * * * *", "is not a minute"),
        ("-1 * * * *", "is not a minute"),
        ("1- * * * *", "is not a minute"),
        ("1,,2 * * * *", "'' in .* is not a minute"),
        ("? * * * *", "is not a minute"),
        ("\u0663 * * * *", "is not a minute"),
        ("99999999999999999999 * * * *", "is not a minute"),
        ("*/0 * * * *", r"'\*/0' in .* has a step that means nothing"),
        ("5/10 * * * *", "has a step that means nothing"),
        ("9-7 * * * *", "'9-7' in .* ends before it begins"),
        ("* * * * fri-mon", "ends before it begins"),
        ("0 0 31 2 *", "the day of '0 0 31 2 .*' never comes"),
        ("0 0 31 4,6,9,11 *", "never comes"),
    ],
)
def test_what_is_no_cron_expression(text: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        parse_cron(text)


def test_days_that_come_now_and_then() -> None:
    assert parse_cron("0 0 29 2 *").days == {29}
    assert parse_cron("0 0 31 2 mon").either_day


@settings(deadline=None)
@given(st.text() | st.text("0123456789*/-,? monjsuabcfeb", max_size=40))
def test_any_text_gives_times_or_a_value_error(text: str) -> None:
    try:
        cron = parse_cron(text)
    except ValueError:
        return
    assert cron.minutes
    assert cron.weekdays <= frozenset(range(7))
