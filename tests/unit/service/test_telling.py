"""Those who tell others fail as little in silence as what they tell of."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Mapping

import pytest

from aqsync.clock import SystemClock
from aqsync.errors import JournalDiskFull
from aqsync.service import telling as module
from aqsync.service.telling import Telling
from aqsync.sync.loop import STUCK_S
from tests.support.lab import Lab
from tests.support.patience import HANG_S, wait_until
from tests.support.status_page import Shown


class Told(Shown):
    """A daemon that others are told of."""

    page = None

    def slow_rescans(self) -> Mapping[str, float]:
        return {}

    def progress(self) -> object:
        return 0


def fail() -> float:
    raise JournalDiskFull("the disk is full")


@pytest.mark.parametrize(
    "name", ["messages", "heartbeat", "metrics file", "fleet", "samples for charts"]
)
def test_a_way_to_people_that_fails_or_hangs_is_named(lab: Lab, name: str) -> None:
    telling = Telling(Told(lab), lambda _config: lab.server, lab.clock)
    [loop] = [each.loop for each in telling._all() if each.loop.name == name]
    assert telling.problems() == []
    loop.step(fail)
    assert telling.problems() == [f"{name} fails: JournalDiskFull: the disk is full"]
    seen = list[list[str]]()

    def hang() -> float:
        lab.clock.advance(STUCK_S + 1)
        seen.append(telling.problems())
        return 1.0

    loop.step(hang)
    assert seen == [[f"{name} hangs"]]
    loop.step(lambda: 1.0)
    assert telling.problems() == []


def test_a_reload_is_taken_over_by_all_at_once(lab: Lab) -> None:
    telling, steps = Telling(Told(lab), lambda _config: lab.server, SystemClock()), Counter[str]()
    for each in telling._all():

        def step(name: str = each.loop.name) -> float:
            steps[name] += 1
            return 10 * HANG_S

        each.loop.start(step)
    wait_until(lambda: set(steps.values()) == {1}, "the first steps")
    telling.reloaded()
    wait_until(lambda: set(steps.values()) == {2}, "the next ones")
    telling.begin_end(None)
    telling.end()


def test_the_end_waits_for_all_that_is_under_way(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LAST_S", HANG_S)
    telling, going_on = Telling(Told(lab), lambda _config: lab.server, SystemClock()), []
    may_end = threading.Event()
    monkeypatch.setattr(telling._fleet, "end", lambda _longest_s: may_end.set())
    for each in telling._all():

        def step(name: str = each.loop.name) -> float:
            going_on.append(name)
            assert may_end.wait(HANG_S)
            return 0.0

        each.loop.start(step)
    monkeypatch.setattr(telling._messenger, "end", lambda _longest_s: None)
    wait_until(lambda: len(going_on) == len(telling._all()), "the steps")
    telling.begin_end(None)
    telling.end()
    assert [each.loop.name for each in telling._all() if each.loop.alive] == []
