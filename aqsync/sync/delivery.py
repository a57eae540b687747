"""Delivery: decides on the files that are ready, has done what is decided, and looks at the end.

It runs for ever. Files come to it as soon as the lookout has seen something new of them; those
that must wait go back to the lookout, which looks at them again when their time has come.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable
from collections.abc import Mapping as ByName
from typing import Protocol

from aqsync.config import Windows
from aqsync.errors import AqsyncError, Interrupted
from aqsync.journal.observations import Waiting
from aqsync.log import Log
from aqsync.model import (
    SECOND_NS,
    ChangedMeanwhile,
    Compare,
    Decision,
    Failed,
    FileRecord,
    Hold,
    InSync,
    Outcome,
    Policy,
    Reason,
    Recheck,
    Removed,
    State,
    Touched,
    Uploaded,
    Wait,
)
from aqsync.sync.engine import Engine
from aqsync.sync.jobs import Job
from aqsync.sync.lanes import HANGS_CHECK_S, LARGE, Hung, Lanes, PutBack
from aqsync.sync.planner import backoff_ns
from aqsync.sync.policies import policies, transfers_blocked
from aqsync.sync.ready import Ready
from aqsync.sync.tally import Tally

BATCH = 100
"""Records loaded at once: few, for what is loaded grows old."""
MOMENT_S = 0.2
"""How soon to see what came of a job that somebody else does."""
IDLE_S = 60.0
"""Between steps that nobody asks for."""
POLICY_S = 1.0
"""A policy older than this is worked out again before a file is decided on by it."""
MOST_IN_BACKGROUND = 2
"""Jobs that nothing waits for run while nothing else is ready, and on so many workers at most."""
MOST_PATIENCE_S = 60.0
"""The longest pause for a file that cannot be read as it was seen."""

log = Log(__name__)


class Looks(Protocol):
    """What looks at the disk for a mapping."""

    def later(self, path: str, seconds: float) -> None:
        """Look at a path, relative to the root, again after so many seconds."""


class UnderWay:
    """A job that runs now.

    Args:
        file: On which file.
        now: The monotonic clock.
        beat: Told of progress too.

    Attributes:
        since: When it began.
        sent: Bytes sent or compared so far.
    """

    def __init__(self, file: FileRecord, now: float, beat: Callable[[], None]) -> None:
        self.file = file
        self.since = now
        self.sent = 0
        self._beat = beat

    def progress(self, size: int) -> None:
        """So many bytes more; called on the worker's thread."""
        self.sent += size
        self._beat()


