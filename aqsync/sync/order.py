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
    ChangedMeanwhile,
    Compare,
    Failed,
    FileRecord,
    Hold,
    InSync,
    Outcome,
    Recheck,
    Removed,
    RemoveRemote,
    ServerProblem,
    State,
    Touched,
    Upload,
    Uploaded,
    Wait,
)
from aqsync.paths import is_chosen
from aqsync.sync.progress import Reporter

TRIES = 3
"""Attempts on a file, or on a server that is away, before a push gives up."""
MOST_ATTEMPTS = 8
"""Jobs done on one file in one push: compared, sent, and sent again when it changed meanwhile."""

SOON_NS = 5 * SECOND_NS
"""A push waits at most this long for the next file that may try what was refused as a whole."""

_LAST = (Uploaded, Touched, Removed, ChangedMeanwhile)
"""After these, nothing more is decided about a file in the same round."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How far a push goes.

    Args:
        wait_for_settling: False: young files are left waiting.
        longest_wait_s: How long to wait for files that keep changing.
        overwrite: Replace conflicting remote files.
        within: By mapping, the paths to look at; none, or an empty path, is the whole root.
        mappings: The names of the only mappings to push; None: all that there are.
        at_once: Transfer windows and pauses do not count. Else what is outside of a window, or
            paused, is left waiting.
    """

    wait_for_settling: bool = True
    longest_wait_s: float = 120.0
    overwrite: bool = False
    within: dict[str, tuple[str, ...]] = field(default_factory=dict)
    mappings: tuple[str, ...] | None = None
    at_once: bool = False

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
    """What is left of one round over all files of an order."""

    acted: set[str] = field(default_factory=set)
    """Experiments in which something was done."""
    look_again: dict[str, list[str]] = field(default_factory=dict)
    """By mapping, paths that changed meanwhile, or may still be changing."""
    conflicts: list[FileRecord] = field(default_factory=list)
    next_ns: int | None = None
    """When the first of the files that wait may be due."""
    reason: str = ""
    """Why that file waits."""
    cut_short: bool = False
    """Files were left undecided, since the server could not be used or the push was stopped."""

    def wait_until(self, at_ns: int, reason: str) -> None:
        """Something may be due then."""
        if self.next_ns is None or at_ns < self.next_ns:
            self.next_ns, self.reason = at_ns, reason


