"""Those who tell others fail as little in silence as what they tell of."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from aqsync.errors import JournalDiskFull
from aqsync.service.telling import Telling
from aqsync.sync.loop import STUCK_S
from tests.support.lab import Lab
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


@pytest.mark.parametrize("name", ["messages", "heartbeat", "metrics file", "fleet"])
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
