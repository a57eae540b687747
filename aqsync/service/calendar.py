"""What is done by the wall clock: the only user of APScheduler.

APScheduler plans by the wall clock and sleeps by the monotonic one. So a clock that is set back
would leave jobs waiting until it has caught up, and one that is put forward, or a machine that was
asleep, would have them sleep on. A look at both once a minute mends that. What must never wait,
the rescans, does not depend on this at all: their loops count on the monotonic clock.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta

from apscheduler.executors.debug import DebugExecutor
from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.base import BaseTrigger
from apscheduler.triggers.cron import CronTrigger

from aqsync.clock import Clock, SystemClock
from aqsync.config import Cron, Schedule
from aqsync.log import Log
from aqsync.service.time_zone import LocalTime

CHECK_S = 60.0
"""How often the plan is compared with the clock."""
SLACK = timedelta(seconds=60)
"""A clock that is corrected by less changes nothing."""

_LIBRARY = "apscheduler"
_DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_MOMENT = timedelta(microseconds=1)

log = Log(__name__)


class Calendar:
    """Calls for the mirror and for housekeeping when the schedule says so.

    What is called must return at once: it sets a flag of a loop, and wakes it. The first call of
    what has an interval comes one interval after the start. After a pause, however long, what
    came due meanwhile is called once.

    Args:
        schedule: When.
        mirror: Called on a thread of the calendar's own.
        housekeeping: The same.
        clock: The time by which the plan is checked.
    """

    def __init__(
        self,
        schedule: Schedule,
        mirror: Callable[[], None],
        housekeeping: Callable[[], None],
        clock: Clock | None = None,
    ) -> None:
        self._clock = SystemClock() if clock is None else clock
        self._stopping = threading.Event()
        self._watch: threading.Thread | None = None
        _hear_the_library()
        self._scheduler = BackgroundScheduler(
            timezone=UTC,
            executors={"default": DebugExecutor()},
            job_defaults={"misfire_grace_time": None, "coalesce": True, "max_instances": 1},
        )
        for name, occasion, call in (
            ("mirror", schedule.mirror, mirror),
            ("housekeeping", schedule.housekeeping, housekeeping),
        ):
            self._scheduler.add_job(
                _guarded(name, call),
                _Trigger(occasion),
                id=name,
                name=name,
                next_run_time=next_time(occasion, self._now()),
            )

    def start(self) -> None:
        """Begin; once only."""
        self._scheduler.start()
        self._watch = threading.Thread(target=self._watch_clock, name="calendar", daemon=True)
        self._watch.start()

    @property
    def alive(self) -> bool:
        """Whether it goes on."""
        threads = self._watch, getattr(self._scheduler, "_thread", None)
        return all(thread is not None and thread.is_alive() for thread in threads)

    def stop(self) -> None:
        """Call for nothing more; a second call does nothing. Never from what it calls."""
        self._stopping.set()
        watch, self._watch = self._watch, None
        if watch is not None:
            watch.join()
            self._scheduler.shutdown(wait=False)

    def next_runs(self) -> dict[str, datetime]:
        """When each is called for next, in local time, by its key in the schedule."""
        return {job.id: job.next_run_time.astimezone() for job in self._scheduler.get_jobs()}

    def check_clock(self) -> None:
        """Plan again what a clock that was set back would delay; wake what slept too long."""
        now = self._now()
        for job in self._scheduler.get_jobs():
            fresh = job.trigger.get_next_fire_time(None, now)
            if job.next_run_time > fresh + SLACK:
                log.warning("the clock was set back", job=job.id, next=fresh.isoformat())
                job.modify(next_run_time=fresh)
        self._scheduler.wakeup()

    def _watch_clock(self) -> None:
        while not self._clock.wait(self._stopping, CHECK_S):
            self.check_clock()

    def _now(self) -> datetime:
        return datetime.fromtimestamp(self._clock.now_ns() / 1e9, UTC)


def next_time(occasion: float | Cron, now: datetime) -> datetime:
    """The next time of an occasion.

    Args:
        occasion: Seconds from now, or times of the local day. A time that is skipped as clocks are
            put forward comes that much later; one that is shown twice as they are put back comes
            twice.
        now: A moment; what comes is later.

    Returns:
        A moment in UTC, so that moments compare by what they are and not by what a clock shows.
    """
    if isinstance(occasion, float | int):
        return (now + timedelta(seconds=occasion)).astimezone(UTC)
    found: list[datetime] = [
        trigger.get_next_fire_time(None, now + _MOMENT) for trigger in _cron_triggers(occasion)
    ]
    return min(moment.astimezone(UTC) for moment in found)


class _Trigger(BaseTrigger):  # type: ignore[misc]  # APScheduler has no types
    """Counts from now and not from the last time: a clock put forward by years costs nothing."""

    __slots__ = ("_occasion",)

    def __init__(self, occasion: float | Cron) -> None:
        self._occasion = occasion

    def get_next_fire_time(self, _previous: datetime | None, now: datetime) -> datetime:
        return next_time(self._occasion, now)


def _cron_triggers(cron: Cron) -> Iterable[CronTrigger]:
    """APScheduler's triggers, of which the earliest counts.

    Days are named: to APScheduler the number 0 is Monday. And where it wants both of two day
    fields, cron may want either.
    """
    weekdays = ",".join(_DAYS[day] for day in sorted(cron.weekdays))
    days = _listed(cron.days)
    for day, day_of_week in (
        [(days, "*"), ("*", weekdays)] if cron.either_day else [(days, weekdays)]
    ):
        yield CronTrigger(
            minute=_listed(cron.minutes),
            hour=_listed(cron.hours),
            day=day,
            month=_listed(cron.months),
            day_of_week=day_of_week,
            timezone=LocalTime(),
        )


def _listed(numbers: Iterable[int]) -> str:
    return ",".join(map(str, sorted(numbers)))


def _guarded(name: str, call: Callable[[], None]) -> Callable[[], None]:
    def guarded() -> None:
        try:
            call()
        except Exception as exc:  # noqa: BLE001 - it must not end in the library's own log
            log.error("a scheduled job failed", job=name, exc=exc)

    return guarded


class _Forward(logging.Handler):
    """What the library complains of becomes ours; else Python would print it to stderr."""

    def emit(self, record: logging.LogRecord) -> None:
        log.warning("the scheduler complains", reason=record.getMessage())


def _hear_the_library() -> None:
    theirs = logging.getLogger(_LIBRARY)
    theirs.propagate = False
    if not any(isinstance(handler, _Forward) for handler in theirs.handlers):
        theirs.addHandler(_Forward(logging.WARNING))
