"""Bounds of the server's clock, from dates in whole seconds that may be a second old."""

from __future__ import annotations

import math
import random

import pytest

from aqsync.sync.server_clock import ServerClock
from tests.support.fake_clock import FakeClock

AHEAD_S = 7_000.25


@pytest.fixture
def here() -> FakeClock:
    return FakeClock()


def truth(here: FakeClock) -> float:
    return here.monotonic() + AHEAD_S


def answer(here: FakeClock, clock: ServerClock, took_s: float, dated_by: str) -> None:
    """An answer, dated by the end or the begin of its request, or a second before that."""
    asked, began = here.monotonic(), truth(here)
    here.advance(took_s)
    moments = {"begin": began, "end": truth(here), "a second before": began - 1}
    clock.heard(float(math.floor(moments[dated_by])), asked)


DATINGS = ("begin", "end", "a second before")


def test_before_any_answer_nothing_is_known(here: FakeClock) -> None:
    clock = ServerClock(here)
    assert clock.earliest(0.0) is None
    assert clock.latest(0.0) is None


@pytest.mark.parametrize("dated_by", DATINGS)
def test_it_is_never_wrong(here: FakeClock, dated_by: str) -> None:
    chance, clock = random.Random(3), ServerClock(here)
    for _ in range(500):
        answer(here, clock, chance.choice([0.01, 0.3, 5.0, 90.0]), dated_by)
        here.advance(chance.random() * 20)
        now = here.monotonic()
        earliest, latest = clock.earliest(now), clock.latest(now)
        assert earliest is not None
        assert latest is not None
        assert earliest < truth(here) < latest


def test_a_busy_server_that_dates_its_answers_late_does_not_make_it_wrong(here: FakeClock) -> None:
    """Its timer that writes the date anew comes late now and then, by up to a second."""
    chance, clock = random.Random(5), ServerClock(here)
    written, next_at = math.floor(truth(here)), truth(here)
    for number in range(3000):
        here.advance(0.01)
        if truth(here) >= next_at:
            written = math.floor(truth(here))
            next_at += 1 + chance.random() * (number % 900 > 600)
        clock.heard(float(written), here.monotonic() - 0.01)
        if number < 200:
            continue
        earliest, latest = clock.earliest(here.monotonic()), clock.latest(here.monotonic())
        assert earliest is not None
        assert latest is not None
        assert earliest < truth(here) < latest


@pytest.mark.parametrize("dated_by", DATINGS)
def test_quick_answers_tell_it_to_a_second_or_two(here: FakeClock, dated_by: str) -> None:
    chance, clock = random.Random(3), ServerClock(here)
    for _ in range(100):
        answer(here, clock, 0.01, dated_by)
        here.advance(chance.random())
    answer(here, clock, 600.0, dated_by)
    now = here.monotonic()
    earliest, latest = clock.earliest(now), clock.latest(now)
    assert earliest is not None
    assert latest is not None
    assert truth(here) - earliest < 1.2
    assert latest - truth(here) < 2.1


def test_a_clock_that_was_set_is_learned_anew(here: FakeClock) -> None:
    clock = ServerClock(here)
    answer(here, clock, 0.01, "end")
    asked = here.monotonic()
    clock.heard(float(math.floor(truth(here))) - 3600, asked)
    latest = clock.latest(here.monotonic())
    assert latest is not None
    assert latest < truth(here) - 3590


def test_what_was_learned_long_ago_is_not_believed_for_ever(here: FakeClock) -> None:
    """Clocks drift: after half an hour only the last answers count."""
    clock = ServerClock(here)
    for _ in range(100):
        answer(here, clock, 0.01, "end")
        here.advance(0.137)
    sharp = clock.latest(0.0)
    for _ in range(3):
        here.advance(650)
        answer(here, clock, 1.0, "begin")
    assert sharp is not None
    blunt = clock.latest(0.0)
    assert blunt is not None
    assert blunt > sharp
