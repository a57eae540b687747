"""Going through a list that changes meanwhile."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest

from aqsync.aqueduct import paging
from aqsync.aqueduct.paging import by_age
from aqsync.aqueduct.records import ExperimentPage, ExperimentRef
from aqsync.errors import BadAnswer

START = datetime(2026, 11, 23, tzinfo=UTC)
SIZE = 3


class Listing:
    """A server's list of experiments, newest first."""

    def __init__(self, *ages: int) -> None:
        self.experiments = [experiment(age) for age in sorted(ages)]
        self.asked = 0

    def page(self, end: datetime | None, offset: int) -> ExperimentPage:
        self.asked += 1
        found = [each for each in self.experiments if end is None or each.created_at <= end]
        return ExperimentPage(found[offset : offset + SIZE], len(found))

    def add(self) -> None:
        newest = self.experiments[0].created_at if self.experiments else START
        self.experiments.insert(0, experiment(0, newest + timedelta(microseconds=1)))

    def remove(self, uuid: UUID) -> None:
        self.experiments = [each for each in self.experiments if each.uuid != uuid]


def experiment(age: int, created: datetime | None = None) -> ExperimentRef:
    created = created or START - timedelta(seconds=age)
    return ExperimentRef(uuid4(), "", "", "", (), created, created)


@pytest.mark.parametrize("count", range(8))
def test_all_come_newest_first(count: int) -> None:
    listing = Listing(*range(count))
    assert list(by_age(listing.page, SIZE, None)) == listing.experiments


def test_pages_are_asked_for_as_they_are_needed() -> None:
    listing = Listing(*range(10))
    found = by_age(listing.page, SIZE, None)
    assert listing.asked == 0
    next(found)
    assert listing.asked == 1


def test_the_end_is_where_it_begins() -> None:
    listing = Listing(*range(10))
    end = START - timedelta(seconds=4)
    assert list(by_age(listing.page, SIZE, end)) == listing.experiments[4:]


@pytest.mark.parametrize("alike", [2, SIZE, SIZE + 1, 3 * SIZE, 3 * SIZE + 1])
def test_those_of_one_instant_come_once_each(alike: int) -> None:
    listing = Listing(0, *[1] * alike, 2, 3)
    assert list(by_age(listing.page, SIZE, None)) == listing.experiments
    end = START - timedelta(seconds=1)
    assert list(by_age(listing.page, SIZE, end)) == listing.experiments[1:]


def test_what_is_new_on_top_moves_nothing() -> None:
    listing = Listing(*range(10))
    before = list(listing.experiments)
    found = []
    for each in by_age(listing.page, SIZE, None):
        found.append(each)
        listing.add()
    assert found == before


def test_removing_what_comes_leaves_nothing_out() -> None:
    listing = Listing(*range(10))
    before = list(listing.experiments)
    found = []
    for each in by_age(listing.page, SIZE, None):
        found.append(each)
        listing.remove(each.uuid)
    assert found == before
    assert listing.experiments == []


@pytest.mark.parametrize("seed", range(20))
def test_whatever_happens_meanwhile_the_others_come_once(seed: int) -> None:
    chance = random.Random(seed)
    listing = Listing(*(chance.randrange(12) for _ in range(20)))
    before = list(listing.experiments)
    removed: set[UUID] = set()
    found: list[UUID] = []
    for each in by_age(listing.page, SIZE, None):
        found.append(each.uuid)
        if chance.random() < 0.5:
            listing.add()
        # Only those of an instant that was passed: within one, only places tell pages apart.
        passed = [old for old in listing.experiments if old.created_at > each.created_at]
        if passed and chance.random() < 0.5:
            gone = chance.choice(passed).uuid
            listing.remove(gone)
            removed.add(gone)
    assert len(found) == len(set(found))
    assert {each.uuid for each in before} - removed <= set(found)


def test_pages_that_do_not_lead_on_are_left() -> None:
    listing = Listing(*range(10))
    with pytest.raises(BadAnswer, match="without an end"):
        list(by_age(lambda _end, _offset: listing.page(None, 0), SIZE, None))


def test_experiments_without_an_end_are_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paging, "_MOST", 5 * SIZE)

    def page(_end: datetime | None, _offset: int) -> ExperimentPage:
        return ExperimentPage([experiment(0) for _ in range(SIZE)], SIZE)

    with pytest.raises(BadAnswer, match="without an end"):
        list(by_age(page, SIZE, None))
