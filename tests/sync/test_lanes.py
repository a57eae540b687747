"""Jobs on a few threads: all done, in order, and no large one in the way of small ones."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from uuid import UUID

import pytest

from aqsync.model import ChangedMeanwhile, Outcome, Upload
from aqsync.sync import lanes
from aqsync.sync.jobs import Job
from aqsync.sync.lanes import WORKERS, Lanes, run_in_lanes
from tests.support.patience import HANG_S
from tests.support.reasons import said
from tests.sync.records import NEW

STEP = Upload(said("new"), 0, replaces=False)


def jobs(name: str, count: int) -> list[Job]:
    return [
        Job(replace(NEW, id=number, path=f"{name}{number}"), STEP, Path("/"), UUID(int=0))
        for number in range(count)
    ]


def done(_job: Job) -> Outcome:
    return ChangedMeanwhile()


class Finished:
    """What was told, and by which threads."""

    def __init__(self) -> None:
        self.paths: list[str] = []
        self.threads: set[int] = set()

    def __call__(self, job: Job, _outcome: Outcome) -> None:
        self.paths.append(job.file.path)
        self.threads.add(threading.get_ident())


@pytest.mark.parametrize(("small", "large"), [(0, 0), (1, 0), (0, 1), (100, 0), (0, 20), (50, 10)])
def test_every_job_is_done_once_and_told(small: int, large: int) -> None:
    finished = Finished()
    performed: list[str] = []

    def perform(job: Job) -> Outcome:
        performed.append(job.file.path)
        return ChangedMeanwhile()

    run_in_lanes(iter(jobs("s", small)), iter(jobs("l", large)), perform, finished)
    everything = sorted([j.file.path for j in jobs("s", small) + jobs("l", large)])
    assert sorted(performed) == everything
    assert sorted(finished.paths) == everything
    assert finished.threads <= {threading.get_ident()}, "told on the calling thread alone"


def test_jobs_begin_in_their_order(monkeypatch: pytest.MonkeyPatch) -> None:
    """Seen on one worker: of several, one may pause between taking a job and beginning it."""
    monkeypatch.setattr(lanes, "WORKERS", 1)
    begun: list[str] = []

    def perform(job: Job) -> Outcome:
        begun.append(job.file.path)
        return ChangedMeanwhile()

    run_in_lanes(iter(jobs("s", 200)), iter([]), perform, Finished())
    assert begun == [job.file.path for job in jobs("s", 200)]


def test_large_files_leave_a_worker_to_the_small_ones() -> None:
    small_done = threading.Event()
    counted = iter(range(1, 1000))
    at_once: list[int] = []
    running = 0
    lock = threading.Lock()

    def perform(job: Job) -> Outcome:
        nonlocal running
        if job.file.path.startswith("l"):
            with lock:
                running += 1
                at_once.append(running)
            assert small_done.wait(HANG_S), "small files waited for large ones"
            with lock:
                running -= 1
        elif next(counted) == 60:
            small_done.set()
        return ChangedMeanwhile()

    finished = Finished()
    run_in_lanes(iter(jobs("s", 60)), iter(jobs("l", 8)), perform, finished)
    assert len(finished.paths) == 68
    assert max(at_once) == WORKERS - 1


def test_large_files_alone_use_what_they_may() -> None:
    together = threading.Barrier(WORKERS - 1)

    def perform(_job: Job) -> Outcome:
        together.wait(HANG_S)
        return ChangedMeanwhile()

    finished = Finished()
    run_in_lanes(iter([]), iter(jobs("l", 2 * (WORKERS - 1))), perform, finished)
    assert len(finished.paths) == 2 * (WORKERS - 1)


def test_small_files_use_every_worker() -> None:
    together = threading.Barrier(WORKERS)

    def perform(_job: Job) -> Outcome:
        together.wait(HANG_S)
        return ChangedMeanwhile()

    run_in_lanes(iter(jobs("s", 3 * WORKERS)), iter([]), perform, Finished())


def test_the_next_job_is_asked_for_only_when_there_is_room() -> None:
    """Decisions are made shortly before they are acted on, and on the calling thread."""
    asked = 0
    ahead: list[int] = []
    threads: set[int] = set()
    finished = Finished()

    def source() -> Iterator[Job]:
        nonlocal asked
        for job in jobs("s", 100):
            asked += 1
            ahead.append(asked - len(finished.paths))
            threads.add(threading.get_ident())
            yield job

    run_in_lanes(source(), iter([]), done, finished)
    assert max(ahead) <= 2 * WORKERS
    assert threads == {threading.get_ident()}


def fails_at(number: int, error: BaseException) -> Callable[[Job], Outcome]:
    def perform(job: Job) -> Outcome:
        if job.file.id == number:
            raise error
        return ChangedMeanwhile()

    return perform


@pytest.mark.parametrize("error", [ZeroDivisionError("first"), KeyboardInterrupt(), SystemExit(3)])
def test_a_failure_ends_the_work_and_is_raised(error: BaseException) -> None:
    finished = Finished()
    with pytest.raises(type(error)):
        run_in_lanes(iter(jobs("s", 1000)), iter([]), fails_at(5, error), finished)
    assert "s5" not in finished.paths
    assert len(finished.paths) <= 5 + 4 * WORKERS, "no others begin"


def test_jobs_under_way_end_before_a_failure_is_raised() -> None:
    begun: list[int] = []
    ended: list[int] = []
    together = threading.Barrier(WORKERS)

    def perform(job: Job) -> Outcome:
        begun.append(job.file.id)
        if job.file.id < WORKERS:
            together.wait(HANG_S)
        if job.file.id == 0:
            raise ZeroDivisionError
        ended.append(job.file.id)
        return ChangedMeanwhile()

    finished = Finished()
    with pytest.raises(ZeroDivisionError):
        run_in_lanes(iter(jobs("s", 100)), iter([]), perform, finished)
    assert sorted(begun) == sorted([0, *ended])
    assert len(finished.paths) == len(ended), "what was done is told"


def test_a_failure_of_the_source_is_raised_after_what_is_under_way() -> None:
    ended: list[int] = []

    def source() -> Iterator[Job]:
        yield from jobs("s", 3)
        raise ZeroDivisionError

    def perform(job: Job) -> Outcome:
        ended.append(job.file.id)
        return ChangedMeanwhile()

    with pytest.raises(ZeroDivisionError):
        run_in_lanes(source(), iter([]), perform, Finished())
    assert sorted(ended) == [0, 1, 2]


# Lanes that are fed as it goes


def test_room_is_taken_and_given_back() -> None:
    ended = threading.Semaphore(0)
    with Lanes(done, ended.release) as fed:
        assert fed.collect(wait=False) is None
        for job in jobs("l", WORKERS - 1):
            assert fed.has_room(large=True)
            fed.start(job, large=True)
        assert not fed.has_room(large=True)
        assert fed.has_room(large=False), "large files never take every worker"
        for _ in range(WORKERS - 1):
            assert ended.acquire(timeout=HANG_S), "whoever feeds them is told"
        assert not fed.has_room(large=True), "only what is collected makes room"
        assert not fed.idle
        collected = [fed.collect(wait=False) for _ in range(WORKERS - 1)]
        assert all(item is not None and item.large for item in collected)
        assert fed.has_room(large=True)
        assert fed.idle


def test_what_a_job_raises_is_collected_like_an_outcome() -> None:
    with Lanes(fails_at(0, ZeroDivisionError("oops"))) as fed:
        fed.start(jobs("s", 1)[0], large=False)
        ended = fed.collect(wait=True)
    assert ended is not None
    assert repr(ended.outcome) == "ZeroDivisionError('oops')"


def test_closing_waits_for_what_runs() -> None:
    go_on, performed = threading.Event(), list[int]()

    def perform(job: Job) -> Outcome:
        assert go_on.wait(HANG_S)
        performed.append(job.file.id)
        return ChangedMeanwhile()

    fed = Lanes(perform)
    for job in jobs("s", 6):
        fed.start(job, large=False)
    fed.close(wait=False)
    go_on.set()
    fed.close()
    assert sorted(performed) == list(range(6))
