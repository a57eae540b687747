"""Four workers in two lanes, so that large files never keep the small ones waiting.

A worker whose file system does not answer no longer counts, and another takes its place.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator
from queue import Empty, SimpleQueue
from types import TracebackType
from typing import NamedTuple, Self

from aqsync.model import Outcome
from aqsync.sync.jobs import Job

WORKERS = 4
"""Four connections fill a server; more make a real one slower."""
LARGE = 32 << 20
"""Bytes from which on a file counts as large."""
HANGS_CHECK_S = 2.0
"""How often to see whether a worker's file system answers."""

_ROOM_FOR_SMALL = 2 * WORKERS
_ROOM_FOR_LARGE = WORKERS - 1


class Hung:
    """Instead of an outcome: the file system does not answer, and the worker is lost to it."""


class PutBack:
    """Instead of an outcome: it did not begin, for another file of the same disk hangs."""


class Ended(NamedTuple):
    """A job that ran, and its outcome or what it raised."""

    job: Job
    large: bool
    outcome: Outcome | BaseException | Hung | PutBack


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
        self._lock = threading.Lock()
        self._changed = threading.Condition(self._lock)
        self._waiting: deque[tuple[Job, bool]] = deque()
        self._running: dict[int, tuple[Job, bool, threading.Thread]] = {}
        """By file, who does what; a worker that is lost is not among them."""
        self._workers: set[threading.Thread] = set()
        """Those that count."""
        self._free = 0
        self._closing = False

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
        with self._lock:
            self._waiting.append((job, large))
            self._call_worker()

    def _call_worker(self) -> None:
        """Have somebody take what waits; the lock is held."""
        if self._free >= len(self._waiting):
            self._changed.notify()
        elif len(self._workers) < WORKERS:
            # A daemon thread: what hangs in a dead file system must not keep the process.
            worker = threading.Thread(target=self._run, name="worker", daemon=True)
            self._workers.add(worker)
            worker.start()

    def collect(self, *, wait: bool) -> Ended | None:
        """The next job that has ended, or was given up.

        Args:
            wait: Wait for one; else None is returned where there is none yet.
        """
        while True:
            try:
                ended = self._results.get(block=wait, timeout=HANGS_CHECK_S)
            except Empty:
                if not wait:
                    return None
                self.give_up_what_hangs()
            else:
                self._room[ended.large] += 1
                return ended

    def give_up_what_hangs(self) -> None:
        """See which workers wait for a file system that does not answer; others take their place.

        What they do is collected as `Hung`, and what waits behind them on the same disk as
        `PutBack`.
        """
        with self._lock:
            for job, large, worker in tuple(self._running.values()):
                if job.errand.give_up():
                    del self._running[job.file.id]
                    self._workers.discard(worker)
                    self._results.put(Ended(job, large, Hung()))
                    self._put_back(job)
            for _ in self._waiting:
                self._call_worker()

    def _put_back(self, hung: Job) -> None:
        waiting = tuple(self._waiting)
        self._waiting.clear()
        for job, large in waiting:
            if job.root == hung.root:
                job.errand.drop()
                self._results.put(Ended(job, large, PutBack()))
            else:
                self._waiting.append((job, large))

    def close(self, *, wait: bool = True) -> None:
        """Begin nothing more, and wait for what runs if so asked."""
        with self._lock:
            self._closing = True
            self._changed.notify_all()
        while wait:
            with self._lock:
                workers = tuple(self._workers)
            if not workers:
                break
            for worker in workers:
                worker.join(HANGS_CHECK_S)
            self.give_up_what_hangs()

    def _run(self) -> None:
        this = threading.current_thread()
        while True:
            with self._lock:
                self._free += 1
                while not self._waiting and not self._closing:
                    self._changed.wait()
                self._free -= 1
                if not self._waiting:
                    self._workers.discard(this)
                    return
                job, large = self._waiting.popleft()
            if not self._work(job, large):
                return

    def _work(self, job: Job, large: bool) -> bool:  # noqa: FBT001 - which lane
        """Do a job; false if it was given up meanwhile, so that this thread does not count."""
        with self._lock:
            self._running[job.file.id] = (job, large, threading.current_thread())
        try:
            outcome: Outcome | BaseException = self._perform(job)
        except BaseException as exc:  # noqa: BLE001 - carried to the thread that waits for it
            outcome = exc
        with self._lock:
            counts = job.errand.hang is None
            if counts:
                del self._running[job.file.id]
                self._results.put(Ended(job, large, outcome))
        self._ended()
        return counts

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
    not_done: Callable[[Job, Hung | PutBack], None] = lambda _job, _why: None,
) -> None:
    """Do all jobs; small files keep at least one worker whatever the large ones do.

    The iterators are asked for the next job only when there is room for it, and they and
    `finished` are called on the calling thread alone.

    Args:
        small: Jobs in the order in which they shall begin.
        large: The same for large files.
        perform: Does one job; called on worker threads.
        finished: Told of each job's outcome.
        not_done: Told of each job that came to none because its file system does not answer.

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
            elif isinstance(ended.outcome, Hung | PutBack):
                not_done(ended.job, ended.outcome)
            else:
                finished(ended.job, ended.outcome)
    if failure is not None:
        raise failure
