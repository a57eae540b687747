"""Rescans one root: hints, timers and doubts become scans, scans become queued files.

Events are hints, the scan is the truth. Whatever may have made an event go missing makes the
rescanner look at everything again; and it does so now and then without any reason.
"""

from __future__ import annotations

import heapq
import random
import threading
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass

from aqsync.config import MappingConfig
from aqsync.journal.pauses import EVERYTHING
from aqsync.local.scanner import ScanReport
from aqsync.log import Log
from aqsync.model import Explanation
from aqsync.paths import lies_within, nearest
from aqsync.sync.engine import Engine
from aqsync.sync.loop import Loop
from aqsync.sync.policies import undecided
from aqsync.sync.watch_supervisor import ROOT_CHECK_S, Watch, WatchSupervisor
from aqsync.sync.work_queue import WorkQueue

HINT_GAP_S = 0.05
"""Hints that come closer together are looked at together."""
MOST_QUIET_S = 60.0
"""The longest pause between two looks at a path that is hinted at again and again."""
MOST_PATHS = 5_000
"""Paths looked at in one step."""
JUDGE_S = 2.0
"""So long an event may take to tell of what a look has found already."""
REST = 5.0
"""At least so many times as long as a scan took is not scanned again without a reason."""
JITTER = 0.1
FEW = 10
"""So many troubles are told one by one."""

log = Log(__name__)


@dataclass(frozen=True, slots=True)
class Pace:
    """How often to look at everything.

    Args:
        rescan: Seconds, where events are believed.
        rescan_without_events: Seconds, where they are not.
        chance: Makes both vary a little.
    """

    rescan: float
    rescan_without_events: float
    chance: random.Random


