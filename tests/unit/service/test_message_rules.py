"""What is told, over long random lives: each change once, in order, and never a flood."""

from __future__ import annotations

import random
from datetime import datetime, time

import pytest

from aqsync.config.notify import On
from aqsync.journal.notices import Key, Notice
from aqsync.service.messages.alarms import Alarm
from aqsync.service.messages.rules import (
    MOST,
    OVER_AT_LATEST_S,
    OVER_S,
    REMEMBERED_S,
    SETTLE_S,
    WITHIN_S,
    Memory,
    daily_is_due,
    over_after_s,
    step,
)
from tests.support.length import long_but

S = 1_000_000_000
START_NS = 1_800_000_000 * S
ALL = tuple(On)


def alarm(code: str, kind: On = On.NEEDS_YOU, files: int = 1) -> Alarm:
    return Alarm(kind, "m", code, f"because of {code}", "do something", files)


class Life:
    """Steps through time, with what a journal would remember."""

    def __init__(self) -> None:
        self.now_ns = START_NS
        self.notices: dict[Key, Notice] = {}
        self.memory = Memory()
        self.told: list[tuple[int, str, frozenset[Key]]] = []
        self.quiet = False

    def take(self, *present: Alarm, seconds: float = 5, on: tuple[On, ...] = ALL) -> None:
        """One step, and then some seconds pass."""
        notices = list(self.notices.values())
        found = step(self.memory, notices, present, self.now_ns, on, quiet=self.quiet)
        self.memory = found.memory
        for notice in found.changed:
            self.notices[notice.key] = notice
        for key in found.forgotten:
            del self.notices[key]
        for kind, some in found.told.items():
            self.told.append((self.now_ns, kind.value, frozenset(each.key for each in some)))
        if found.over:
            self.told.append((self.now_ns, "recovered", frozenset(n.key for n in found.over)))
        self.now_ns += int(seconds * S)

    def stay(self, *present: Alarm, seconds: float, every: float = 5) -> None:
        """Nothing changes for so long."""
        for _ in range(int(seconds / every)):
            self.take(*present, seconds=every)

    def kill(self) -> None:
        self.memory = Memory()

    @property
    def events(self) -> list[str]:
        return [event for _, event, _ in self.told]

    def standing(self) -> set[Key]:
        return {key for key, notice in self.notices.items() if notice.over_at_ns is None}


def test_it_is_told_once_and_its_end_once() -> None:
    life = Life()
    life.stay(alarm("a"), seconds=600)
    assert life.events == ["needs_you"]
    life.stay(seconds=600)
    assert life.events == ["needs_you", "recovered"]


def test_more_files_are_no_new_message() -> None:
    life = Life()
    for files in range(3, 3000, 7):
        life.take(alarm("a", files=files))
    assert life.events == ["needs_you"]


def test_what_comes_at_once_is_one_message_of_each_kind() -> None:
    life = Life()
    some = [alarm("a"), alarm("b"), alarm("c", On.STUCK)]
    life.stay(*some, seconds=60)
    assert life.events == ["needs_you", "stuck"]
    life.stay(seconds=60)
    assert life.events[2:] == ["recovered"]


def test_a_restart_tells_nothing_again() -> None:
    life = Life()
    for _ in range(20):
        life.kill()
        life.stay(alarm("a"), seconds=60)
    assert life.events == ["needs_you"]


def test_what_is_short_is_not_told() -> None:
    life = Life()
    for _ in range(50):
        life.take(alarm("a"), seconds=SETTLE_S - 1)
        life.take()
    assert life.events == []


