"""Files that need a decision: in turn, never twice, and never lost."""

from __future__ import annotations

import pytest

from aqsync.journal.observations import Waiting
from aqsync.sync.work_queue import LARGE, Lane, WorkQueue


def small(*ids: int) -> list[Waiting]:
    return [Waiting(number, 1) for number in ids]


@pytest.fixture
def queue() -> WorkQueue:
    return WorkQueue()


def test_files_come_in_their_order(queue: WorkQueue) -> None:
    queue.add("m", small(3, 1, 2))
    assert len(queue) == 3
    assert queue.take(Lane.SMALL, 2) == [3, 1]
    assert queue.take(Lane.SMALL, 2) == [2]
    assert queue.take(Lane.SMALL, 2) == []
    assert len(queue) == 0


def test_mappings_take_turns(queue: WorkQueue) -> None:
    queue.add("a", small(*range(100, 200)))
    queue.add("b", small(1, 2))
    queue.add("c", small(11))
    assert queue.take(Lane.SMALL, 6) == [100, 1, 11, 101, 2, 102]


def test_turns_go_on_from_one_call_to_the_next(queue: WorkQueue) -> None:
    for name, first in (("a", 0), ("b", 10), ("c", 20)):
        queue.add(name, small(*range(first, first + 10)))
    taken = [queue.take(Lane.SMALL, 1)[0] for _ in range(6)]
    assert taken == [0, 10, 20, 1, 11, 21]


def test_large_files_wait_apart(queue: WorkQueue) -> None:
    queue.add("m", [Waiting(1, LARGE), Waiting(2, LARGE - 1)])
    assert queue.take(Lane.SMALL, 9) == [2]
    assert queue.take(Lane.LARGE, 9) == [1]


def test_a_closed_mapping_keeps_its_files(queue: WorkQueue) -> None:
    queue.add("a", small(1))
    queue.add("b", small(2))
    assert queue.take(Lane.SMALL, 9, blocked=frozenset({"a"})) == [2]
    assert queue.take(Lane.SMALL, 9) == [1]


def test_a_file_is_queued_once(queue: WorkQueue) -> None:
    queue.add("m", small(1, 1))
    queue.add("m", small(1))
    assert queue.take(Lane.SMALL, 9) == [1]


def test_a_file_in_hand_comes_again_only_when_it_is_released(queue: WorkQueue) -> None:
    queue.add("m", small(1))
    queue.take(Lane.SMALL, 9)
    queue.add("m", small(1))
    queue.add("m", [Waiting(1, LARGE)])
    assert len(queue) == 0
    queue.release(1)
    assert queue.take(Lane.LARGE, 9) == [1], "by what is known of it last"
    queue.release(1)
    assert len(queue) == 0


def test_what_an_order_asks_for_comes_first(queue: WorkQueue) -> None:
    queue.add("m", small(1, 2, 3))
    queue.add("m", small(3, 4), first=True)
    assert queue.take(Lane.SMALL, 9, first_only=True) == [3, 4]
    assert queue.take(Lane.SMALL, 9) == [1, 2]
    assert queue.take(Lane.SMALL, 9) == []


def test_a_file_is_claimed_once_until_it_is_released(queue: WorkQueue) -> None:
    assert queue.claim(1)
    assert not queue.claim(1)
    assert queue.claim(2)
    queue.add("m", small(1))
    assert queue.take(Lane.SMALL, 9) == []
    queue.release(1)
    assert queue.take(Lane.SMALL, 9) == [1]


def test_a_claim_takes_a_file_out_of_the_queue_until_it_is_released(queue: WorkQueue) -> None:
    queue.add("m", small(1))
    assert queue.claim(1)
    assert queue.take(Lane.SMALL, 9) == []
    queue.release(1)
    assert queue.take(Lane.SMALL, 9) == [1]


def test_a_file_comes_back_when_its_last_holder_releases_it(queue: WorkQueue) -> None:
    queue.add("m", small(1))
    queue.take(Lane.SMALL, 9)
    queue.hold(1)
    queue.add("m", small(1))
    queue.release(1)
    assert queue.take(Lane.SMALL, 9) == []
    queue.release(1)
    assert queue.take(Lane.SMALL, 9) == [1]


def test_whoever_serves_the_queue_is_told(queue: WorkQueue) -> None:
    told: list[int] = []
    queue.changed = lambda: told.append(len(queue))
    queue.add("m", small(1))
    queue.take(Lane.SMALL, 9)
    queue.add("m", small(1))
    queue.release(1)
    assert told == [1, 0, 1]


def test_a_disk_that_answers_while_it_is_given_up_has_let_its_file_go(queue: WorkQueue) -> None:
    assert queue.claim(1)
    queue.release(1)
    queue.lose(1)
    queue.add("m", small(1))
    assert queue.take(Lane.SMALL, 9) == [1]
