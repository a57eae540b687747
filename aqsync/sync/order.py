"""An order: what one push asks the dispatcher for, and how far it has come."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from aqsync.journal.observations import Waiting
from aqsync.model import (
    SECOND_NS,
    Adopted,
    BeingWritten,
    ChangedMeanwhile,
    Compare,
    Failed,
    FileRecord,
    Freed,
    Hold,
    InSync,
    Outcome,
    Reason,
    Recheck,
    Removed,
    RemoveRemote,
    ServerProblem,
    State,
    Touched,
    Upload,
    Uploaded,
    Wait,
    has_moved_on,
)
from aqsync.paths import is_chosen
from aqsync.sync.progress import Finished, Sent, Show

TRIES = 3
"""Attempts on a file, or on a server that is away, before a push gives up."""
MOST_ATTEMPTS = 8
"""Jobs on one file in one push at most: comparing, sending, sending again after a change."""

SOON_NS = 5 * SECOND_NS
"""The longest wait for a file that may try whether a refused action is allowed again."""

_LAST = (Uploaded, Touched, Removed, ChangedMeanwhile)
"""After these outcomes the file is not decided on again in the same round."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How far a push goes.

    Args:
        wait_for_settling: False: young files are left waiting.
        longest_wait_s: How long to wait for files that keep changing.
        overwrite: Replace conflicting remote files.
        within: By mapping, the paths to look at; none, or an empty path, is the whole root.
        mappings: The names of the only mappings to push; None: all that there are.
        at_once: Ignore transfer windows and pauses. If false, files that they block are left
            waiting.
        tidy: Remove the copies of databases' parts that an earlier release has sent.
        freed: By mapping and path, what was proved to be on the server of files that a person is
            about to remove here; noted by the push, if it still holds.
        kept: By mapping, the paths of files that were noted so and stay here all the same.
    """

    wait_for_settling: bool = True
    longest_wait_s: float = 120.0
    overwrite: bool = False
    within: dict[str, tuple[str, ...]] = field(default_factory=dict)
    mappings: tuple[str, ...] | None = None
    at_once: bool = False
    tidy: bool = False
    freed: dict[str, dict[str, Freed]] = field(default_factory=dict)
    kept: dict[str, tuple[str, ...]] = field(default_factory=dict)

    def covers(self, mapping: str) -> bool:
        """Whether a mapping of this name is to be pushed."""
        return self.mappings is None or mapping in self.mappings

    def paths_in(self, mapping: str) -> tuple[str, ...]:
        """The paths of a mapping to look at; none: the whole root."""
        return self.within.get(mapping, ())


@dataclass(slots=True)
class PushResult:
    """What a push did."""

    uploaded: int = 0
    adopted: int = 0
    removed: int = 0
    bytes: int = 0
    tags: int = 0
    seconds: float = 0.0
    interrupted: bool = False
    server_problem: ServerProblem | None = None


@dataclass(slots=True)
class Round:
    """What one round over all files of an order has left to do."""

    acted: set[str] = field(default_factory=set)
    """Experiments whose files had a job."""
    look_again: dict[str, list[str]] = field(default_factory=dict)
    """By mapping, paths that changed meanwhile, or may still be changing."""
    conflicts: list[FileRecord] = field(default_factory=list)
    next_ns: int | None = None
    """When the first waiting file may be due."""
    reason: str = ""
    """Why that file waits."""
    cut_short: bool = False
    """Files were left undecided, since the server could not be used or the push was stopped."""

    def wait_until(self, at_ns: int, reason: str) -> None:
        """A file waits until then."""
        if self.next_ns is None or at_ns < self.next_ns:
            self.next_ns, self.reason = at_ns, reason


class Order:
    """What is asked for, what is left to decide on, and the result so far.

    The dispatcher tells it of each decision and outcome; `Push` asks for files, and waits until
    nothing is left of them. Every method may be called from any thread. What is shown may be taken
    slowly, so the push shows it, on its own thread: no job and no other order waits for it.

    Args:
        limits: How far to go.
        show: Gets the events, on the thread of the push.
        stopped: When set, no new job begins for it; `stop` sets it and wakes the push.

    Attributes:
        woken: Set when the push should look at the order again.
        result: What was done so far.
    """

    def __init__(self, limits: Limits, show: Show, stopped: threading.Event | None = None) -> None:
        self.limits = limits
        self.show = show
        self.woken = threading.Event()
        self.stopped = threading.Event() if stopped is None else stopped
        self.result = PushResult()
        self._lock = threading.Lock()
        self._pending: set[int] = set()
        self._running: Counter[int] = Counter()
        self._round = Round()
        self._attempts: Counter[int] = Counter()
        self._sent: set[int] = set()
        self._left: set[int] = set()
        """Files that this round does not try again."""
        self._replaced: set[int] = set()
        self._error: BaseException | None = None
        self._unsaid: list[Finished] = []
        self._unsaid_bytes = 0

    def stop(self) -> None:
        """Begin no new job for it; running jobs are finished."""
        self.stopped.set()
        self.woken.set()

    # What waits for it

    def ask_for(self, files: Iterable[Waiting]) -> None:
        """A new round: these files are to be decided on."""
        with self._lock:
            self._round = Round()
            self._left.clear()
            self._pending = {file.id for file in files}

    def is_done(self, *, usable: bool) -> bool:
        """Whether every file of the round was decided on, and no job runs for the order.

        Args:
            usable: Whether the server can be used; if not, no new job begins.

        Raises:
            BaseException: The error that the dispatcher met.
        """
        with self._lock:
            if self._error is not None:
                raise self._error
            waits = self._pending and usable and not self.stopped.is_set()
            return not (waits or self._running)

    def end_round(self) -> Round:
        """End the round; returns what it has left to do."""
        with self._lock:
            self._round.cut_short = bool(self._pending)
            self._pending.clear()
            return self._round

    def report(self) -> None:
        """Show what has happened since the last time."""
        with self._lock:
            unsaid, self._unsaid = self._unsaid, []
            size, self._unsaid_bytes = self._unsaid_bytes, 0
        if size:
            self.show(Sent(size))
        for event in unsaid:
            self.show(event)

    def _may_overwrite(self, file: FileRecord, step: Hold) -> bool:
        """A copy that is the only one is replaced only where just this file is named."""
        named = file.freed is None or file.path in self.limits.paths_in(file.mapping)
        return self.limits.overwrite and step.overwritable and named

    def replace(self, files: Iterable[FileRecord]) -> None:
        """Note that these conflicts are replaced now, which a push does once for each file."""
        self._replaced.update(file.id for file in files)

    # What the dispatcher tells

    def covers(self, file: FileRecord) -> bool:
        """Whether the order asks for a file."""
        limits = self.limits
        return limits.covers(file.mapping) and is_chosen(file.path, limits.paths_in(file.mapping))

    def admit(self, file: FileRecord, step: Upload | Compare | RemoveRemote) -> bool:
        """Whether a job may begin for the order; if so, it counts as running.

        The number of jobs on a file is limited, so that a file that keeps changing cannot keep a
        push from ending.
        """
        with self._lock:
            if self.stopped.is_set() or file.id in self._left:
                self._settle(file.id)
                return False
            self._attempts[file.id] += 1
            sent = file.id in self._sent and isinstance(step, Upload) and not step.again
            if sent or self._attempts[file.id] > MOST_ATTEMPTS:
                self._left.add(file.id)
                self._settle(file.id)
                return False
            self._running[file.id] += 1
            return True

    def put_back(self, file: FileRecord) -> None:
        """An admitted job did not begin, as another file of the same disk hangs."""
        with self._lock:
            self._attempts[file.id] -= 1
            self._end(file.id)

    def ended(self, file: FileRecord, outcome: Outcome | None, now_ns: int) -> None:
        """A job has ended.

        Args:
            file: Of which file.
            outcome: Its outcome; None: it was broken off.
            now_ns: The wall clock, nanoseconds since 1970.
        """
        with self._lock:
            self._count(file, outcome, now_ns)
            if outcome is None:
                self.stopped.set()
            if outcome is None or isinstance(outcome, _LAST):
                self._pending.discard(file.id)
            if isinstance(outcome, Failed) and outcome.asked_to_wait:
                self._attempts[file.id] -= 1  # the push says that it waits, and for how long
            elif outcome is not None:
                self._unsaid.append(Finished.of(file, outcome))
            self._end(file.id)

    def sent(self, size: int) -> None:
        """More bytes were sent or compared."""
        with self._lock:
            self._unsaid_bytes += size

    def _count(self, file: FileRecord, outcome: Outcome | None, now_ns: int) -> None:
        result = self.result
        if isinstance(outcome, Uploaded):
            self._sent.add(file.id)
            result.uploaded += 1
            result.bytes += outcome.size
        elif isinstance(outcome, Adopted):
            result.adopted += 1
        elif isinstance(outcome, Removed):
            result.removed += 1
        elif isinstance(outcome, ChangedMeanwhile):
            self._round.look_again.setdefault(file.mapping, []).append(file.path)
            self._round.wait_until(now_ns, "it changed while it was read")
        if outcome is not None and has_moved_on(file, outcome):
            self._round.look_again.setdefault(file.mapping, []).append(file.path)
        if isinstance(outcome, BeingWritten | ChangedMeanwhile | None) or file.eid is None:
            return
        self._round.acted.add(file.eid)

    def gave_up(self, file: FileRecord, failed: Failed) -> None:
        """A job was given up, as its disk does not answer."""
        with self._lock:
            self._pending.discard(file.id)
            self._unsaid.append(Finished.of(file, failed))
            self._end(file.id)

    def decided(
        self,
        file: FileRecord,
        step: InSync | Recheck | Hold | Wait,
        *,
        blocked: bool,
        now_ns: int,
    ) -> None:
        """Nothing is to be done about a file now.

        Args:
            file: Which file.
            step: The decision.
            blocked: Transfers of its mapping are blocked; a push does not wait for that to end.
            now_ns: The wall clock, nanoseconds since 1970.
        """
        with self._lock:
            if not blocked and not self.stopped.is_set():
                self._note(file, step, now_ns)
            self._settle(file.id)

    def _note(self, file: FileRecord, step: InSync | Recheck | Hold | Wait, now_ns: int) -> None:
        if isinstance(step, Hold):
            if self._may_overwrite(file, step) and file.id not in self._replaced:
                self._round.conflicts.append(file)
            soon = step.next_ns is not None and step.next_ns - now_ns <= SOON_NS
            if step.state is State.FAILED and step.next_ns is not None and soon:
                self._round.wait_until(step.next_ns, step.message)
        elif (
            isinstance(step, Wait)
            and step.until_ns is not None
            and self._is_worth_waiting_for(file, step, now_ns)
        ):
            failed = step.state is State.FAILED
            reason = step.message if failed else f"files {step.message}"
            self._round.wait_until(step.until_ns, reason)
            place = file.path if step.folder is None else step.folder
            self._round.look_again.setdefault(file.mapping, []).append(place)

    def _is_worth_waiting_for(self, file: FileRecord, step: Wait, now_ns: int) -> bool:
        if step.again or step.reason is Reason.BEING_WRITTEN:
            return False  # that may take minutes, or hours
        if step.folder is not None and step.until_ns is not None:
            ahead_s = (step.until_ns - now_ns) / SECOND_NS
            return self.limits.wait_for_settling and ahead_s <= self.limits.longest_wait_s
        if file.failure is not None:
            return file.failure.count < TRIES
        return self.limits.wait_for_settling and file.id not in self._sent

    def forget(self, file_id: int) -> None:
        """Do not wait for a file: it is no longer known, or its disk hangs."""
        with self._lock:
            self._settle(file_id)

    def fail(self, error: BaseException) -> None:
        """The dispatcher has met an error; the push raises it."""
        with self._lock:
            self._error = self._error or error
        self.woken.set()

    def _settle(self, file_id: int) -> None:
        self._pending.discard(file_id)
        self._wake_when_done()

    def _end(self, file_id: int) -> None:
        self._running[file_id] -= 1
        if not self._running[file_id]:
            del self._running[file_id]
        self._wake_when_done()

    def _wake_when_done(self) -> None:
        if not self._running or not self._pending:
            self.woken.set()