class Rescanner:
    """Looks at one mapping's root for ever.

    `later`, `everything` and `wake` may be called from any thread; `step` on one alone.

    Args:
        engine: Scans.
        mapping: Which mapping.
        queue: Gets the files that need a decision.
        pace: How often to look at everything.
        watch: Makes a watcher of the root.
        loop: Takes its steps; told to begin one at once, and of progress.
        stop: Asked within long scans; true ends them.
    """

    def __init__(
        self,
        engine: Engine,
        mapping: MappingConfig,
        queue: WorkQueue,
        pace: Pace,
        watch: Callable[[], Watch],
        loop: Loop,
        stop: Callable[[], bool],
    ) -> None:
        self.began = threading.Event()
        """Set when the first look at everything has begun, with watches in place if possible."""
        self._engine = engine
        self._journal = engine.journal
        self._clock = engine.clock
        self._mapping = mapping
        self._queue = queue
        self._pace = pace
        self._loop = loop
        self._stop = stop
        self._watch = WatchSupervisor(engine, mapping, watch, self._doubt)
        self._lock = threading.Lock()
        self._due: dict[str, float] = {}
        self._heap: list[tuple[float, str]] = []
        # What was written after a look has not settled so long after that look either.
        self._quiet_s = min(mapping.settle, MOST_QUIET_S)
        self._looked: dict[str, float] = {}
        """The paths looked at in the last `_quiet_s`, in order."""
        self._why_everything: str | None = "the start"
        self._everything_at = 0.0
        self._not_before = 0.0
        self._hints_at = 0.0
        self._closed: set[str] = set()
        """Files that a program which could write has closed, not looked at since."""
        self._suspects: set[str] = set()
        """What a routine look has found, and no event has told of yet."""
        self._judge_at = float("inf")
        self._silent = False
        """The last routine look found what no event had told of."""
        self._paused = False
        self._troubles: dict[str, Explanation] = {}

    # What others ask for

    def later(self, path: str, seconds: float) -> None:
        """Look at a path, relative to the root, again after so many seconds."""
        self._look_at(path, self._clock.monotonic() + seconds)
        self._loop.wake()

    def everything(self, reason: str) -> None:
        """Look at everything as soon as can be."""
        self._doubt(reason)
        self._loop.wake()

    def close(self) -> None:
        """Watch no longer."""
        self._watch.close()

    # The step

    def step(self) -> float:
        """Do what is due; returns the seconds until something will be."""
        if self._is_paused():
            return ROOT_CHECK_S
        self._watch.attend(self._clock.monotonic(), soon=self._why_everything is not None)
        self._take_hints()
        now = self._clock.monotonic()
        if now >= self._judge_at:
            self._judge(now)
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

    # Hints

    def _take_hints(self) -> None:
        now = self._clock.monotonic()
        if now < self._hints_at:
            return
        hints = self._watch.take()
        if not hints.paths and hints.everything is None:
            return
        self._hints_at = now + HINT_GAP_S
        if hints.everything is not None:
            self._doubt(hints.everything)
            self._suspects.clear()
        self._closed |= hints.closed
        for path in hints.paths:
            # What happens below a place in trouble may mean that it is over.
            seen = nearest(path, self._troubles) or path
            quiet_until = self._looked.get(seen, -MOST_QUIET_S) + self._quiet_s
            self._look_at(seen, now if path in self._troubles else max(now, quiet_until))
        self._suspects = _untold(self._suspects, hints.paths)

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
            report = self._engine.scan(self._mapping, beat=self._loop.beat, stop=self._stop)
            self._tell_troubles(report)
            self._look_into(report.ended)
            self._watch.count_blind(report)
            self._make_ready(())
            self._recheck_closed(self._closed)
        except BaseException:
            self._doubt(reason or "a look that failed")
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
        if reason is None:
            self._suspect(report, expected)
        self._plan_next(took)

    def _plan_next(self, took: float) -> None:
        now = self._clock.monotonic()
        # Of a root that is in doubt, no event need tell when it is the right one again.
        trusted = self._watch.trusted and not self._silent and "" not in self._troubles
        every = self._pace.rescan if trusted else self._pace.rescan_without_events
        self._everything_at = now + max(self._about(every), REST * took)
        self._not_before = now + took

    def _about(self, seconds: float) -> float:
        return seconds * (1 + JITTER * (2 * self._pace.chance.random() - 1))

    def _look_at_due(self, now: float) -> None:
        paths = self._take_due(now)
        if not paths:
            return
        try:
            report = self._engine.scan(self._mapping, paths, beat=self._loop.beat, stop=self._stop)
            self._tell_troubles(report)
            if "" in report.troubles:
                soon = now + self._about(self._pace.rescan_without_events)
                self._everything_at = min(self._everything_at, soon)
            self._look_into(report.ended)
            everything = report.whole or "" in report.ended
            self._make_ready(() if everything else [*paths, *report.ended])
            self._recheck_closed(self._closed - _untold(self._closed, set(paths)))
        except BaseException:
            for path in paths:
                self._look_at(path, now)
            raise

    def _take_due(self, now: float) -> list[str]:
        paths: list[str] = []
        with self._lock:
            while self._heap and self._heap[0][0] <= now and len(paths) < MOST_PATHS:
                at, path = heapq.heappop(self._heap)
                if self._due.get(path) == at:
                    del self._due[path]
                    paths.append(path)
        self._remember(paths, now)
        return paths

    def _remember(self, paths: list[str], now: float) -> None:
        """When these were looked at, and no longer when those of long ago were."""
        for path in paths:
            self._looked.pop(path, None)
            self._looked[path] = now
        old = []
        for path, at in self._looked.items():
            if at + self._quiet_s > now:
                break
            old.append(path)
        for path in old:
            del self._looked[path]

    def _look_into(self, ended: Collection[str]) -> None:
        """What could not be watched before is, and what changed until then is looked at."""
        for path in self._watch.reach(ended):
            self._look_at(path, self._clock.monotonic())

    def _make_ready(self, within: tuple[str, ...] | list[str]) -> None:
        files = undecided(self._journal, self._mapping, within)
        if files:
            self._queue.add(self._mapping.name, files)

    def _recheck_closed(self, looked_at: set[str]) -> None:
        """What was closed and shows no change may have been stored to through mmap all the same."""
        if looked_at:
            self._engine.rechecks.closed(self._mapping, looked_at)
            self._closed = self._closed - looked_at

    # Events that went missing show when a routine look finds something that none told of

    def _suspect(self, report: ScanReport, expected: set[str]) -> None:
        self._silent = False
        if not self._watch.running:
            return
        with self._lock:
            told = expected | set(self._due)
        found = [""] if report.changed_paths is None else report.changed_paths
        self._suspects = _untold(found, told)
        self._judge_at = self._clock.monotonic() + JUDGE_S

    def _judge(self, now: float) -> None:
        """By now events would have told of what was found, were they to be trusted."""
        suspects, self._suspects, self._judge_at = self._suspects, set(), float("inf")
        if not suspects or self._why_everything is not None:
            return
        self._silent = True
        soon = now + self._about(self._pace.rescan_without_events)
        self._everything_at = min(self._everything_at, soon)
        log.info(
            "found what no event had told of; the directory is looked at more often",
            mapping=self._mapping.name,
            files=len(suspects),
            path=self._place(min(suspects)),
        )

    # What is told

    def _tell_troubles(self, report: ScanReport) -> None:
        """What begins to be in the way of looking, and what ends."""
        before = self._troubles
        self._troubles = {path: trouble.why for path, trouble in report.troubles.items()}
        new = [path for path, why in self._troubles.items() if before.get(path) != why]
        ended = sorted(before.keys() - self._troubles.keys())
        for path in new[:FEW]:
            trouble = report.troubles[path]
            log.warning(
                "cannot be looked at",
                mapping=self._mapping.name,
                path=self._place(path),
                reason=trouble.message,
                hint=trouble.hint,
            )
        for path in ended[:FEW]:
            log.info("can be looked at again", mapping=self._mapping.name, path=self._place(path))
        if (more := len(new) - FEW) > 0:
            log.warning("cannot be looked at", mapping=self._mapping.name, others=more)
        if (more := len(ended) - FEW) > 0:
            log.info("can be looked at again", mapping=self._mapping.name, others=more)

    def _place(self, path: str) -> str:
        return str(self._mapping.directory / path)

    def _seconds_to_next(self) -> float:
        now = self._clock.monotonic()
        with self._lock:
            at = [self._watch.check_at, self._everything_at, self._judge_at]
            if self._heap:
                at.append(self._heap[0][0])
            if self._why_everything is not None:
                at.append(self._not_before)
        if self._hints_at > now:
            at.append(self._hints_at)
        return max(0.0, min(at) - now)


def _untold(found: Iterable[str], told: set[str] | frozenset[str]) -> set[str]:
    """What was found and neither told of itself nor by a directory above it."""
    return {path for path in found if not lies_within(path, told)}