@pytest.mark.parametrize("period_s", long_but(2, [31, 700, 7, 130, 3000]))
def test_what_flaps_is_damped(period_s: int) -> None:
    life = Life()
    for _ in range(6 * 3600 // (2 * period_s)):
        life.stay(alarm("a"), seconds=period_s, every=min(5, period_s))
        life.stay(seconds=period_s, every=min(5, period_s))
    assert len(life.events) <= 10
    life.stay(seconds=OVER_AT_LATEST_S + 10)
    assert not life.standing()


def test_it_stays_away_longer_each_time_before_it_is_over() -> None:
    assert [over_after_s(again) for again in range(5)] == [OVER_S, 80, 320, 1280, 3600]
    life = Life()
    life.stay(alarm("a"), seconds=60)
    life.stay(seconds=60)
    life.stay(alarm("a"), seconds=60)
    life.stay(seconds=60)
    assert life.events == ["needs_you", "recovered", "needs_you"]
    life.stay(seconds=60)
    assert life.events[3:] == ["recovered"]
    life.stay(seconds=REMEMBERED_S + 60, every=60)
    assert life.notices == {}, "a day later it is new"


def test_quiet_hours_hold_what_happens() -> None:
    life = Life()
    life.stay(alarm("before"), seconds=60)
    life.quiet = True
    life.stay(alarm("short"), seconds=60)
    life.stay(alarm("still there"), seconds=600)
    assert life.events == ["needs_you"]
    life.quiet = False
    life.take(alarm("still there"))
    [_, (_, event, keys), (_, last, over)] = life.told
    assert (event, {key.code for key in keys}) == ("needs_you", {"still there"})
    assert (last, {key.code for key in over}) == ("recovered", {"before"})


def test_only_what_is_wanted_is_told() -> None:
    life = Life()
    for _ in range(20):
        life.take(alarm("a"), alarm("b", On.STUCK), on=(On.STUCK,))
    assert life.events == ["stuck"]
    for _ in range(20):
        life.take(on=())
    assert life.events == ["stuck"], "nobody wants to hear that it is over"
    assert not life.standing()


@pytest.mark.parametrize("jump_s", [-86_400, -10, 10, 86_400])
def test_a_clock_that_is_set(jump_s: int) -> None:
    life = Life()
    life.stay(alarm("a"), seconds=60)
    life.take()
    life.now_ns += jump_s * S
    life.stay(seconds=60)
    assert life.events == ["needs_you", "recovered"]
    life.now_ns += jump_s * S
    life.stay(alarm("a"), seconds=60)
    assert life.events[2:] == ["needs_you"]


@pytest.mark.parametrize("seed", long_but(3, range(40)))
def test_random_lives(seed: int) -> None:
    chance = random.Random(seed)
    life = Life()
    kinds = [On.NEEDS_YOU, On.STUCK, On.SERVER_AWAY]
    present: dict[str, Alarm] = {}
    for _ in range(150):
        code = f"c{chance.randrange(6)}"
        if present.pop(code, None) is None:
            present[code] = alarm(code, chance.choice(kinds), chance.randrange(1, 5000))
        life.quiet = chance.random() < 0.1
        if chance.random() < 0.3:
            life.kill()
        seconds = chance.choice([1, 9, 40, 200, 1500, OVER_AT_LATEST_S + 2 * WITHIN_S])
        life.stay(*present.values(), seconds=seconds, every=max(5, seconds / 30))
        if seconds > OVER_AT_LATEST_S and not life.quiet:
            assert life.standing() == {each.key for each in present.values()}
    life.quiet = False
    life.stay(*present.values(), seconds=OVER_AT_LATEST_S + WITHIN_S, every=10)
    assert life.standing() == {each.key for each in present.values()}, "what is told is true"
    _each_is_told_in_turn(life)
    _no_flood(life, kills_forget=True)
    before = len(life.told)
    life.stay(*present.values(), seconds=7200, every=60)
    assert len(life.told) == before, "nothing more while nothing changes"


def _each_is_told_in_turn(life: Life) -> None:
    """Of each alarm: told, over, told, over, ..."""
    stands: set[Key] = set()
    for _, event, keys in life.told:
        if event == "recovered":
            assert keys <= stands
            stands -= keys
        else:
            assert not keys & stands
            stands |= keys
    assert stands == life.standing()


def _no_flood(life: Life, *, kills_forget: bool) -> None:
    times = [at_ns for at_ns, _, _ in life.told]
    most = max(sum(at <= other < at + WITHIN_S * S for other in times) for at in times)
    assert most <= (3 * MOST if kills_forget else MOST)


def test_never_a_flood() -> None:
    life = Life()
    for number in range(100):
        life.stay(*(alarm(f"c{each}") for each in range(number)), seconds=15)
    _no_flood(life, kills_forget=False)
    life.stay(*(alarm(f"c{each}") for each in range(99)), seconds=WITHIN_S)
    assert len(life.standing()) == 99
    _each_is_told_in_turn(life)


def test_the_message_of_the_day() -> None:
    def ns(day: int, hour: int, minute: int = 0) -> int:
        return int(datetime(2026, 5, day, hour, minute).astimezone().timestamp()) * S

    eight = time(8)
    assert not daily_is_due(ns(3, 8), ns(3, 9), eight)
    assert not daily_is_due(ns(3, 8), ns(4, 7, 59), eight)
    assert daily_is_due(ns(3, 8), ns(4, 8), eight)
    assert daily_is_due(ns(1, 8), ns(4, 11), eight), "it was off at eight"
    assert not daily_is_due(ns(3, 11), ns(4, 7), eight)
    assert daily_is_due(ns(9, 8), ns(4, 9), eight), "the clock was set back by days"
    assert not daily_is_due(ns(4, 8), ns(4, 7), eight), "the clock was set back by an hour"
