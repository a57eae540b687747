"""Four workers for two lanes, so that small files never wait for the large ones.

A worker whose file system does not answer no longer counts, and another one takes its place.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from queue import Empty, SimpleQueue
from typing import NamedTuple

from aqsync.log import Log
from aqsync.model import Outcome
from aqsync.sync.jobs import Job
from aqsync.sync.work_queue import Lane

WORKERS = 4
"""Four connections are as fast as a server gets; more make a real server slower."""
HANGS_CHECK_S = 2.0
"""How often to see whether a worker's file system answers."""

log = Log(__name__)

_ROOM = {Lane.SMALL: 2 * WORKERS, Lane.LARGE: WORKERS - 1}


class Hung:
    """Instead of an outcome: the file system does not answer, and its worker was given up."""


class PutBack:
    """Instead of an outcome: the job did not begin, as another file of the same disk hangs."""


class Ended(NamedTuple):
    """A job that has ended, and its outcome or the error it raised."""

    job: Job
    lane: Lane
    outcome: Outcome | BaseException | Hung | PutBack


class WorkerPool:
    """Runs jobs on threads. All but `close` is called on one thread alone.

    Args:
        perform: Does one job; called on worker threads.
        ended: Called, on a worker's thread, when there is something to collect.
    """

    def __init__(self, perform: Callable[[Job], Outcome], ended: Callable[[], None]) -> None:
        self._perform = perform
        self._ended = ended
        self._room = dict(_ROOM)
        self._results: SimpleQueue[Ended] = SimpleQueue()
        self._lock = threading.Lock()
        self._changed = threading.Condition(self._lock)
        self._waiting: deque[tuple[Job, Lane]] = deque()
        self._running: dict[int, tuple[Job, Lane, threading.Thread]] = {}
        """By file, the job that runs and its worker, unless that was given up."""
        self._workers: set[threading.Thread] = set()
        """All that were not given up."""
        self._free = 0
        self._short_of_threads = False
        self._closing = False

    def has_room(self, lane: Lane) -> bool:
        """Whether another job can begin in a lane, or soon will."""
        return self._room[lane] > 0

    @property
    def idle(self) -> bool:
        """Whether every job has been collected."""
        return self._room == _ROOM

    def start(self, job: Job, lane: Lane) -> None:
        """Begin a job where there is room."""
        self._room[lane] -= 1
        with self._lock:
            self._waiting.append((job, lane))
            self._call_worker()

    def _call_worker(self) -> None:
        """Wake or start a worker for what waits. The caller holds the lock."""
        if self._free >= len(self._waiting):
            self._changed.notify()
        elif len(self._workers) < WORKERS:
            # A daemon thread: what hangs in a dead file system must not keep the process.
            worker = threading.Thread(target=self._run, name="worker", daemon=True)
            try:
                worker.start()
            except RuntimeError as exc:  # `give_up_what_hangs` tries again
                if not self._short_of_threads:
                    log.warning("no thread for a worker; it is tried again", reason=str(exc))
                self._short_of_threads = True
            else:
                self._workers.add(worker)
                self._short_of_threads = False

    def collect(self) -> Ended | None:
        """The next job that has ended or was given up; None if there is none yet."""
        try:
            ended = self._results.get_nowait()
        except Empty:
            return None
        self._room[ended.lane] += 1
        return ended

    def give_up_what_hangs(self) -> None:
        """Replace the workers whose file system does not answer.

        Their jobs are collected as `Hung`, and jobs that wait on the same disk as `PutBack`.
        """
        with self._lock:
            for job, lane, worker in tuple(self._running.values()):
                if job.errand.give_up():
                    del self._running[job.file.id]
                    self._workers.discard(worker)
                    self._results.put(Ended(job, lane, Hung()))
                    self._put_back(job)
            for _ in self._waiting:
                self._call_worker()

    def _put_back(self, hung: Job) -> None:
        waiting = tuple(self._waiting)
        self._waiting.clear()
        for job, lane in waiting:
            if job.root == hung.root:
                job.errand.drop()
                self._results.put(Ended(job, lane, PutBack()))
            else:
                self._waiting.append((job, lane))

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
                job, lane = self._waiting.popleft()
            if not self._work(job, lane):
                return

    def _work(self, job: Job, lane: Lane) -> bool:
        """Do a job; false if it was given up meanwhile, so that this thread must end."""
        with self._lock:
            self._running[job.file.id] = (job, lane, threading.current_thread())
        try:
            outcome: Outcome | BaseException = self._perform(job)
        except BaseException as exc:  # noqa: BLE001 - carried to the thread that waits for it
            outcome = exc
        with self._lock:
            counts = job.errand.hang is None
            if counts:
                del self._running[job.file.id]
                self._results.put(Ended(job, lane, outcome))
        self._ended()
        return counts
