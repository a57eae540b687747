"""The lookout over one root: hints, timers and doubts become scans, scans become ready files.

Events are hints, the scan is the truth. Whatever may have made an event go missing makes the
lookout look at everything again; and it does so now and then without any reason.
"""

from __future__ import annotations

import heapq
import random
import threading
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Protocol

from aqsync.config import Mapping
from aqsync.errors import EventsUnavailable, RootUnusable
from aqsync.journal.mappings import RootIdentity
from aqsync.journal.pauses import EVERYTHING
from aqsync.local.mounts import without_events
from aqsync.local.scanner import ScanReport, root_identity
from aqsync.local.watcher import Hints
from aqsync.local.watches import limit_problem
from aqsync.log import Log
from aqsync.model import Problem
from aqsync.sync.engine import Engine
from aqsync.sync.policies import undecided
from aqsync.sync.ready import Ready

ROOT_CHECK_S = 5.0
"""How often to see whether the root is still the same."""
AILMENT_CHECK_S = 60.0
"""How often to ask the system whether the watcher is well: it lists every watch."""
HINT_GAP_S = 0.05
"""Hints that come closer together are looked at together."""
MOST_PATHS = 5_000
"""Paths looked at in one step."""
WATCH_AGAIN_S = 60.0
"""How soon to try again where watching failed."""
REWATCH_S = 600.0
"""How soon to watch anew where directories are without a watch."""
TEST_AGAIN_S = 3600.0
"""How often to prove that events arrive."""
TEST_TIMEOUT_S = 5.0
REST = 5.0
"""At least so many times as long as a scan took is not scanned again without a reason."""
JITTER = 0.1

log = Log(__name__)


class Watch(Protocol):
    """A watcher of one root: `aqsync.local.watcher.Watcher`."""

    def start(self) -> None:
        """Begin; raises EventsUnavailable."""

    def stop(self) -> None:
        """End."""

    def take(self) -> Hints:
        """What came since the last call."""

    def ailment(self) -> str | None:
        """Why it no longer hears everything."""

    def blind(self, directories: Collection[int]) -> int:
        """How many of these inodes have no watch."""

    def proves(self, timeout_s: float) -> bool:
        """Whether events arrive."""


@dataclass(frozen=True, slots=True)
class Pace:
    """How often to look at everything, in seconds."""

    rescan: float
    rescan_without_events: float


