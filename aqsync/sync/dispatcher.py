"""The dispatcher: decides on queued files, begins jobs, and collects their outcomes.

It is the only one that decides and begins jobs. Files come to it from rescans, file lists and
orders. A file that must wait goes back to its rescanner, which looks at it when its time has come.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Protocol

from aqsync.config import Windows
from aqsync.errors import AqsyncError, Interrupted
from aqsync.journal.observations import Waiting
from aqsync.log import Log
from aqsync.model import (
    SECOND_NS,
    BeginningRead,
    BeingWritten,
    ChangedMeanwhile,
    Compare,
    Failed,
    FileRecord,
    Hold,
    InSync,
    Outcome,
    Policy,
    Reason,
    Recheck,
    Removed,
    RemoveRemote,
    State,
    Touched,
    Upload,
    Uploaded,
    Wait,
    has_moved_on,
)
from aqsync.sync.backoff import backoff_ns
from aqsync.sync.engine import Engine
from aqsync.sync.files_in_hand import FilesInHand
from aqsync.sync.hanging_disks import HangingDisks
from aqsync.sync.in_vain import InVain
from aqsync.sync.jobs import Job
from aqsync.sync.order import Order
from aqsync.sync.outcome_log import OutcomeLog
from aqsync.sync.policies import transfers_blocked
from aqsync.sync.policy_cache import PolicyCache
from aqsync.sync.work_queue import Lane, WorkQueue, lane_of
from aqsync.sync.worker_pool import HANGS_CHECK_S, Ended, Hung, PutBack, WorkerPool

IDLE_S = 60.0
"""The longest pause between two steps."""
MOST_IN_BACKGROUND = 2
"""Workers that compare in the background at most, which they do while nothing else is queued."""


log = Log(__name__)


class Rescans(Protocol):
    """Looks at the disk for a mapping."""

    def later(self, path: str, seconds: float) -> None:
        """Look at a path, relative to the root, again after so many seconds."""


@dataclass(frozen=True, slots=True)
class Announce:
    """What the dispatcher calls in other parts.

    Args:
        changed_on_server: Called with a file after a job on it, since a new list is needed.
        progress: Called whenever work advances.
    """

    changed_on_server: Callable[[FileRecord], None] = lambda _file: None
    progress: Callable[[], None] = lambda: None


class Dispatcher:
    """Decides and begins jobs for one session, all on the thread that calls `step`.

    Args:
        engine: Decides, and prepares jobs.
        queue: Where files come from.
        pool: Runs the jobs.
        outcomes: Logs what happened to each file.
        windows: When files may be sent.
        rescanners: By mapping, what looks again at files that must wait; None: only orders are
            served.
        announce: What it calls in other parts.

    Attributes:
        retiring: It begins nothing new; running jobs are finished.
        at_rest: It is retiring, no job runs, and none will begin.
    """

    def __init__(
        self,
        engine: Engine,
        queue: WorkQueue,
        pool: WorkerPool,
        outcomes: OutcomeLog,
        windows: Windows,
        rescanners: Mapping[str, Rescans] | None = None,
        announce: Announce = Announce(),
    ) -> None:
        self.retiring = False
        self.at_rest = False
        self._engine = engine
        self._clock = engine.clock
        self._journal = engine.journal
        self._queue = queue
        self._pool = pool
        self._outcomes = outcomes
        self._windows = windows
        self._orders_only = rescanners is None
        self._rescanners = rescanners or {}
        self._announce = announce
        self._mappings = {mapping.name: mapping for mapping in engine.mappings}
        self._disks = HangingDisks(engine, pool)
        self._in_hand = {
            lane: FilesInHand(engine, partial(self._take_from_queue, lane), self._forget)
            for lane in Lane
        }
        self._policies = PolicyCache(engine, windows)
        self._in_vain = InVain()
        self._jobs: dict[int, tuple[Order, ...]] = {}
        """By file with a job, the orders for which it runs."""
        self._put_off: deque[FileRecord] = deque()
        """Files in hand to compare in the background."""
        self._in_background: set[int] = set()
        self._blocked: frozenset[str] = frozenset()
        """Mappings for which transfers are blocked."""
        self._returned: list[FileRecord] = []
        """Taken in this step and not begun; queued again at its end, so that every step ends."""
        self._opens_at_ns: int | None = None

    @property
    def idle(self) -> bool:
        """Whether no job runs."""
        return self._pool.idle

    def step(self) -> float:
        """Collect what has ended, and begin as many jobs as there is room for."""
        retiring = self.retiring
        try:
            self._disks.give_up()
            self._take_in()
            if retiring:
                self._put_all_back()
            for mapping, path in self._disks.answering():
                self._look_later(mapping, path, 0.0)
                self._policies.forget()
            if not retiring:
                self._begin()
        except BaseException as exc:
            for order in self._queue.orders:
                order.fail(exc)
            raise
        finally:
            # Rest does not depend on what can be written down: a full journal must not prevent it.
            self.at_rest = retiring and self.idle
        self._outcomes.tell(self._clock.monotonic(), idle=self.idle and not len(self._queue))
        return self._seconds_to_next()

    # What has ended

    def _take_in(self) -> None:
        failure: BaseException | None = None
        while (ended := self._pool.collect()) is not None:
            self._announce.progress()
            file = ended.job.file
            self._queue.end(file.id)
            self._in_background.discard(file.id)
            orders = self._jobs.pop(file.id)
            try:
                self._take(ended, orders)
            except BaseException as exc:  # noqa: BLE001 - raised once all are taken in
                self._again(file)  # the file is decided on again
                failure = exc
            self._queue.release(file.id)
        if failure is not None:
            raise failure

    def _take(self, ended: Ended, orders: tuple[Order, ...]) -> None:
        job, outcome = ended.job, ended.outcome
        if isinstance(outcome, PutBack):
            for order in orders:
                order.put_back(job.file)
            self._again(job.file)
        elif isinstance(outcome, Hung):
            self._gave_up(job, orders)
        elif isinstance(outcome, Interrupted):
            self._tell(orders, job.file, None)
        elif isinstance(outcome, BaseException):
            if isinstance(outcome, AqsyncError) or not isinstance(outcome, Exception):
                raise outcome
            self._tell(orders, job.file, self._erred(job.file, outcome))
            self._again(job.file)
        else:
            if (failed := self._in_vain.add(job.file, outcome)) is not None:
                outcome = failed
                self._journal.outcomes.record(job.file, failed, self._clock.now_ns())
            self._finished(job, outcome)
            self._tell(orders, job.file, outcome)

    def _tell(self, orders: tuple[Order, ...], file: FileRecord, outcome: Outcome | None) -> None:
        for order in orders:
            order.ended(file, outcome, self._clock.now_ns())

    def _erred(self, file: FileRecord, exc: Exception) -> Failed:
        """An internal error: this file is tried again with growing pauses, all others go on."""
        failed = Failed(Reason.INTERNAL_ERROR.explain(error=repr(exc)), permanent=False)
        count = 1
        if file.failure is not None and file.failure.why == failed.why:
            count += file.failure.count
        else:
            log.error("an internal error; please report it", path=self._place(file), exc=exc)
        self._journal.outcomes.record(file, failed, self._clock.now_ns())
        self._look_later(file.mapping, file.path, backoff_ns(count, file.id) / SECOND_NS)
        return failed

    def _gave_up(self, job: Job, orders: tuple[Order, ...]) -> None:
        """The disk does not answer: once it does, the file is looked at again."""
        failed = self._engine.gave_up(job)
        self._policies.forget()
        place = self._place(job.file)
        log.error("a file system does not answer; the others go on without it", path=place)
        self._outcomes.add(place, job.file.mapping, failed, self._clock.monotonic())
        for order in orders:
            order.gave_up(job.file, failed)
        self._queue.lose(job.file.id)

    def _finished(self, job: Job, outcome: Outcome) -> None:
        file = job.file
        if not (isinstance(outcome, Failed) and self._engine.explains(job)):
            self._outcomes.add(self._place(file), file.mapping, outcome, self._clock.monotonic())
        if isinstance(outcome, ChangedMeanwhile):
            self._look_later(file.mapping, file.path, self._in_vain.pause_s(file.id))
            return
        if not isinstance(outcome, BeginningRead | BeingWritten):
            self._announce.changed_on_server(file)
        provisional = isinstance(outcome, Uploaded) and outcome.provisional
        if has_moved_on(file, outcome):
            self._look_later(file.mapping, file.path, 0.0)
        if provisional or not isinstance(outcome, Uploaded | Touched | Removed):
            self._again(file)

    def _look_later(self, mapping: str, path: str, seconds: float) -> None:
        if (rescanner := self._rescanners.get(mapping)) is not None:
            rescanner.later(path, seconds)

    def _again(self, file: FileRecord) -> None:
        first = bool(self._queue.orders_for(file))
        if first or not self._orders_only:
            self._queue.add(file.mapping, [Waiting.of(file)], first=first)

    def _put_back(self, files: Iterable[FileRecord]) -> None:
        for file in files:
            self._again(file)
            self._queue.release(file.id)

    def _put_all_back(self) -> None:
        """Put all files in hand back, for the dispatcher of the next session."""
        for in_hand in self._in_hand.values():
            files, taken = in_hand.drain()
            self._put_back(files)
            for file_id in taken:
                self._queue.release(file_id)
        self._put_back(self._put_off)
        self._put_off.clear()

    def _place(self, file: FileRecord) -> str:
        return str(self._mappings[file.mapping].directory / file.path)

    # What begins

    def _begin(self) -> None:
        self._note_blocked()
        try:
            for lane in Lane:
                while self._pool.has_room(lane):
                    job = self._next_job(lane)
                    if job is None:
                        break
                    self._pool.start(job, lane)
            self._begin_in_background()
        finally:
            self._put_back(self._returned)
            self._returned.clear()

    def _begin_in_background(self) -> None:
        """Begin background comparisons if nothing else is queued."""
        while self._put_off and self._engine.usable and self._has_time():
            file = self._put_off[0]
            lane = lane_of(file.size)
            if not self._pool.has_room(lane):
                self._put_off.rotate(-1)
                return
            job = self._job(self._engine.again(file), put_off=False)
            self._put_off.popleft()  # not before: nothing is lost when the journal fails
            if job is not None:
                self._in_background.add(file.id)
                self._pool.start(job, lane)

    def _has_time(self) -> bool:
        left = self._blocked | self._disks.full
        queued = any(self._in_hand.values()) or self._queue.has_any(left)
        few = self._orders_only or len(self._in_background) < MOST_IN_BACKGROUND
        return few and not (self.retiring or queued)

    def _note_blocked(self) -> None:
        """Note for which mappings transfers are blocked, and until when."""
        now_ns = self._clock.now_ns()
        found = {
            name: why
            for name in self._mappings
            if (why := transfers_blocked(self._journal, name, now_ns, self._windows)) is not None
        }
        if found.keys() != self._blocked:
            self._policies.forget()
        self._blocked = frozenset(found)
        self._disks.check()
        opens = [why.until_ns for why in found.values() if why.until_ns is not None]
        self._opens_at_ns = min(opens, default=None)

    def _next_job(self, lane: Lane) -> Job | None:
        """The next job of a lane; None if there is none."""
        in_hand = self._in_hand[lane]
        while not self.retiring and self._engine.usable:
            file = in_hand.first()
            if file is None:
                return None
            job = self._job(file)
            in_hand.pop()
            if job is not None:
                return job
        return None

    def _take_from_queue(self, lane: Lane, most: int) -> list[int]:
        full, told = self._disks.full, self._disks.told
        left = self._blocked | full
        return self._queue.take(lane, most, left, full - told, first_only=self._orders_only)

    def _forget(self, file_id: int) -> None:
        for order in self._queue.orders:
            order.forget(file_id)
        self._in_vain.forget(file_id)
        self._queue.release(file_id)

    def _job(self, file: FileRecord, *, put_off: bool = True) -> Job | None:
        """Decide on a file; returns the job if there is one, else sees to it that it comes again.

        Args:
            file: Which file.
            put_off: Keep background comparisons for later.
        """
        self._announce.progress()
        orders = self._queue.orders_for(file)
        at_once = any(order.limits.at_once for order in orders)
        try:
            # A function, since the policy may be another one after a newer list was fetched.
            policy_of = partial(self._policies.of, at_once=at_once)
            if orders:  # a push waits for it: it is sent when it has settled, and only then
                policy_of = partial(_not_paced, policy_of)
            return self._decided(file, policy_of, orders, put_off=put_off)
        except AqsyncError:
            raise
        except Exception as exc:  # noqa: BLE001 - told in full; one bad file stops no other
            self._erred(file, exc)
            for order in orders:
                order.forget(file.id)
            self._queue.release(file.id)
            return None

    def _decided(
        self,
        file: FileRecord,
        policy_of: Callable[[FileRecord], Policy],
        orders: tuple[Order, ...],
        *,
        put_off: bool,
    ) -> Job | None:
        decided = self._engine.decide(file, policy_of)
        if decided is None:  # the server cannot be asked
            self._returned.append(file)
            return None
        file, step = decided
        if isinstance(step, InSync | Recheck | Hold | Wait):
            self._note(file, step, policy_of(file), orders)
            return None
        if put_off and isinstance(step, Compare) and step.background:
            self._put_off.append(file)
            return None
        if not self._disks.admits(file.mapping):
            self._returned.append(file)
            return None
        takers = tuple(order for order in orders if order.admit(file, step))
        if self._orders_only and not takers:
            self._queue.release(file.id)
            return None
        return self._begun(file, step, takers)

    def _begun(
        self,
        file: FileRecord,
        step: Upload | Compare | RemoveRemote,
        orders: tuple[Order, ...],
    ) -> Job:
        in_flight = self._queue.begin(file, self._clock.monotonic())

        def progress(size: int) -> None:
            in_flight.sent += size
            self._announce.progress()
            for order in orders:
                order.sent(size)

        try:
            job = self._engine.job(file, step, progress)
        except BaseException:
            self._queue.end(file.id)
            for order in orders:
                order.put_back(file)
            raise
        # The file stays in hand while its disk does not answer, even if the job is given up.
        self._queue.hold(file.id)
        job.errand.when_over(lambda: self._queue.release(file.id))
        self._jobs[file.id] = orders
        return job

    def _note(
        self,
        file: FileRecord,
        step: InSync | Recheck | Hold | Wait,
        policy: Policy,
        orders: tuple[Order, ...],
    ) -> None:
        blocked = policy.blocked is not None
        for order in orders:
            order.decided(file, step, blocked=blocked, now_ns=self._clock.now_ns())
        if isinstance(step, Wait):
            self._wait(file, step, blocked=blocked)
        elif isinstance(step, Hold) and step.state in {State.HELD, State.DIFFERS}:
            now = self._clock.monotonic()
            self._outcomes.held(self._place(file), file.mapping, step, file.since_ns, now)
        self._queue.release(file.id)

    def _wait(self, file: FileRecord, step: Wait, *, blocked: bool) -> None:
        if self._disks.hangs(file):
            return  # it is looked at again once its file system answers
        if blocked:
            if not self._orders_only:
                self._blocked |= {file.mapping}
                self._queue.add(file.mapping, [Waiting.of(file)])
            return
        if step.folder is not None:
            self._engine.measurements[file.mapping].waits(step)
            return
        seconds = IDLE_S
        if step.until_ns is not None:
            seconds = max(0.0, (step.until_ns - self._clock.now_ns()) / SECOND_NS)
        self._look_later(file.mapping, file.path, seconds)

    def _seconds_to_next(self) -> float:
        if self.retiring:
            return IDLE_S if self.idle else HANGS_CHECK_S
        seconds = [IDLE_S, self._outcomes.due_in(self._clock.monotonic())]
        if self._disks or not self.idle:
            seconds.append(HANGS_CHECK_S)
        if self._opens_at_ns is not None and len(self._queue):
            seconds.append((self._opens_at_ns - self._clock.now_ns()) / SECOND_NS)
        return max(0.0, min(seconds))


def _not_paced(policy_of: Callable[[FileRecord], Policy], file: FileRecord) -> Policy:
    return replace(policy_of(file), growing=None)
