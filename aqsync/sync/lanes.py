"""Runs jobs on a few threads, so that large files never keep the small ones waiting."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from queue import SimpleQueue

from aqsync.model import Outcome
from aqsync.sync.uploader import Job

WORKERS = 4
"""Four connections fill a server; more make a real one slower."""

_ROOM_FOR_SMALL = 2 * WORKERS
_ROOM_FOR_LARGE = WORKERS - 1


def run_in_lanes(
    small: Iterator[Job],
    large: Iterator[Job],
    perform: Callable[[Job], Outcome],
    finished: Callable[[Job, Outcome], None],
) -> None:
    """Do all jobs; small files keep at least one worker whatever the large ones do.

    The iterators are asked for the next job only when there is room for it, and they and
    `finished` are called on the calling thread alone.

    Args:
        small: Jobs in the order in which they shall begin.
        large: The same for large files.
        perform: Does one job; called on worker threads.
        finished: Told of each job's outcome.

    Raises:
        BaseException: The first that `perform` raised; jobs then running were let end first.
    """
    results: SimpleQueue[tuple[bool, Job, Outcome | BaseException]] = SimpleQueue()

    def work(is_large: bool, job: Job) -> None:  # noqa: FBT001 - handed through the pool
        try:
            results.put((is_large, job, perform(job)))
        except BaseException as exc:  # noqa: BLE001 - carried to the thread that waits for it
            results.put((is_large, job, exc))

    lanes = {False: small, True: large}
    room = {False: _ROOM_FOR_SMALL, True: _ROOM_FOR_LARGE}
    failure: BaseException | None = None
    with ThreadPoolExecutor(WORKERS, thread_name_prefix="worker") as pool:
        while True:
            for lane in tuple(lanes):
                while room[lane]:
                    job = next(lanes[lane], None)
                    if job is None:
                        del lanes[lane]
                        break
                    room[lane] -= 1
                    pool.submit(work, lane, job)
            if room[False] == _ROOM_FOR_SMALL and room[True] == _ROOM_FOR_LARGE:
                break
            lane, job, outcome = results.get()
            room[lane] += 1
            if isinstance(outcome, BaseException):
                failure = failure or outcome
                lanes.clear()
            else:
                finished(job, outcome)
    if failure is not None:
        raise failure