class Lookout:
    """Looks at one mapping's root for ever.

    `later`, `everything` and `wake` may be called from any thread; `step` on one alone.

    Args:
        engine: Scans.
        mapping: Which mapping.
        ready: Gets the files that need a decision.
        pace: How often to look at everything.
        watch: Makes a watcher of the root.
        delivered: Called when files have become ready.
        wake: Called when a step should begin at once.
        beat: Called whenever something was got done.
        stop: Asked within long scans; true ends them.
        chance: For the jitter.
    """

    def __init__(  # noqa: PLR0913 - the parts that it connects
        self,
        engine: Engine,
        mapping: Mapping,
        ready: Ready,
        pace: Pace,
        watch: Callable[[], Watch],
        *,
        delivered: Callable[[], None],
        wake: Callable[[], None],
        beat: Callable[[], None],
        stop: Callable[[], bool],
        chance: random.Random,
    ) -> None:
        self.began = threading.Event()
        """Set when the first look at everything has begun, with watches in place if possible."""
        self._engine = engine
        self._journal = engine.journal
        self._clock = engine.clock
        self._mapping = mapping
        self._ready = ready
        self._pace = pace
        self._make_watch = watch
        self._delivered = delivered
        self._wake = wake
        self._beat = beat
        self._stop = stop
        self._chance = chance
        self._id = self._journal.mappings.get(mapping.name).id
        self._lock = threading.Lock()
        self._due: dict[str, float] = {}
        self._heap: list[tuple[float, str]] = []
        self._settling: set[str] = set()
        self._why_everything: str | None = "the start"
        self._everything_at = 0.0
        self._not_before = 0.0
        self._watch: Watch | None = None
        self._watch_at = 0.0
        self._hints_at = 0.0
        self._check_at = 0.0
        self._ailment_at = 0.0
        self._test_at = 0.0
        self._root: RootIdentity | None = None
        self._silent = False
        """The last routine look found what no event had told of."""
        self._blind_again = False
        self._rewatch_at = 0.0
        self._paused = False

    # What others ask for

    def later(self, path: str, seconds: float, *, settling: bool = False) -> None:
        """Look at a path again after so many seconds.

        Args:
            path: Relative to the root.
            seconds: How long to wait.
            settling: Until then, no event need be heeded that tells of the path.
        """
        self._look_at(path, self._clock.monotonic() + seconds)
        with self._lock:
            if settling:
                self._settling.add(path)
            else:
                self._settling.discard(path)
        self._wake()

    def everything(self, reason: str) -> None:
        """Look at everything as soon as can be."""
        self._doubt(reason)
        self._wake()

    def close(self) -> None:
        """Watch no longer."""
        if self._watch is not None:
            self._watch.stop()
            self._watch = None

    # The step

    def step(self) -> float:
        """Do what is due; returns the seconds until something will be."""
        if self._is_paused():
            return ROOT_CHECK_S
        self._attend_watch()
        self._take_hints()
        now = self._clock.monotonic()
        if self._everything_is_due(now):
            self._look_at_everything()
        else:
            self._look_at_due(now)
        return self._seconds_to_next()

    def _is_paused(self) -> bool:
        """While people want quiet the disk is left alone too; then everything is looked at."""
        pauses = self._journal.pauses.active(self._clock.now_ns())
        paused = EVERYTHING in pauses or self._mapping.name in pauses
        if self._paused and not paused:
            self._doubt("the end of a pause")
        self._paused = paused
        if paused:
            self.began.set()
        return paused

    # Watching

    def _attend_watch(self) -> None:
        now = self._clock.monotonic()
        if now < self._check_at and self._why_everything is None:
            return
        self._check_at = now + ROOT_CHECK_S
        root = self._identity()
        if root != self._root:
            if self._root is not None:
                self._doubt("the directory is missing, or another one than before")
            self._root = root
            self.close()
            self._watch_at = 0.0
            self._everything_at = now
        elif self._watch is not None and now >= self._ailment_at:
            self._ailment_at = now + AILMENT_CHECK_S
            if (ailment := self._watch.ailment()) is not None:
                log.warning("watching begins anew", mapping=self._mapping.name, reason=ailment)
                self.close()
                self._watch_at = 0.0
        if self._watch is None and root is not None and now >= self._watch_at:
            self._begin_to_watch(now)
        elif self._watch is not None and now >= self._test_at:
            self._test(now)

    def _identity(self) -> RootIdentity | None:
        try:
            return root_identity(self._mapping.directory, self._engine.disk)
        except RootUnusable:
            return None

    def _begin_to_watch(self, now: float) -> None:
        self._watch_at = now + WATCH_AGAIN_S
        watch = self._make_watch()
        try:
            watch.start()
        except EventsUnavailable as exc:
            self._cannot_trust(exc.message, exc.hint)
            return
        self._watch = watch
        self._ailment_at = now + AILMENT_CHECK_S
        self._doubt("watching has begun")
        self._test(now)

    def _test(self, now: float) -> None:
        """Whether events of this root can be believed."""
        assert self._watch is not None  # noqa: S101 - the callers have looked
        self._test_at = now + TEST_AGAIN_S
        kind = without_events(self._mapping.directory)
        if kind is not None:
            self._cannot_trust(
                f"{self._mapping.directory} is on {kind}, where changes by other machines make"
                " no events",
                "nothing need be done: the directory is looked at more often instead",
            )
        elif not self._watch.proves(TEST_TIMEOUT_S):
            self._cannot_trust(
                f"a test event of {self._mapping.directory} did not arrive",
                "nothing need be done: the directory is looked at more often instead",
            )
        elif not self._blind_again:
            self._can_trust()

    def _cannot_trust(self, message: str, hint: str) -> None:
        before = self._journal.mappings.watch(self._id)
        if before is None or before.message != message:
            self._journal.mappings.set_watch(self._id, Problem(message, hint, self._clock.now_ns()))
            log.warning(
                "events cannot be trusted; the directory is looked at more often",
                mapping=self._mapping.name,
                reason=message,
                hint=hint,
            )

    def _can_trust(self) -> None:
        if self._journal.mappings.watch(self._id) is not None:
            self._journal.mappings.set_watch(self._id, None)
            log.info("events can be trusted again", mapping=self._mapping.name)

    def _count_blind(self, report: ScanReport) -> None:
        if self._watch is None:
            return
        unseen = self._watch.blind(report.directory_inodes)
        if not unseen:
            if self._blind_again:
                self._blind_again = False
                self._test_at = 0.0
        elif not self._blind_again:
            self._rewatch_at = self._clock.monotonic() + REWATCH_S
            # Directories made during the scan, or moved in unseen: new watches may reach them.
            self._blind_again = True
            self.close()
            self._watch_at = 0.0
            self._doubt("directories without a watch")
        else:
            self._cannot_trust(*limit_problem(unseen, len(report.directory_inodes)))
            if self._clock.monotonic() >= self._rewatch_at:  # somebody may have raised the limit
                self._rewatch_at = self._clock.monotonic() + REWATCH_S
                self.close()
                self._watch_at = 0.0

    # Hints

    def _take_hints(self) -> None:
        now = self._clock.monotonic()
        if self._watch is None or now < self._hints_at:
            return
        hints = self._watch.take()
        if not hints.paths and hints.everything is None:
            return
        self._hints_at = now + HINT_GAP_S
        if hints.everything is not None:
            self._doubt(hints.everything)
        for path in hints.paths:
            if path not in self._settling:
                self._look_at(path, now)

    def _look_at(self, path: str, at: float) -> None:
        with self._lock:
            if at < self._due.get(path, float("inf")):
                self._due[path] = at
                heapq.heappush(self._heap, (at, path))

    def _doubt(self, reason: str) -> None:
        with self._lock:
            self._why_everything = self._why_everything or reason

    # Looking

    def _everything_is_due(self, now: float) -> bool:
        if self._why_everything is not None:
            return now >= self._not_before
        return now >= self._everything_at

    def _look_at_everything(self) -> None:
        with self._lock:
            reason, self._why_everything = self._why_everything, None
            expected = set(self._due)
        began = self._clock.monotonic()
        self.began.set()
        try:
            report = self._engine.scan(self._mapping, beat=self._beat, stop=self._stop)
        except BaseException:
            self._doubt(reason or "the last look failed")
            raise
        took = self._clock.monotonic() - began
        log.debug(
            "looked at everything",
            mapping=self._mapping.name,
            reason=reason or "routine",
            entries=report.entries,
            changed=report.changed,
            seconds=round(took, 3),
        )
        self._count_blind(report)
        if reason is None:
            self._note_unannounced(report, expected)
        self._plan_next(took)
        self._make_ready(())

    def _note_unannounced(self, report: ScanReport, expected: set[str]) -> None:
        """Events that went missing show when a routine look finds something that none told of."""
        if self._watch is None:
            return
        self._hints_at = 0.0
        self._take_hints()
        with self._lock:
            told = expected | set(self._due)
        found = [path for path in report.changed_paths or () if path not in told]
        self._silent = bool(found) and self._why_everything is None
        if self._silent:
            log.info(
                "found what no event had told of",
                mapping=self._mapping.name,
                files=len(found),
                path=str(self._mapping.directory / found[0]),
            )

    def _plan_next(self, took: float) -> None:
        now = self._clock.monotonic()
        trusted = (
            self._watch is not None
            and not self._silent
            and self._journal.mappings.watch(self._id) is None
        )
        every = self._pace.rescan if trusted else self._pace.rescan_without_events
        every *= 1 + JITTER * (2 * self._chance.random() - 1)
        self._everything_at = now + max(every, REST * took)
        self._not_before = now + took

    def _look_at_due(self, now: float) -> None:
        paths = self._take_due(now)
        if not paths:
            return
        try:
            self._engine.scan(self._mapping, paths, beat=self._beat, stop=self._stop)
        except BaseException:
            for path in paths:
                self._look_at(path, now)
            raise
        self._make_ready(paths)

    def _take_due(self, now: float) -> list[str]:
        paths: list[str] = []
        with self._lock:
            while self._heap and self._heap[0][0] <= now and len(paths) < MOST_PATHS:
                at, path = heapq.heappop(self._heap)
                if self._due.get(path) == at:
                    del self._due[path]
                    self._settling.discard(path)
                    paths.append(path)
        return paths

    def _make_ready(self, within: tuple[str, ...] | list[str]) -> None:
        files = undecided(self._journal, self._mapping, within)
        if files:
            self._ready.add(self._mapping.name, files)
            self._delivered()

    def _seconds_to_next(self) -> float:
        now = self._clock.monotonic()
        with self._lock:
            at = [self._check_at, self._everything_at]
            if self._heap:
                at.append(self._heap[0][0])
            if self._why_everything is not None:
                at.append(self._not_before)
        if self._hints_at > now:
            at.append(self._hints_at)
        return max(0.0, min(at) - now)
