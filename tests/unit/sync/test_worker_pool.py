"""Jobs on a few threads: all done, in order, and no large one in the way of small ones."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from uuid import UUID

import pytest

from aqsync.model import ChangedMeanwhile, Outcome, Upload
from aqsync.sync import worker_pool
from aqsync.sync.jobs import Job
from aqsync.sync.work_queue import Lane
from aqsync.sync.worker_pool import WORKERS, Ended, WorkerPool
from tests.support.harness import logged
from tests.support.patience import HANG_S
from tests.support.reasons import said
from tests.support.records import NEW

STEP = Upload(said("new"), 0, replaces=False)


def jobs(name: str, count: int) -> list[Job]:
    return [
        Job(
            replace(NEW, id=number + (1000 if name == "l" else 0), path=f"{name}{number}"),
            STEP,
            Path("/"),
            UUID(int=0),
        )
        for number in range(count)
    ]


def done(_job: Job) -> Outcome:
    return ChangedMeanwhile()


def do_all(
    small: Iterator[Job], large: Iterator[Job], perform: Callable[[Job], Outcome]
) -> list[Ended]:
    """Begin a job whenever there is room for it, as the dispatcher does; what came of all."""
    sources, collected = {Lane.SMALL: small, Lane.LARGE: large}, list[Ended]()
    some = threading.Semaphore(0)
    pool = WorkerPool(perform, some.release)
    while True:
        for lane in tuple(sources):
            while lane in sources and pool.has_room(lane):
                job = next(sources[lane], None)
                if job is None:
                    del sources[lane]
                else:
                    pool.start(job, lane)
        if pool.idle:
            break
        assert some.acquire(timeout=HANG_S)
        ended = pool.collect()
        assert ended is not None
        collected.append(ended)
    pool.close()
    return collected


@pytest.mark.parametrize(("small", "large"), [(0, 0), (1, 0), (0, 1), (100, 0), (0, 20), (50, 10)])
def test_every_job_is_done_once_and_told(small: int, large: int) -> None:
    performed: list[str] = []

    def perform(job: Job) -> Outcome:
        performed.append(job.file.path)
        return ChangedMeanwhile()

    collected = do_all(iter(jobs("s", small)), iter(jobs("l", large)), perform)
    everything = sorted([j.file.path for j in jobs("s", small) + jobs("l", large)])
    assert sorted(performed) == everything
    assert sorted(ended.job.file.path for ended in collected) == everything


def test_jobs_begin_in_their_order(monkeypatch: pytest.MonkeyPatch) -> None:
    """Seen on one worker: of several, one may pause between taking a job and beginning it."""
    monkeypatch.setattr(worker_pool, "WORKERS", 1)
    begun: list[str] = []

    def perform(job: Job) -> Outcome:
        begun.append(job.file.path)
        return ChangedMeanwhile()

    do_all(iter(jobs("s", 200)), iter([]), perform)
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

    assert len(do_all(iter(jobs("s", 60)), iter(jobs("l", 8)), perform)) == 68
    assert max(at_once) < WORKERS  # how many begin before the small ones are done, nobody knows


def test_large_files_alone_use_what_they_may() -> None:
    together = threading.Barrier(WORKERS - 1)

    def perform(_job: Job) -> Outcome:
        together.wait(HANG_S)
        return ChangedMeanwhile()

    large = iter(jobs("l", 2 * (WORKERS - 1)))
    assert len(do_all(iter([]), large, perform)) == 2 * (WORKERS - 1)


def test_small_files_use_every_worker() -> None:
    together = threading.Barrier(WORKERS)

    def perform(_job: Job) -> Outcome:
        together.wait(HANG_S)
        return ChangedMeanwhile()

    do_all(iter(jobs("s", 3 * WORKERS)), iter([]), perform)


def fails_at(number: int, error: BaseException) -> Callable[[Job], Outcome]:
    def perform(job: Job) -> Outcome:
        if job.file.id == number:
            raise error
        return ChangedMeanwhile()

    return perform


@pytest.mark.parametrize("error", [ZeroDivisionError("oops"), KeyboardInterrupt(), SystemExit(3)])
def test_what_a_job_raises_is_collected_and_the_others_go_on(error: BaseException) -> None:
    collected = do_all(iter(jobs("s", 100)), iter([]), fails_at(5, error))
    assert len(collected) == 100
    assert [e.outcome for e in collected if e.job.file.id == 5] == [error]


def test_room_is_taken_and_given_back() -> None:
    ended = threading.Semaphore(0)
    pool = WorkerPool(done, ended.release)
    assert pool.collect() is None
    for job in jobs("l", WORKERS - 1):
        assert pool.has_room(Lane.LARGE)
        pool.start(job, Lane.LARGE)
    assert [pool.has_room(lane) for lane in Lane] == [True, False], "large ones take not all"
    for _ in range(WORKERS - 1):
        assert ended.acquire(timeout=HANG_S), "what feeds them is told"
    assert (pool.has_room(Lane.LARGE), pool.idle) == (False, False), "not collected yet"
    collected = [pool.collect() for _ in range(WORKERS - 1)]
    assert all(item is not None and item.lane is Lane.LARGE for item in collected)
    assert (pool.has_room(Lane.LARGE), pool.idle) == (True, True)
    pool.close()


def test_closing_waits_for_what_runs() -> None:
    go_on, performed = threading.Event(), list[int]()

    def perform(job: Job) -> Outcome:
        assert go_on.wait(HANG_S)
        performed.append(job.file.id)
        return ChangedMeanwhile()

    pool = WorkerPool(perform, lambda: None)
    for job in jobs("s", 6):
        pool.start(job, Lane.SMALL)
    pool.close(wait=False)
    go_on.set()
    pool.close()
    assert sorted(performed) == list(range(6))


def test_a_thread_that_cannot_be_started_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """The system has no more threads for now: nothing is lost, and no worker is counted."""
    some = threading.Semaphore(0)
    pool = WorkerPool(done, some.release)

    def refuse(_thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as context, logged() as log:
        context.setattr(threading.Thread, "start", refuse)
        for job in jobs("s", WORKERS + 1):
            pool.start(job, Lane.SMALL)
        pool.give_up_what_hangs()
    assert len(log.of("no thread for a worker")) == 1
    pool.give_up_what_hangs()
    for _ in range(WORKERS + 1):
        assert some.acquire(timeout=HANG_S)
        assert pool.collect() is not None
    assert pool.idle
    pool.close()
