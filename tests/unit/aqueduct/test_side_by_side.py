from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from aqsync.aqueduct.side_by_side import THREADS, side_by_side
from tests.support.patience import HANG_S


def test_everything_is_done_by_a_few_at_a_time() -> None:
    together = threading.Barrier(THREADS)

    def work(number: int) -> int:
        together.wait(HANG_S)
        return number * 2

    assert sorted(side_by_side(range(8), work, stop=threading.Event())) == list(range(0, 16, 2))


def test_the_first_error_ends_it_and_is_the_one_that_is_raised() -> None:
    stop, aborted = threading.Event(), threading.Event()

    def work(number: int) -> int:
        if number == 1:
            raise ValueError("the first")
        assert aborted.wait(HANG_S)
        raise RuntimeError("broken off")

    with pytest.raises(ValueError, match="the first"):
        list(side_by_side(range(4), work, stop=stop, abort=aborted.set))
    assert stop.is_set()


def test_an_error_of_what_gives_the_work_is_raised() -> None:
    def items() -> Iterator[int]:
        yield 1
        raise ValueError("no more")

    with pytest.raises(ValueError, match="no more"):
        list(side_by_side(items(), str, stop=threading.Event()))


def test_who_leaves_early_waits_for_what_has_begun() -> None:
    stop, ended = threading.Event(), list[int]()

    def work(number: int) -> int:
        if number:
            assert stop.wait(HANG_S)
        ended.append(number)
        return number

    results = side_by_side(range(100), work, stop=stop)
    assert isinstance(results, Iterator)
    assert next(iter(results)) == 0
    results.close()  # type: ignore[attr-defined]
    assert len(ended) <= 2 * THREADS
    assert not [thread for thread in threading.enumerate() if thread.name == "tree"]
