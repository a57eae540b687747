"""What is called when, by a clock that people and their politicians set."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aqsync.config import Schedule, parse_cron
from aqsync.service.calendar import Calendar, next_time
from tests.support.fake_clock import FakeClock
from tests.support.patience import HANG_S, wait_until
from tests.support.time_zone import BERLIN, KOLKATA, LORD_HOWE, NEW_YORK, local_time_zone

Make = Callable[..., Calendar]


def nothing() -> None:
    pass


class StandingClock(FakeClock):
    """Nobody's wait moves it."""

    def wait(self, stop: threading.Event, seconds: float) -> bool:
        self.waits.append(seconds)
        assert stop.wait(HANG_S)
        return True


@pytest.fixture
def make() -> Iterator[Make]:
    made: list[Calendar] = []

    def calendar(
        call: Callable[[], None] = nothing,
        other_call: Callable[[], None] = nothing,
        /,
        clock: FakeClock | None = None,
        **schedule: object,
    ) -> Calendar:
        made.append(Calendar(Schedule.model_validate(schedule), call, other_call, clock))
        return made[-1]

    yield calendar
    for each in made:
        each.stop()


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def series(cron: str, start: str, count: int) -> list[str]:
    """The next times, in UTC."""
    now = moment(start)
    found = []
    for _ in range(count):
        now = next_time(parse_cron(cron), now)
        found.append(now.strftime("%m-%d %H:%M"))
    return found


def test_an_interval_begins_now() -> None:
    now = moment("2026-11-23 10:00:00.5")
    assert next_time(900.0, now) == now + timedelta(seconds=900)


@pytest.mark.parametrize(
    ("cron", "expected"),
    [
        ("30 3 * * *", ["11-23 03:30", "11-24 03:30"]),
        ("*/10 * * * *", ["11-23 00:10", "11-23 00:20"]),
        ("0 12 * * 1", ["11-23 12:00", "11-30 12:00"]),  # Mondays, not APScheduler's Tuesdays
        ("0 12 * * 0", ["11-29 12:00", "12-06 12:00"]),  # Sundays
        ("0 12 * * 7", ["11-29 12:00", "12-06 12:00"]),
        ("0 12 * * mon-fri", ["11-23 12:00", "11-24 12:00"]),
        ("0 12 * * fri-sun", ["11-27 12:00", "11-28 12:00", "11-29 12:00", "12-04 12:00"]),
        ("0 0 1 * mon", ["11-30 00:00", "12-01 00:00", "12-07 00:00"]),  # either
        ("0 0 */30 * mon", ["08-31 00:00"]),  # both
        ("0 0 29 2 *", ["02-29 00:00"]),
    ],
)
def test_expressions_mean_what_cron_means_by_them(cron: str, expected: list[str]) -> None:
    with local_time_zone("UTC0"):
        start = "2026-11-23 00:00"  # a Monday
        if cron == "0 0 */30 * mon":
            start = "2026-08-30 00:00"
        assert series(cron, start, len(expected)) == expected


@pytest.mark.parametrize(
    ("cron", "start", "expected"),
    [
        ("30 3 * * *", "2026-11-23 00:00", ["11-23 02:30", "11-24 02:30"]),
        # 2026-03-29 02:00 CET is 03:00 CEST, at 01:00 UTC.
        ("30 2 * * *", "2026-03-28 00:00", ["03-28 01:30", "03-29 01:30", "03-30 00:30"]),
        ("*/30 * * * *", "2026-03-29 00:15", ["03-29 00:30", "03-29 01:00", "03-29 01:30"]),
        # 2026-10-25 03:00 CEST is 02:00 CET, at 01:00 UTC.
        ("30 3 * * *", "2026-10-24 12:00", ["10-25 02:30", "10-26 02:30"]),
        ("30 2 * * *", "2026-10-24 12:00", ["10-25 00:30", "10-25 01:30", "10-26 01:30"]),
        ("*/30 * * * *", "2026-10-25 00:15", ["10-25 00:30", "10-25 01:00", "10-25 01:30"]),
    ],
)
def test_it_is_local_time_that_counts(cron: str, start: str, expected: list[str]) -> None:
    with local_time_zone(BERLIN):
        assert series(cron, start, len(expected)) == expected


@settings(deadline=None, max_examples=50)
@given(
    zone=st.sampled_from([BERLIN, NEW_YORK, LORD_HOWE, KOLKATA, "UTC0"]),
    cron=st.sampled_from(["*/10 * * * *", "30 3 * * *", "0 0 1 * mon", "15 1-3 * mar,oct *"]),
    now=st.datetimes(datetime(2026, 3, 1), datetime(2026, 11, 30)),  # noqa: DTZ001 - made UTC below
)
def test_what_comes_next_is_later_and_fits(zone: str, cron: str, now: datetime) -> None:
    parsed = parse_cron(cron)
    with local_time_zone(zone):
        found = next_time(parsed, now.replace(tzinfo=UTC))
        shown = found.astimezone()
    assert found > now.replace(tzinfo=UTC)
    if shown.minute not in parsed.minutes or shown.hour not in parsed.hours:
        # It would have come in the time that was skipped just before.
        with local_time_zone(zone):
            before = (found - timedelta(hours=1)).astimezone().utcoffset()
        assert before != shown.utcoffset()


