"""Files that need a decision: in turn, never twice, and never lost."""

from __future__ import annotations

import pytest

from aqsync.journal.observations import Waiting
from aqsync.sync.lanes import LARGE
from aqsync.sync.ready import Ready

NONE = frozenset[str]()


def small(*ids: int) -> list[Waiting]:
    return [Waiting(number, 1) for number in ids]


@pytest.fixture
def ready() -> Ready:
    return Ready()


def test_files_come_in_their_order(ready: Ready) -> None:
    ready.add("m", small(3, 1, 2))
    assert len(ready) == 3
    assert ready.take(large=False, most=2, closed=NONE) == [3, 1]
    assert ready.take(large=False, most=2, closed=NONE) == [2]
    assert ready.take(large=False, most=2, closed=NONE) == []
    assert len(ready) == 0


def test_mappings_take_turns(ready: Ready) -> None:
    ready.add("a", small(*range(100, 200)))
    ready.add("b", small(1, 2))
    ready.add("c", small(11))
    assert ready.take(large=False, most=6, closed=NONE) == [100, 1, 11, 101, 2, 102]


def test_turns_go_on_from_one_call_to_the_next(ready: Ready) -> None:
    for name, first in (("a", 0), ("b", 10), ("c", 20)):
        ready.add(name, small(*range(first, first + 10)))
    taken = [ready.take(large=False, most=1, closed=NONE)[0] for _ in range(6)]
    assert taken == [0, 10, 20, 1, 11, 21]


def test_large_files_wait_apart(ready: Ready) -> None:
    ready.add("m", [Waiting(1, LARGE), Waiting(2, LARGE - 1)])
    assert ready.take(large=False, most=9, closed=NONE) == [2]
    assert ready.take(large=True, most=9, closed=NONE) == [1]


def test_a_closed_mapping_keeps_its_files(ready: Ready) -> None:
    ready.add("a", small(1))
    ready.add("b", small(2))
    assert ready.take(large=False, most=9, closed=frozenset({"a"})) == [2]
    assert ready.take(large=False, most=9, closed=NONE) == [1]


def test_a_file_is_queued_once(ready: Ready) -> None:
    ready.add("m", small(1, 1))
    ready.add("m", small(1))
    assert ready.take(large=False, most=9, closed=NONE) == [1]


def test_a_file_in_hand_comes_again_only_when_it_is_given_back(ready: Ready) -> None:
    ready.add("m", small(1))
    ready.take(large=False, most=9, closed=NONE)
    ready.add("m", small(1))
    ready.add("m", [Waiting(1, LARGE)])
    assert len(ready) == 0
    ready.give_back(1)
    assert ready.take(large=True, most=9, closed=NONE) == [1], "by what is known of it last"
    ready.give_back(1)
    assert len(ready) == 0


def test_what_is_given_back_and_was_not_added_is_forgotten(ready: Ready) -> None:
    ready.give_back(7)
    ready.add("m", small(7))
    assert len(ready) == 1
