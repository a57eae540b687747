"""Rescans one root: hints, timers and doubts become scans, scans become queued files.

Events are hints, the scan is the truth. If an event may have been lost, the rescanner scans
everything again; it also does so from time to time without a reason.
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
from aqsync.local.sqlite_files import database_of
from aqsync.log import Log
from aqsync.model import Explanation
from aqsync.paths import lies_within, nearest
from aqsync.sync.engine import Engine
from aqsync.sync.loop import Loop
from aqsync.sync.measurement_watch import Turned
from aqsync.sync.policies import undecided
from aqsync.sync.watch_supervisor import ROOT_CHECK_S, Watch, WatchSupervisor
from aqsync.sync.work_queue import WorkQueue

HINT_GAP_S = 0.05
"""Hints that come within this time of each other are scanned together."""
MOST_QUIET_S = 60.0
"""The longest pause between two scans of a path that gets many hints."""
MOST_PATHS = 5_000
"""Paths scanned in one step."""
JUDGE_S = 2.0
"""How much later than a scan an event may arrive for the same change."""
REST = 5.0
"""The pause after a routine scan is at least this many times as long as the scan took."""
JITTER = 0.1
FEW = 10
"""Up to this many troubles are logged one by one."""

log = Log(__name__)


@dataclass(frozen=True, slots=True)
class Pace:
    """How often to scan everything.

    Args:
        rescan: Seconds, if events are trusted.
        rescan_without_events: Seconds, if they are not.
        chance: Varies both a little.
    """

    rescan: float
    rescan_without_events: float
    chance: random.Random


class Rescanner:
    """The loop that scans one mapping's root.

    `later` and `everything` may be called from any thread, `step` on one only.

    Args:
        engine: Scans.
        mapping: Which mapping.
        queue: Gets the files that need a decision.
        pace: How often to scan everything.
        watch: Makes a watcher of the root.
        loop: Takes its steps.
        stop: Asked during scans; true ends them.
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
        """Set when the first scan has begun, with watches in place if possible."""
        self.took_s: float | None = None
        """Seconds that the last look at everything took; None: there was none."""
        self._engine = engine
        self._journal = engine.journal
        self._clock = engine.clock
        self._mapping = mapping
        self._queue = queue
        self._pace = pace
        self._loop = loop
        self._stop = stop
        self._measurements = engine.measurements.get(mapping.name)
        if self._measurements is not None:
            self._measurements.woken = loop.wake
        self._watch = WatchSupervisor(engine, mapping, watch, self._doubt)
        self._lock = threading.Lock()
        self._due: dict[str, float] = {}
        self._heap: list[tuple[float, str]] = []
        # A file that was written after a scan has not settled within this time after the scan.
        self._quiet_s = min(mapping.settle, MOST_QUIET_S)
        self._looked: dict[str, float] = {}
        """The paths looked at in the last `_quiet_s`, in order."""
        self._why_everything: str | None = "the start"
        self._finding_out = False
        """A look at everything goes on that has a reason."""
        self._everything_at = 0.0
        self._not_before = 0.0
        self._hints_at = 0.0
        self._closed: set[str] = set()
        """Files closed by programs that could write, and not scanned since."""
        self._suspects: set[str] = set()
        """Changes found by a routine scan for which no event has arrived yet."""
        self._judge_at = float("inf")
        self._silent = False
        """The last routine scan found a change for which no event had arrived."""
        self._paused = False
        self._troubles: dict[str, Explanation] = {}

    # What others ask for

    def later(self, path: str, seconds: float) -> None:
        """Scan a path, relative to the root, after so many seconds."""
        self._look_at(path, self._clock.monotonic() + seconds)
        self._loop.wake()

    def everything(self, reason: str) -> None:
        """Scan everything as soon as possible."""
        self._doubt(reason)
        self._loop.wake()

    @property
    def has_looked(self) -> bool:
        """Whether all of it was looked at, and nothing since gave reason to do so again."""
        with self._lock:
            return not (self._paused or self._finding_out or self._why_everything)

    def close(self) -> None:
        """Watch no longer."""
        self._watch.close()

    # The step

    def step(self) -> float:
        """Do what is due; returns the seconds until the next step."""
        if self._is_paused():
            return ROOT_CHECK_S
        self._watch.attend(self._clock.monotonic(), soon=self._why_everything is not None)
        self._take_hints()
        now = self._clock.monotonic()
        if now >= self._judge_at:
            self._judge_suspects(now)
        if self._everything_is_due(now):
            self._look_at_everything()
        else:
            self._look_at_due(now)
        if self._measurements is not None:
            self._turn(self._measurements.arrived())
        return self._seconds_to_next()

    def _is_paused(self) -> bool:
        """While the mapping is paused the disk is not read; afterwards everything is scanned."""
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
        if self._measurements is not None:
            self._measurements.closed(hints.closed)
        # What is written to its log changes a database.
        paths = hints.paths.union(filter(None, map(database_of, hints.paths)))
        for path in paths:
            # An event below a place in trouble may mean that the trouble is over.
            seen = nearest(path, self._troubles) or path
            quiet_until = self._looked.get(seen, -MOST_QUIET_S) + self._quiet_s
            self._look_at(seen, now if path in self._troubles else max(now, quiet_until))
        self._suspects = _untold(self._suspects, paths)

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
            self._finding_out = self._finding_out or reason is not None
            expected = set(self._due)
        began = self._clock.monotonic()
        self.began.set()
        try:
            report = self._engine.scan(self._mapping, beat=self._loop.beat, stop=self._stop)
            self._tell_troubles(report)
            self._look_into(report.ended)
            self._watch.count_blind(report)
            self._judge(None)
            self._look_into_closed(self._closed)
            self._make_ready(())
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
        self.took_s = took
        self._finding_out = False
        if reason is None:
            self._suspect(report, expected)
        self._plan_next(took)

    def _plan_next(self, took: float) -> None:
        now = self._clock.monotonic()
        # If the root is in doubt, there may be no event when the right one is back.
        trusted = self._watch.trusted and not self._silent and "" not in self._troubles
        every = self._pace.rescan if trusted else self._pace.rescan_without_events
        self._everything_at = now + max(self._about(every), REST * took)
        self._not_before = now + took

    def _about(self, seconds: float) -> float:
        return seconds * (1 + JITTER * (2 * self._pace.chance.random() - 1))

    def _look_at_due(self, now: float) -> None:
        paths = self._take_due(now)
        folders = [] if self._measurements is None else self._measurements.due(now)
        if not paths and not folders:
            return
        try:
            report = self._engine.scan(
                self._mapping, [*paths, *folders], beat=self._loop.beat, stop=self._stop
            )
            self._tell_troubles(report)
            if "" in report.troubles:
                soon = now + self._about(self._pace.rescan_without_events)
                self._everything_at = min(self._everything_at, soon)
            self._look_into(report.ended)
            everything = report.whole or "" in report.ended
            self._judge(None if everything else folders)
            if folders:  # of these only what has changed
                paths += folders if report.changed_paths is None else report.changed_paths
            self._look_into_closed(self._closed - _untold(self._closed, set(paths)))
            within = [*paths, *report.ended]
            if everything or within:  # no paths at all stand for everything
                self._make_ready(() if everything else within)
        except BaseException:
            for path in paths:
                self._look_at(path, now)
            if self._measurements is not None:
                self._measurements.again(folders)
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
        """Note when these paths were scanned, and forget old ones."""
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
        """Watch places whose trouble has ended, and scan what had no watch until now."""
        for path in self._watch.reach(ended):
            self._look_at(path, self._clock.monotonic())

    def _make_ready(self, within: tuple[str, ...] | list[str]) -> None:
        files = undecided(self._journal, self._mapping, within)
        if files:
            self._queue.add(self._mapping.name, files)

    # Measurements

    def _judge(self, folders: Collection[str] | None) -> None:
        if self._measurements is not None and (folders is None or folders):
            self._turn(self._measurements.judge(folders))

    def _turn(self, turned: Turned) -> None:
        """Have files decided on whose measurement has become complete, or lacks nothing else."""
        try:
            if turned.complete:
                self._make_ready(turned.complete)
        except BaseException:
            if self._measurements is not None:
                self._measurements.again(turned.complete)
            raise
        if turned.last:
            self._queue.add(self._mapping.name, turned.last)

    def _look_into_closed(self, looked_at: set[str]) -> None:
        """Have closed files hashed again: a store through mmap may show in no change.

        What waited for its writer to close it waits no longer.
        """
        if looked_at:
            mapping_id = self._journal.mappings.get(self._mapping.name).id
            self._journal.outcomes.look_into_again(mapping_id, looked_at)
            self._engine.rechecks.closed(self._mapping, looked_at)
            self._closed = self._closed - looked_at

    # If a routine scan finds changes without events, events are being lost

    def _suspect(self, report: ScanReport, expected: set[str]) -> None:
        self._silent = False
        if not self._watch.running:
            return
        with self._lock:
            told = expected | set(self._due)
        found = [""] if report.changed_paths is None else report.changed_paths
        self._suspects = _untold(found, told)
        self._judge_at = self._clock.monotonic() + JUDGE_S

    def _judge_suspects(self, now: float) -> None:
        """By now the events for what the scan has found should have arrived."""
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
        """Log which places can no longer be scanned, and which can again."""
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
        if self._measurements is not None:
            at.append(self._measurements.next_at)
        if self._hints_at > now:
            at.append(self._hints_at)
        return max(0.0, min(at) - now)


def _untold(found: Iterable[str], told: set[str] | frozenset[str]) -> set[str]:
    """The found paths that have no event, and no directory above them has one."""
    return {path for path in found if not lies_within(path, told)}
