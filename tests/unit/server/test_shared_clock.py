"""The clock of the database, which is asked now and again."""

from __future__ import annotations

import pytest

from aqsync.server.catalog.database import DatabaseAway
from aqsync.server.catalog.shared_clock import SharedClock

SECOND = 1_000_000


class Lab:
    def __init__(self) -> None:
        self.steady = 5 * SECOND
        self.time = 1_795_428_705 * SECOND
        self.asked = 0
        self.is_away = False
        self.clock = SharedClock(self._ask, lambda: self.steady)

    def passes(self, seconds: int) -> None:
        self.steady += seconds * SECOND
        self.time += seconds * SECOND

    def _ask(self) -> int:
        if self.is_away:
            raise DatabaseAway
        self.asked += 1
        return self.time


def test_it_is_asked_once_a_minute() -> None:
    lab = Lab()
    for _ in range(120):
        assert lab.clock.now() == lab.time
        lab.passes(1)
    assert lab.asked == 2


def test_a_database_whose_clock_is_set_is_followed() -> None:
    lab = Lab()
    lab.clock.now()
    lab.time -= 3600 * SECOND
    lab.passes(60)
    assert lab.clock.now() == lab.time


def test_time_goes_on_while_the_database_is_away() -> None:
    lab = Lab()
    lab.is_away = True
    with pytest.raises(DatabaseAway):
        lab.clock.now()
    lab.is_away = False
    lab.clock.now()
    lab.is_away = True
    lab.passes(1000)
    assert lab.clock.now() == lab.time