class Delivery:
    """The files of one engine.

    All but `add_again` and the reading of `under_way` happens on the thread that steps it.

    Args:
        engine: Decides and does.
        ready: Where files come from.
        lanes: Who does the jobs.
        looks: By mapping name, who looks again at what must wait.
        windows: When files may be sent.
        acted: Told of each file that something was done about on the server.
        tally: Told what happened to each file.
        beat: Told whenever something was got done.
    """

    def __init__(  # noqa: PLR0913 - the parts that it connects
        self,
        engine: Engine,
        ready: Ready,
        lanes: Lanes,
        *,
        looks: ByName[str, Looks],
        windows: Windows,
        acted: Callable[[FileRecord], None],
        tally: Tally,
        beat: Callable[[], None],
    ) -> None:
        self.retiring = False
        """Nothing new is begun; what runs comes to its end."""
        self.at_rest = False
        """It retires, and nothing runs or will begin any more."""
        self._tally = tally
        self._engine = engine
        self._clock = engine.clock
        self._journal = engine.journal
        self._ready = ready
        self._lanes = lanes
        self._looks = looks
        self._windows = windows
        self._acted = acted
        self._beat = beat
        self._mappings = {mapping.name: mapping for mapping in engine.mappings}
        self._taken: dict[bool, list[int]] = {False: [], True: []}
        self._loaded: dict[bool, deque[FileRecord]] = {False: deque(), True: deque()}
        self._lists_fetched = {False: 0, True: 0}
        """By lane, how many lists had been fetched when its files were loaded."""
        self._policy_of: dict[str, Callable[[FileRecord], Policy]] = {}
        self._policies_until = 0.0
        self._policies_lists = 0
        self._outlook = 0
        self._moved_on: Counter[int] = Counter()
        """How often in a row a file was not found as it had been seen."""
        self._under_way: dict[int, UnderWay] = {}
        self._claimed_elsewhere: list[FileRecord] = []
        self._put_off: deque[FileRecord] = deque()
        """In hand, for when nothing else is ready."""
        self._in_background: set[int] = set()
        self._closed: frozenset[str] = frozenset()
        """Mappings whose files must all wait, as their policies say."""
        self._full: frozenset[str] = frozenset()
        """Mappings whose disk hangs and has as many workers as it may have."""
        self._hanging: dict[str, frozenset[str]] = {}
        """By mapping, what hung when last looked at."""
        self._hangs_at = 0.0
        self._opens_at_ns: int | None = None

    @property
    def idle(self) -> bool:
        """Whether no job runs."""
        return self._lanes.idle

    def under_way(self) -> list[UnderWay]:
        """The jobs that run now, the longest-running first; may be asked from any thread."""
        return list(self._under_way.values())

    def step(self) -> float:
        """Take in what has ended, and begin what there is room for."""
        retiring = self.retiring
        self._see_what_hangs()
        self._take_in()
        if not retiring:
            self._begin()
        self._tally.tell(self._clock.monotonic(), idle=self.idle and not len(self._ready))
        self.at_rest = retiring and self.idle
        return self._seconds_to_next()

    def _see_what_hangs(self) -> None:
        now = self._clock.monotonic()
        if now >= self._hangs_at:
            self._hangs_at = now + HANGS_CHECK_S
            self._lanes.give_up_what_hangs()
        self._engine.note_hangs()
        for name in self._mappings:
            hanging = self._engine.journal.hangs.of(name).keys()
            if not hanging and name not in self._hanging:
                continue
            for path in self._hanging.pop(name, frozenset()) - hanging:
                log.info("a file system answers again", path=self._mappings[name].directory / path)
                self._looks[name].later(path, 0.0)
                self._policies_until = 0.0
            if hanging:
                self._hanging[name] = frozenset(hanging)

    # What has ended

    def _take_in(self) -> None:
        failure: BaseException | None = None
        while (ended := self._lanes.collect(wait=False)) is not None:
            self._beat()
            file = ended.job.file
            del self._under_way[file.id]
            self._in_background.discard(file.id)
            try:
                if isinstance(ended.outcome, BaseException):
                    self._broke(file, ended.outcome)
                elif isinstance(ended.outcome, PutBack):
                    self._again(file)
                elif isinstance(ended.outcome, Hung):
                    self._gave_up(ended.job)
                else:
                    self._finished(ended.job, ended.outcome)
            except BaseException as exc:  # noqa: BLE001 - raised once all are taken in
                self._again(file)  # nothing is lost: once the journal works, it is decided anew
                failure = exc
            self._ready.give_back(file.id)
        if failure is not None:
            raise failure

    def _broke(self, file: FileRecord, exc: BaseException) -> None:
        """A job that came to no outcome."""
        if isinstance(exc, Interrupted):
            return
        if isinstance(exc, AqsyncError) or not isinstance(exc, Exception):
            raise exc
        self._erred(file, exc)

    def _erred(self, file: FileRecord, exc: Exception) -> None:
        """A mistake in this program: one file waits longer and longer, all others go on."""
        failed = Failed(Reason.INTERNAL_ERROR.explain(error=repr(exc)), permanent=False)
        count = 1
        if file.failure is not None and file.failure.why == failed.why:
            count += file.failure.count
        else:
            log.error("an internal error; please report it", path=self._place(file), exc=exc)
        self._engine.journal.outcomes.record(file, failed, self._clock.now_ns())
        self._looks[file.mapping].later(file.path, backoff_ns(count, file.id) / SECOND_NS)

    def _gave_up(self, job: Job) -> None:
        """Its disk does not answer: the file is looked at again when it does."""
        failed = self._engine.gave_up(job)
        self._policies_until = 0.0
        place = self._place(job.file)
        log.error("a file system does not answer; the others go on without it", path=place)
        self._tally.add(place, job.file.mapping, failed, self._clock.monotonic())

    def _finished(self, job: Job, outcome: Outcome) -> None:
        file = job.file
        if not (isinstance(outcome, Failed) and self._engine.explains(job)):
            self._tally.add(self._place(file), file.mapping, outcome, self._clock.monotonic())
        if isinstance(outcome, ChangedMeanwhile):
            # At once; but what the scanner cannot see as it is must not be tried without end.
            times = self._moved_on[file.id]
            self._moved_on[file.id] += 1
            seconds = min(2.0 ** min(times - 1, 10), MOST_PATIENCE_S) if times else 0.0
            self._looks[file.mapping].later(file.path, seconds)
            return
        self._moved_on.pop(file.id, None)
        self._acted(file)
        if not isinstance(outcome, Uploaded | Touched | Removed):
            self._again(file)

    def _again(self, file: FileRecord) -> None:
        self._ready.add(file.mapping, [_waiting(file)])

    def _place(self, file: FileRecord) -> str:
        return str(self._mappings[file.mapping].directory / file.path)

    # What begins

    def _begin(self) -> None:
        self._note_closed()
        for file in self._claimed_elsewhere:
            self._ready.give_back(file.id)
            self._again(file)
        self._claimed_elsewhere = []
        for large in (False, True):
            while self._lanes.has_room(large):
                job = self._next_job(large)
                if job is None:
                    break
                self._lanes.start(job, large)
        self._begin_in_background()

    def _begin_in_background(self) -> None:
        """What was put off is begun when nothing else is ready."""
        while self._put_off and self._engine.usable and self._has_time():
            file = self._put_off.popleft()
            large = _is_large(file)
            if not self._lanes.has_room(large):
                self._put_off.append(file)
                return
            try:
                job = self._job(self._engine.again(file), put_off=False)
            except BaseException:
                self._put_off.appendleft(file)  # nothing is lost when the journal fails
                raise
            if job is not None:
                self._in_background.add(file.id)
                self._lanes.start(job, large)

    def _has_time(self) -> bool:
        in_hand = any(self._loaded.values()) or any(self._taken.values())
        ready = in_hand or self._ready.has_any(self._closed | self._full)
        return not (self.retiring or ready) and len(self._in_background) < MOST_IN_BACKGROUND

    def _note_closed(self) -> None:
        """Which mappings' files must all wait, and until when."""
        now_ns = self._clock.now_ns()
        found = {
            name: why
            for name in self._mappings
            if (why := transfers_blocked(self._journal, name, now_ns, self._windows)) is not None
        }
        if found.keys() != self._closed:
            self._policies_until = 0.0
        self._closed = frozenset(found)
        self._full = frozenset(name for name in self._mappings if not self._engine.admits(name))
        opens = [why.until_ns for why in found.values() if why.until_ns is not None]
        self._opens_at_ns = min(opens, default=None)

    def _next_job(self, large: bool) -> Job | None:  # noqa: FBT001 - which lane
        """The next file of a lane that there is something to do about."""
        loaded = self._loaded[large]
        while not self.retiring and self._engine.usable and (loaded or self._load(large)):
            file = loaded.popleft()
            self._beat()
            try:
                if self._lists_fetched[large] != self._engine.lists_fetched:
                    file = self._engine.again(file)
                job = self._job(file)
            except BaseException:
                loaded.appendleft(file)  # nothing is lost when the journal fails
                raise
            if job is not None:
                return job
        return None

    def _load(self, large: bool) -> bool:  # noqa: FBT001 - which lane
        """Take files into hand; false if none is ready."""
        # What was taken when the journal failed comes first.
        but = self._closed | self._full
        while taken := self._taken[large] or self._ready.take(large, BATCH, but):
            self._taken[large] = taken
            fetched = self._engine.lists_fetched
            records = self._engine.journal.observations.records(taken)
            self._taken[large] = []
            for file_id in set(taken) - {file.id for file in records}:
                self._ready.give_back(file_id)  # forgotten meanwhile
                self._moved_on.pop(file_id, None)
            if records:
                self._lists_fetched[large] = fetched
                self._loaded[large].extend(records)
                return True
        return False

    def _policy(self, file: FileRecord) -> Policy:
        """Asked anew for a file once it has waited for a newer list."""
        self._work_out_policies(file)
        return self._policy_of[file.mapping](file)

    def _work_out_policies(self, file: FileRecord) -> None:
        outlook, lists = self._engine.outlook, self._engine.lists_fetched
        # A newer list may show that what is gone is not there under its new name any more.
        listed_since = file.local is None and lists != self._policies_lists
        fresh = self._clock.monotonic() < self._policies_until and outlook == self._outlook
        if fresh and not listed_since:
            return
        self._outlook, self._policies_lists = outlook, lists
        journal, now_ns = self._engine.journal, self._clock.now_ns()
        self._policy_of = {
            name: policies(journal, mapping, now_ns, self._windows)
            for name, mapping in self._mappings.items()
        }
        self._policies_until = self._clock.monotonic() + POLICY_S

    def _job(self, file: FileRecord, *, put_off: bool = True) -> Job | None:
        """What is to be done about a file; what must wait is to be looked at again.

        Args:
            file: Which file.
            put_off: What nothing waits for is kept for later.
        """
        try:
            return self._decided(file, put_off=put_off)
        except AqsyncError:
            raise
        except Exception as exc:  # noqa: BLE001 - told in full; one bad file stops no other
            self._erred(file, exc)
            self._ready.give_back(file.id)
            return None

    def _decided(self, file: FileRecord, *, put_off: bool) -> Job | None:
        decided = self._engine.decide(file, self._policy)
        if decided is None:  # the server cannot be asked
            self._put_back(file)
            return None
        file, step = decided
        if isinstance(step, InSync | Recheck | Hold | Wait):
            self._note(file, step)
            return None
        if put_off and isinstance(step, Compare) and step.background:
            self._put_off.append(file)
            return None
        if not self._engine.admits(file.mapping):
            self._full |= {file.mapping}
            self._put_back(file)
            return None
        under_way = UnderWay(file, self._clock.monotonic(), self._beat)
        job = self._engine.job(file, step, under_way.progress)
        if job is None:
            self._claimed_elsewhere.append(file)
        else:
            self._under_way[file.id] = under_way
        return job

    def _note(self, file: FileRecord, step: InSync | Recheck | Hold | Wait) -> None:
        self._ready.give_back(file.id)
        if isinstance(step, Wait):
            self._wait(file, step)
        else:
            self._tell(file, step)

    def _wait(self, file: FileRecord, step: Wait) -> None:
        if file.path in self._hanging.get(file.mapping, ()):
            return  # it is looked at again when its file system has answered
        if self._policy_of[file.mapping](file).blocked is not None:
            self._closed |= {file.mapping}
            self._again(file)
            return
        seconds = IDLE_S
        if step.until_ns is not None:
            seconds = max(0.0, (step.until_ns - self._clock.now_ns()) / SECOND_NS)
        self._looks[file.mapping].later(file.path, seconds)

    def _put_back(self, file: FileRecord) -> None:
        self._ready.give_back(file.id)
        self._again(file)

    def _tell(self, file: FileRecord, step: Decision) -> None:
        if isinstance(step, Hold) and step.state in {State.HELD, State.DIFFERS}:
            now = self._clock.monotonic()
            self._tally.held(self._place(file), file.mapping, step, file.since_ns, now)

    def _seconds_to_next(self) -> float:
        if self.retiring:
            return IDLE_S if self.idle else HANGS_CHECK_S
        if self._claimed_elsewhere:
            return MOMENT_S
        seconds = [IDLE_S, self._tally.due_in(self._clock.monotonic())]
        if self._hanging or not self.idle:
            seconds.append(HANGS_CHECK_S)
        if self._opens_at_ns is not None and len(self._ready):
            seconds.append((self._opens_at_ns - self._clock.now_ns()) / SECOND_NS)
        return max(0.0, min(seconds))


def _waiting(file: FileRecord) -> Waiting:
    return Waiting(file.id, 0 if file.local is None else file.local.size)


def _is_large(file: FileRecord) -> bool:
    return file.local is not None and file.local.size >= LARGE