class Order:
    """What is asked for, what is left to decide on, and what came of it.

    The dispatcher tells it of each decision and outcome; `Push` asks for files, and waits until
    nothing is left of them. Every method may be called from any thread. The reporter may be slow,
    so it is told by the push, on its own thread: no job and no other order waits for it.

    Args:
        limits: How far to go.
        reporter: Told what happens, on the thread of the push.
        stopped: Set when no new job is to begin for it; `stop` says so at once.

    Attributes:
        woken: Set when whatever waits for the order should look at it again.
        result: What was done so far.
    """

    def __init__(
        self, limits: Limits, reporter: Reporter, stopped: threading.Event | None = None
    ) -> None:
        self.limits = limits
        self.reporter = reporter
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
        """Files on which enough was tried."""
        self._replaced: set[int] = set()
        self._error: BaseException | None = None
        self._unsaid: list[tuple[FileRecord, Outcome]] = []
        self._unsaid_bytes = 0

    def stop(self) -> None:
        """Begin no other job for it; those that run come to their end."""
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
            usable: Whether the server can be used: else nothing more begins.

        Raises:
            BaseException: What kept the dispatcher from working.
        """
        with self._lock:
            if self._error is not None:
                raise self._error
            waits = self._pending and usable and not self.stopped.is_set()
            return not (waits or self._running)

    def end_round(self) -> Round:
        """What the round has left."""
        with self._lock:
            self._round.cut_short = bool(self._pending)
            self._pending.clear()
            return self._round

    def report(self) -> None:
        """Tell the reporter what has happened since the last time."""
        with self._lock:
            unsaid, self._unsaid = self._unsaid, []
            size, self._unsaid_bytes = self._unsaid_bytes, 0
        if size:
            self.reporter.sent(size)
        for file, outcome in unsaid:
            self.reporter.finished(file, outcome)

    def replace(self, files: Iterable[FileRecord]) -> None:
        """These conflicting remote files are replaced now: once in a push."""
        self._replaced.update(file.id for file in files)

    # What the dispatcher tells

    def covers(self, file: FileRecord) -> bool:
        """Whether it asks for a file."""
        limits = self.limits
        return limits.covers(file.mapping) and is_chosen(file.path, limits.paths_in(file.mapping))

    def admit(self, file: FileRecord, step: Upload | Compare | RemoveRemote) -> bool:
        """Whether a job may begin for the order, which then counts as running.

        A file that keeps changing must not keep a push from ending.
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
        """A job that was admitted did not begin: another file of its disk is read first."""
        with self._lock:
            self._attempts[file.id] -= 1
            self._end(file.id)

    def ended(self, file: FileRecord, outcome: Outcome | None, now_ns: int) -> None:
        """A job has ended.

        Args:
            file: Of which file.
            outcome: What came of it; None: it was broken off.
            now_ns: The wall clock, nanoseconds since 1970.
        """
        with self._lock:
            self._count(file, outcome, now_ns)
            if outcome is None:
                self.stopped.set()
            if outcome is None or isinstance(outcome, _LAST):
                self._pending.discard(file.id)
            if outcome is not None:
                self._unsaid.append((file, outcome))
            self._end(file.id)

    def sent(self, size: int) -> None:
        """So many bytes more were sent or compared."""
        with self._lock:
            self._unsaid_bytes += size

    def _count(self, file: FileRecord, outcome: Outcome | None, now_ns: int) -> None:
        result = self.result
        if isinstance(outcome, Uploaded):
            self._sent.add(file.id)
            result.uploaded += 1
            result.bytes += outcome.signature.size
        elif isinstance(outcome, Adopted):
            result.adopted += 1
        elif isinstance(outcome, Removed):
            result.removed += 1
        elif isinstance(outcome, ChangedMeanwhile):
            self._round.look_again.setdefault(file.mapping, []).append(file.path)
            self._round.wait_until(now_ns, "it changed while it was read")
        if isinstance(outcome, ChangedMeanwhile | None) or file.eid is None:
            return
        self._round.acted.add(file.eid)

    def gave_up(self, file: FileRecord, failed: Failed) -> None:
        """A job was given up since its disk does not answer."""
        with self._lock:
            self._pending.discard(file.id)
            self._unsaid.append((file, failed))
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
            file: Which.
            step: Why.
            blocked: Transfers of its mapping are blocked: no push waits for their end.
            now_ns: The wall clock, nanoseconds since 1970.
        """
        with self._lock:
            if not blocked and not self.stopped.is_set():
                self._note(file, step, now_ns)
            self._settle(file.id)

    def _note(self, file: FileRecord, step: InSync | Recheck | Hold | Wait, now_ns: int) -> None:
        if isinstance(step, Hold):
            if self.limits.overwrite and step.overwritable and file.id not in self._replaced:
                self._round.conflicts.append(file)
            soon = step.next_ns is not None and step.next_ns - now_ns <= SOON_NS
            if step.state is State.FAILED and step.next_ns is not None and soon:
                self._round.wait_until(step.next_ns, step.message)
        elif (
            isinstance(step, Wait)
            and step.until_ns is not None
            and self._is_worth_waiting_for(file, step)
        ):
            failed = step.state is State.FAILED
            reason = step.message if failed else f"files {step.message}"
            self._round.wait_until(step.until_ns, reason)
            self._round.look_again.setdefault(file.mapping, []).append(file.path)

    def _is_worth_waiting_for(self, file: FileRecord, step: Wait) -> bool:
        if step.again:
            return False  # that may take minutes
        if file.failure is not None:
            return file.failure.count < TRIES
        return self.limits.wait_for_settling

    def forget(self, file_id: int) -> None:
        """A file need not be decided on any more: it is known no longer, or its disk hangs."""
        with self._lock:
            self._settle(file_id)

    def fail(self, error: BaseException) -> None:
        """The dispatcher cannot work."""
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
