"""The one-shot push: look, decide, do, tag, look again, until nothing is left to do."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import zip_longest
from queue import SimpleQueue

from aqsync.config import Mapping, Windows
from aqsync.errors import Interrupted
from aqsync.journal.observations import Waiting
from aqsync.journal.pauses import EVERYTHING
from aqsync.model import (
    SECOND_NS,
    Adopted,
    ChangedMeanwhile,
    Compare,
    FileRecord,
    Hold,
    InSync,
    Outcome,
    Policy,
    Recheck,
    Removed,
    RemoveRemote,
    ServerProblem,
    State,
    TransfersBlocked,
    Upload,
    Uploaded,
    Wait,
)
from aqsync.sync.engine import Engine
from aqsync.sync.jobs import Job
from aqsync.sync.lanes import LARGE, Hung, PutBack, run_in_lanes
from aqsync.sync.planner import probe_is_near
from aqsync.sync.policies import (
    ALWAYS,
    BATCH,
    batched,
    policies,
    server_state,
    transfers_blocked,
    undecided,
)
from aqsync.sync.progress import Reporter

TRIES = 3
"""Attempts on a file, or on a server that is away, before a push gives up."""
MOST_ATTEMPTS = 8
"""Jobs done on one file in one push: compared, sent, and sent again when it moved on."""
LOOK_AT_CLOSED_S = 1.0
"""Seconds between two looks whether a window has closed or somebody has paused a mapping."""
MOMENT_NS = SECOND_NS // 5
TAKEN = "another push or the daemon works on it"
HANGS = "another file of its disk is read first, since the disk hangs"
SOON_NS = 5 * SECOND_NS
"""So long a push waits for the next file that may try what was refused as a whole."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How far a push goes.

    Args:
        wait_for_settling: False: young files are left waiting.
        longest_wait_s: How long to wait for files that keep changing.
        overwrite: Replace conflicting remote files.
        within: By mapping, the paths to look at; none, or an empty path, is the whole root.
        mappings: The names of the only mappings to push; None: all that the engine has.
        windows: When files may be sent; what is outside them, or paused, is left waiting.
        at_once: Windows and pauses do not count.
    """

    wait_for_settling: bool = True
    longest_wait_s: float = 120.0
    overwrite: bool = False
    within: dict[str, tuple[str, ...]] = field(default_factory=dict)
    mappings: tuple[str, ...] | None = None
    windows: Windows = ALWAYS
    at_once: bool = False

    def covers(self, mapping: Mapping) -> bool:
        """Whether a mapping is to be pushed."""
        return self.mappings is None or mapping.name in self.mappings

    def paths_in(self, mapping: Mapping) -> tuple[str, ...]:
        """The paths of one mapping to look at; none: the whole root."""
        return self.within.get(mapping.name, ())


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
class _Round:
    """What one round over all files left behind."""

    acted: set[str] = field(default_factory=set)
    """Experiments that something was done in."""
    look_again: dict[str, list[str]] = field(default_factory=dict)
    """By mapping, paths that moved on under us, or are settling."""
    conflicts: list[FileRecord] = field(default_factory=list)
    next_ns: int | None = None
    """When the first of those that wait may be due."""
    reason: str = ""
    """Why that one waits."""
    put_off: list[int] = field(default_factory=list)
    """Files to compare when nothing is left to send."""
    others: bool = False
    """Some files wait for another job to end."""

    def wait_until(self, at_ns: int, reason: str) -> None:
        """Something may be due then."""
        if self.next_ns is None or at_ns < self.next_ns:
            self.next_ns, self.reason = at_ns, reason


class Push:
    """One push.

    Args:
        engine: Takes the steps.
        limits: How far to go.
        reporter: Told what happens.
        stop: When it is set, running jobs end and no others begin.
    """

    def __init__(
        self, engine: Engine, limits: Limits, reporter: Reporter, stop: threading.Event
    ) -> None:
        self._engine = engine
        self._mappings = [m for m in engine.mappings if limits.covers(m)]
        self._journal = engine.journal
        self._clock = engine.clock
        self._limits = limits
        self._reporter = reporter
        self._stop = stop
        self._result = PushResult()
        self._replaced: set[int] = set()
        self._attempts: Counter[int] = Counter()
        self._sent: set[int] = set()
        self._rechecked: set[int] = set()
        """Found to be other than known when they were hashed again: once in a push."""
        self._began = engine.clock.monotonic()
        self._look_at_closed = self._began
        self._shut: dict[str, TransfersBlocked | None] = {}

    def run(self) -> PushResult:
        """Push.

        Raises:
            JournalError: The journal can no longer be written; what was recorded stays.
        """
        try:
            with self._engine.claims.driver():
                if self.look() and self._rounds() and not self._all_paused():
                    self._result.tags = self._engine.tag()
        except Interrupted:
            self._stop.set()
        self._result.interrupted = self._stop.is_set()
        self._result.server_problem = server_state(self._journal)
        self._result.seconds = self._clock.monotonic() - self._began
        return self._result

    def _all_paused(self) -> bool:
        """Whether a person wants nothing at all to be changed on the server now."""
        paused = self._journal.pauses.active(self._clock.now_ns())
        return EVERYTHING in paused and not self._limits.at_once

    def look(self) -> bool:
        """Scan while the server's file lists are fetched; false if it cannot be used."""
        engine = self._engine
        asked = engine.eids()
        answers: SimpleQueue[bool | BaseException] = SimpleQueue()

        def ask() -> None:
            try:
                problem = self._journal.remote.server_problem()
                if problem is None:
                    answers.put(engine.refresh(asked))
                else:
                    answers.put(self._may_ask(problem) and engine.probe())
            except BaseException as exc:  # noqa: BLE001 - carried to the thread that waits for it
                answers.put(exc)

        threading.Thread(target=ask, name="mirror", daemon=True).start()
        for mapping in self._mappings:
            engine.scan(mapping, self._limits.paths_in(mapping))
            self._journal.outcomes.end_pauses(self._journal.mappings.get(mapping.name).id)
        self._journal.refusals.forget_idle()
        self._journal.refusals.end_pauses(self._clock.now_ns())
        answer = answers.get()
        if isinstance(answer, BaseException):
            raise answer
        if not (answer or self._probe_until_usable()):
            return False
        found = engine.eids() - asked
        return not found or engine.refresh(found) or self._probe_until_usable()

    def _probe_until_usable(self) -> bool:
        """Probe until the server can be used; false when it is time to give up."""
        while (problem := self._journal.remote.server_problem()) is not None:
            if self._stop.is_set() or not self._is_worth_waiting_for(problem):
                return False
            self._pause(problem.probe_at_ns, problem.message)
            if not self._stop.is_set():
                self._engine.probe()
        return True

    def _may_ask(self, problem: ServerProblem) -> bool:
        """Whether a probe keeps to the pause that the server may have asked for."""
        return not (problem.ordered and probe_is_near(problem, self._clock.now_ns()))

    def _is_worth_waiting_for(self, problem: ServerProblem) -> bool:
        if not problem.ordered:
            return not problem.denied and problem.count < TRIES
        waited_s = self._clock.monotonic() - self._began
        ahead_s = (problem.probe_at_ns - self._clock.now_ns()) / SECOND_NS
        longest_s = self._limits.longest_wait_s if self._limits.wait_for_settling else 0.0
        return waited_s + ahead_s <= longest_s

    def _rounds(self) -> bool:
        """Go round until nothing is left to do; false if the server could not be used."""
        while not self._stop.is_set():
            this = self._round()
            if this.acted:
                self._journal.make_durable(at_once=True)
            if self._journal.remote.server_problem() is not None:
                if not self._probe_until_usable():
                    return False
            elif this.acted:
                # What the server now lists shows whether it has what it accepted.
                self._engine.refresh(this.acted)
            elif this.conflicts:
                self._replace(this.conflicts)
            elif this.next_ns is None:
                if not self._recheck(this):
                    break
            elif self._waited_too_long() and not this.others:
                self._look_again(this)
                break
            else:
                self._pause(this.next_ns, this.reason)
            self._look_again(this)
        return True

    def _recheck(self, this: _Round) -> bool:
        """Hash again what is due for it; false if nothing is left to do after it."""
        for mapping in self._mappings:
            pending = self._engine.rechecks.pending(mapping)
            if pending.files:
                self._reporter.planned(pending.files, pending.bytes)
            for file in self._engine.rechecks.run(
                mapping,
                windows=self._limits.windows,
                at_once=self._limits.at_once,
                within=self._limits.paths_in(mapping),
                stop=self._stop.is_set,
                progress=self._reporter.sent,
            ):
                if file.id not in self._rechecked:
                    self._rechecked.add(file.id)
                    this.look_again.setdefault(mapping.name, []).append(file.path)
        self._engine.note_hangs()
        return bool(this.look_again)

    def _look_again(self, this: _Round) -> None:
        for mapping in self._mappings:
            paths = this.look_again.get(mapping.name)
            if paths:
                self._engine.scan(mapping, paths)

    def _replace(self, conflicts: list[FileRecord]) -> None:
        for file in conflicts:
            self._reporter.replacing(file)
        self._journal.outcomes.allow_replacing(conflicts)
        self._replaced.update(file.id for file in conflicts)

    def _waited_too_long(self) -> bool:
        return self._clock.monotonic() - self._began > self._limits.longest_wait_s

    def _pause(self, until_ns: int, reason: str) -> None:
        seconds = max(0.0, (until_ns - self._clock.now_ns()) / SECOND_NS)
        self._reporter.waiting(seconds, reason)
        self._clock.wait(self._stop, seconds)

    def _round(self) -> _Round:
        """Decide on every file once, and do what is decided."""
        this = _Round()
        waiting = self._waiting()
        self._reporter.planned(len(waiting), sum(item.size for item in waiting))

        def finished(job: Job, outcome: Outcome) -> None:
            self._finished(job, outcome, this)

        def not_done(job: Job, why: Hung | PutBack) -> None:
            if isinstance(why, Hung):
                self._reporter.finished(job.file, self._engine.gave_up(job))
            else:
                self._wait_for_other(job.file, this, HANGS)

        run_in_lanes(
            self._jobs((item.id for item in waiting if item.size < LARGE), this),
            self._jobs((item.id for item in waiting if item.size >= LARGE), this),
            self._engine.perform,
            finished,
            not_done,
        )
        put_off = self._jobs(iter(this.put_off), this, put_off=False)
        run_in_lanes(put_off, iter(()), self._engine.perform, finished, not_done)
        return this

    def _waiting(self) -> list[Waiting]:
        """The files that need a decision, longest-standing first, mappings in turn."""
        by_mapping = [
            undecided(self._journal, mapping, self._limits.paths_in(mapping))
            for mapping in self._mappings
        ]
        return [item for items in zip_longest(*by_mapping) for item in items if item is not None]

    def _jobs(
        self, identities: Iterator[int], this: _Round, *, put_off: bool = True
    ) -> Iterator[Job]:
        """Decide file by file; what is to be done comes out, the rest is noted.

        Args:
            identities: Which files.
            this: The round.
            put_off: What nothing waits for is kept for the end of the round.
        """
        outlook = self._engine.outlook
        shut, policy_of = self._closed(), self._policies()
        for batch in batched(identities, BATCH):
            fetched = self._engine.lists_fetched
            for loaded in self._journal.observations.records(batch):
                if self._stop.is_set() or not self._engine.usable:
                    return
                if shut != self._closed() or outlook != self._engine.outlook:
                    outlook = self._engine.outlook
                    shut, policy_of = self._closed(), self._policies()
                fresh = fetched == self._engine.lists_fetched
                file = loaded if fresh else self._engine.again(loaded)
                decided = self._engine.decide(file, policy_of[file.mapping])
                if decided is None:
                    return
                file, step = decided
                if isinstance(step, InSync | Recheck | Wait | Hold):
                    self._note(file, step, this)
                elif put_off and isinstance(step, Compare) and step.background:
                    this.put_off.append(file.id)
                elif (job := self._job(file, step, this)) is not None:
                    yield job

    def _job(
        self, file: FileRecord, step: Upload | Compare | RemoveRemote, this: _Round
    ) -> Job | None:
        if not self._engine.admits(file.mapping):
            self._others_first(this, HANGS)  # one at a time
            return None
        if not self._is_worth_another(file, step):
            return None
        job = self._engine.job(file, step, self._reporter.sent)
        if job is None:
            self._wait_for_other(file, this, TAKEN)
        return job

    def _policies(self) -> dict[str, Callable[[FileRecord], Policy]]:
        limits, now_ns = self._limits, self._clock.now_ns()
        return {
            m.name: policies(self._journal, m, now_ns, limits.windows, at_once=limits.at_once)
            for m in self._mappings
        }

    def _closed(self) -> dict[str, TransfersBlocked | None]:
        """By mapping, why its files must wait; a round may last until a window closes."""
        limits, now = self._limits, self._clock.monotonic()
        if now >= self._look_at_closed:
            self._look_at_closed = now + LOOK_AT_CLOSED_S
            now_ns = self._clock.now_ns()
            self._shut = {
                m.name: transfers_blocked(
                    self._journal, m.name, now_ns, limits.windows, at_once=limits.at_once
                )
                for m in self._mappings
            }
        return self._shut

    def _wait_for_other(self, file: FileRecord, this: _Round, reason: str) -> None:
        """Another job must end first: see in a moment what came of it."""
        self._attempts[file.id] -= 1
        self._others_first(this, reason)

    def _others_first(self, this: _Round, reason: str) -> None:
        this.others = True
        this.wait_until(self._clock.now_ns() + MOMENT_NS, reason)

    def _is_worth_another(self, file: FileRecord, step: Upload | Compare | RemoveRemote) -> bool:
        """Whatever keeps changing must not keep a push from ending."""
        self._attempts[file.id] += 1
        done = file.id in self._sent and isinstance(step, Upload) and not step.again
        return not done and self._attempts[file.id] <= MOST_ATTEMPTS

    def _note(self, file: FileRecord, step: InSync | Recheck | Wait | Hold, this: _Round) -> None:
        if self._closed()[file.mapping] is not None:
            return  # nobody waits here for hours
        if isinstance(step, Hold):
            conflict = step.overwritable and file.id not in self._replaced
            if self._limits.overwrite and conflict:
                this.conflicts.append(file)
            if step.state is State.FAILED and step.next_ns is not None:
                self._wait_for_another_try(step.message, step.next_ns, this)
        elif isinstance(step, Wait) and step.until_ns is not None:
            if not self._is_worth_waiting(file, step):
                return
            failed = step.state is State.FAILED
            this.wait_until(step.until_ns, step.message if failed else f"files {step.message}")
            this.look_again.setdefault(file.mapping, []).append(file.path)

    def _wait_for_another_try(self, reason: str, next_ns: int, this: _Round) -> None:
        """A file may soon find out that what is refused as a whole is allowed."""
        if next_ns - self._clock.now_ns() <= SOON_NS:
            this.wait_until(next_ns, reason)

    def _is_worth_waiting(self, file: FileRecord, step: Wait) -> bool:
        if step.again:
            return False  # that may take minutes
        if file.failure is not None:
            return file.failure.count < TRIES
        return self._limits.wait_for_settling

    def _finished(self, job: Job, outcome: Outcome, this: _Round) -> None:
        if job.file.eid is not None and not isinstance(outcome, ChangedMeanwhile):
            this.acted.add(job.file.eid)
        if isinstance(outcome, Uploaded):
            self._sent.add(job.file.id)
            self._result.uploaded += 1
            self._result.bytes += outcome.signature.size
        elif isinstance(outcome, Adopted):
            self._result.adopted += 1
        elif isinstance(outcome, Removed):
            self._result.removed += 1
        elif isinstance(outcome, ChangedMeanwhile):
            this.look_again.setdefault(job.file.mapping, []).append(job.file.path)
            this.wait_until(self._clock.now_ns(), "it changed while it was read")
        self._reporter.finished(job.file, outcome)