def test_what_was_due_is_called_once_and_on_another_thread(make: Make) -> None:
    called = threading.Event()
    threads: list[str] = []

    def mirror() -> None:
        threads.append(threading.current_thread().name)
        called.set()

    behind = StandingClock(time.time_ns() - 3600 * 10**9)
    calendar = make(mirror, mirror=60.0, clock=behind)  # planned for 59 minutes ago
    calendar.start()
    assert called.wait(HANG_S)
    calendar.stop()
    assert len(threads) == 1
    assert threads[0] != threading.current_thread().name


def test_an_error_is_logged_and_the_others_are_called(
    make: Make, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    called = threading.Event()

    def broken() -> None:
        raise RuntimeError("a flag that cannot be set")

    behind = StandingClock(time.time_ns() - 3600 * 10**9)
    calendar = make(broken, called.set, mirror=60.0, housekeeping=61.0, clock=behind)
    with caplog.at_level(logging.ERROR, "aqsync"):
        calendar.start()
        assert called.wait(HANG_S)
        calendar.stop()
    [record] = [r for r in caplog.records if r.name == "aqsync.service.calendar"]
    assert record.exc_info is not None
    assert isinstance(record.exc_info[1], RuntimeError)
    assert capfd.readouterr() == ("", "")


def test_what_the_library_complains_of_is_ours(
    make: Make, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    make()
    make()
    logging.getLogger("apscheduler.scheduler").error("a trigger %s", "is broken")
    logging.getLogger("apscheduler.scheduler").info("nobody needs this")
    ours = [r for r in caplog.records if r.name == "aqsync.service.calendar"]
    assert [(r.message, vars(r)["fields"]) for r in ours] == [
        ("the scheduler complains", {"reason": "a trigger is broken"})
    ]
    assert capfd.readouterr() == ("", "")


def test_next_runs(make: Make) -> None:
    clock = FakeClock()  # 2026-11-23 10:00 UTC
    with local_time_zone(NEW_YORK):
        calendar = make(clock=clock, mirror=900.0, housekeeping=parse_cron("30 3 * * *"))
        runs = calendar.next_runs()
        assert {name: run.strftime("%m-%d %H:%M %z") for name, run in runs.items()} == {
            "mirror": "11-23 05:15 -0500",
            "housekeeping": "11-24 03:30 -0500",
        }


def test_a_clock_that_is_set_back_keeps_nothing_waiting(make: Make) -> None:
    clock = StandingClock(time.time_ns() + 10 * 86_400 * 10**9)
    calendar = make(clock=clock, mirror=900.0, housekeeping=3600.0)
    calendar.start()
    planned = calendar.next_runs()

    clock.advance(30)
    calendar.check_clock()
    clock.set_back(50)
    calendar.check_clock()
    assert calendar.next_runs() == planned  # a small correction

    clock.set_back(86_400)
    calendar.check_clock()
    now = datetime.fromtimestamp(clock.now_ns() / 1e9, UTC)
    expected = {"mirror": timedelta(minutes=15), "housekeeping": timedelta(hours=1)}
    assert {name: run - now for name, run in calendar.next_runs().items()} == expected


def test_the_clock_is_looked_at_once_a_minute(make: Make) -> None:
    """A watch that is left alone finds the clock set back, and stops when it is told to."""
    clock = FakeClock(time.time_ns() + 10 * 86_400 * 10**9)
    looked = threading.Event()
    go_on = threading.Event()

    def while_waiting(_seconds: float) -> None:
        if len(clock.waits) == 1:
            clock.set_back(86_400)
        else:
            looked.set()
            go_on.wait(HANG_S)

    clock.while_waiting = while_waiting
    calendar = make(clock=clock, mirror=900.0)
    before = calendar.next_runs()["mirror"]
    calendar.start()
    assert looked.wait(HANG_S)
    assert calendar.next_runs()["mirror"] == before - timedelta(seconds=86_400 - 60)
    assert clock.waits[0] == pytest.approx(60)
    clock.while_waiting = lambda _seconds: None
    go_on.set()
    calendar.stop()


def test_a_stop_waits_for_nothing_and_may_come_twice_or_before_the_start(make: Make) -> None:
    make().stop()
    calendar = make(clock=StandingClock())
    calendar.start()
    calendar.stop()
    calendar.stop()
    assert not [t for t in threading.enumerate() if t.name in {"calendar", "APScheduler"}]


def test_a_clock_that_was_years_behind_costs_nothing(make: Make) -> None:
    """A machine without a battery begins in the past, until it hears the time."""
    called: list[str] = []
    done = threading.Event()
    past = StandingClock(946_684_800 * 10**9)  # the year 2000
    calendar = make(
        lambda: called.append("mirror"),
        done.set,
        mirror=1.0,
        housekeeping=parse_cron("* * * * *"),
        clock=past,
    )
    calendar.start()
    assert done.wait(HANG_S)
    calendar.stop()
    assert len(called) <= 3


class ShortClock(FakeClock):
    """Who waits by it ends at once."""

    def wait(self, stop: threading.Event, seconds: float) -> bool:
        self.waits.append(seconds)
        return not stop.is_set()


def test_that_it_has_ended_is_known(make: Make) -> None:
    calendar = make()
    seen = [calendar.alive]
    calendar.start()
    seen.append(calendar.alive)
    calendar.stop()
    assert [*seen, calendar.alive] == [False, True, False]
    dead = make(clock=ShortClock())
    dead.start()
    wait_until(lambda: not dead.alive, "its end")
