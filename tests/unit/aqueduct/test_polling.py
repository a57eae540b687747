"""When a task is looked at, and when that ends."""

from __future__ import annotations

import pytest

from aqsync.aqueduct.polling import LONGEST_PAUSE_S, OUTAGE_S, Clock, poll
from aqsync.errors import ServerFailed, ServerUnreachable, TaskNotFound


class Time:
    def __init__(self) -> None:
        self.now = 100.0
        self.pauses: list[float] = []

    def sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.now += seconds

    @property
    def clock(self) -> Clock:
        return Clock(lambda: self.now, self.sleep)


class Script:
    """Gives or raises its items one after the other, and the last for ever."""

    def __init__(self, *items: object) -> None:
        self._items = list(items)

    def __call__(self) -> object:
        item = self._items.pop(0) if len(self._items) > 1 else self._items[0]
        if isinstance(item, Exception):
            raise item
        return item


def is_end(seen: object, _: float) -> bool:
    return seen == "end"


def test_the_first_look_is_at_once() -> None:
    time = Time()
    assert poll(Script("end"), is_end, None, time.clock) == "end"
    assert time.pauses == []


def test_pauses_grow_to_a_limit() -> None:
    time = Time()
    assert poll(Script(*["not yet"] * 20, "end"), is_end, None, time.clock) == "end"
    assert time.pauses[0] == 0.1
    assert time.pauses == sorted(time.pauses)
    assert time.pauses[-1] == LONGEST_PAUSE_S


def test_each_look_is_told_with_the_time_that_passed() -> None:
    time = Time()
    told: list[tuple[object, float]] = []

    def ended(seen: object, seconds: float) -> bool:
        told.append((seen, round(seconds, 3)))
        return seen == 3

    poll(Script(1, 2, 3), ended, None, time.clock)
    assert told == [(1, 0.0), (2, 0.1), (3, 0.25)]


def test_the_last_look_is_when_the_time_is_over() -> None:
    time = Time()
    assert poll(Script("not yet"), is_end, 0.2, time.clock) is None
    assert time.pauses == pytest.approx([0.1, 0.1])
    assert poll(Script("not yet"), is_end, 0, time.clock) is None
    assert poll(Script("end"), is_end, 0, time.clock) == "end"


def test_a_server_that_restarts_is_waited_for() -> None:
    time = Time()
    down = ServerUnreachable("no connection")
    look = Script("not yet", *[down] * 10, ServerFailed("busy"), "not yet", *[down] * 10, "end")
    assert poll(look, is_end, None, time.clock) == "end"


def test_a_server_that_stays_away_is_not() -> None:
    time = Time()
    with pytest.raises(ServerUnreachable):
        poll(Script("not yet", ServerUnreachable("no connection")), is_end, None, time.clock)
    assert OUTAGE_S <= time.now - 100 <= OUTAGE_S + 2 * LONGEST_PAUSE_S


def test_a_server_that_is_away_when_the_time_is_over_is_told() -> None:
    with pytest.raises(ServerFailed):
        poll(Script(ServerFailed("broken")), is_end, 3, Time().clock)


def test_other_errors_end_it_at_once() -> None:
    time = Time()
    with pytest.raises(TaskNotFound):
        poll(Script("not yet", TaskNotFound("gone")), is_end, None, time.clock)
    assert len(time.pauses) == 1
