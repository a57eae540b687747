"""Four workers in two lanes, so that large files never keep the small ones waiting."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from queue import Empty, SimpleQueue
from types import TracebackType
from typing import NamedTuple, Self

from aqsync.model import Outcome
from aqsync.sync.jobs import Job

WORKERS = 4
"""Four connections fill a server; more make a real one slower."""
LARGE = 32 << 20
"""Bytes from which on a file counts as large."""

_ROOM_FOR_SMALL = 2 * WORKERS
_ROOM_FOR_LARGE = WORKERS - 1


class Ended(NamedTuple):
    """A job that ran, and its outcome or what it raised."""

    job: Job
    large: bool
    outcome: Outcome | BaseException


class Lanes:
    """Runs jobs on threads. All but `close` is called on one thread alone.

    Args:
        perform: Does one job; called on worker threads.
        ended: Called, on a worker's thread, when there is something to collect.
    """

    def __init__(
        self, perform: Callable[[Job], Outcome], ended: Callable[[], None] = lambda: None
    ) -> None:
        self._perform = perform
        self._ended = ended
        self._room = {False: _ROOM_FOR_SMALL, True: _ROOM_FOR_LARGE}
        self._results: SimpleQueue[Ended] = SimpleQueue()
        self._pool = ThreadPoolExecutor(WORKERS, thread_name_prefix="worker")

    def has_room(self, large: bool) -> bool:  # noqa: FBT001 - which lane
        """Whether another job can begin in a lane, or soon will."""
        return self._room[large] > 0

    @property
    def idle(self) -> bool:
        """Whether every job has been collected."""
        return self._room == {False: _ROOM_FOR_SMALL, True: _ROOM_FOR_LARGE}

    def start(self, job: Job, large: bool) -> None:  # noqa: FBT001 - which lane
        """Begin a job where there is room."""
        self._room[large] -= 1
        self._pool.submit(self._work, job, large)

    def collect(self, *, wait: bool) -> Ended | None:
        """The next job that has ended.

        Args:
            wait: Wait for one; else None is returned where there is none yet.
        """
        try:
            ended = self._results.get(block=wait)
        except Empty:
            return None
        self._room[ended.large] += 1
        return ended

    def close(self, *, wait: bool = True) -> None:
        """Begin nothing more, and wait for what runs if so asked."""
        self._pool.shutdown(wait=wait, cancel_futures=False)

    def _work(self, job: Job, large: bool) -> None:  # noqa: FBT001 - handed through the pool
        try:
            outcome: Outcome | BaseException = self._perform(job)
        except BaseException as exc:  # noqa: BLE001 - carried to the thread that waits for it
            outcome = exc
        self._results.put(Ended(job, large, outcome))
        self._ended()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()


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
    sources = {False: small, True: large}
    failure: BaseException | None = None
    with Lanes(perform) as lanes:
        while True:
            for lane in tuple(sources):
                while lanes.has_room(lane):
                    job = next(sources[lane], None)
                    if job is None:
                        del sources[lane]
                        break
                    lanes.start(job, lane)
            if lanes.idle:
                break
            ended = lanes.collect(wait=True)
            assert ended is not None  # noqa: S101 - it was waited for
            if isinstance(ended.outcome, BaseException):
                failure = failure or ended.outcome
                sources.clear()
            else:
                finished(ended.job, ended.outcome)
    if failure is not None:
        raise failure
