"""The loop that polls the server, apart from transfers of files.

It fetches lists on their schedule and to confirm uploads, probes the server while it is away,
applies tags, writes manifests, and keeps the journal small.
"""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Iterable
from math import inf

from aqsync.config import Windows
from aqsync.journal.observations import Waiting
from aqsync.journal.pauses import EVERYTHING
from aqsync.journal.refusals import Key
from aqsync.log import Log
from aqsync.model import SECOND_NS, FileRecord, SizeLimit
from aqsync.sync.backoff import LONGEST_SEARCH_PAUSE_S, probe_is_near
from aqsync.sync.engine import Engine
from aqsync.sync.loop import Loop
from aqsync.sync.mirror import CHUNK
from aqsync.sync.policies import ALWAYS, batched, undecided
from aqsync.sync.summary import is_complete
from aqsync.sync.work_queue import WorkQueue

CONFIRM_AFTER_S = 5.0
"""Uploads are confirmed by a list this long after the last of them ..."""
CONFIRM_AT_LATEST_S = 60.0
"""... or this long after the first, while more follow."""
CONFIRM_REST = 50.0
"""The pause is at least this many times as long as the last confirmation took, since the list of a
very large experiment is expensive for both sides."""
IDLE_S = 60.0
"""The longest pause between two steps."""
MOST_HISTORY = 1_000_000
"""Lines of history that are kept at most."""
MOST_PAST_VERSIONS = 1_000_000
"""Past versions of files that are kept at most, some hundred bytes each."""
MOST_CANDIDATES = 20
"""Files that are queued to try a refused action again; the first that can be sent tries it."""

log = Log(__name__)


class ServerPoller:
    """Polls the server for one session.

    `changed_on_server`, `mirror_soon`, `probe_soon` and `clean_soon` may be called from any thread.

    Args:
        engine: Sends the requests.
        queue: Gets the files that a new list concerns.
        keep_history_s: How long history is kept.
        loop: Takes its steps.
        windows: When manifests are sent, as files are.
    """

    def __init__(
        self,
        engine: Engine,
        queue: WorkQueue,
        keep_history_s: float,
        loop: Loop,
        windows: Windows = ALWAYS,
    ) -> None:
        self._engine = engine
        self._journal = engine.journal
        self._clock = engine.clock
        self._queue = queue
        self._keep_history_s = keep_history_s
        self._loop = loop
        self._windows = windows
        self._lock = threading.Lock()
        self._acted: dict[str, dict[str, list[Waiting]]] = defaultdict(lambda: defaultdict(list))
        """By EID and mapping, files whose new state no list has confirmed yet."""
        self._first_act: float | None = None
        self._last_act = 0.0
        self._confirm_after_s = CONFIRM_AFTER_S
        self._mirror_due = True
        self._clean_due = False
        self._probe_asked_for = False
        self._manifests_at = inf
        """When the next manifest is due, by the monotonic clock."""
        self._first = True
        self._refused: set[Key] = set()
        """Which actions were refused for all files at the last check."""
        self._limit: SizeLimit | None = None
        self._offered: dict[Key, int] = {}
        """By refused action, the time of its try for which files were queued."""
        self._scanned_before = {
            mapping.name: self._journal.mappings.get(mapping.name).scanned_at_ns
            for mapping in engine.mappings
        }
        """What came since then is not known before the first scan of this session."""
        engine.outlook_changed = loop.wake

    def mirror_soon(self) -> None:
        """Fetch all lists as soon as possible."""
        self._mirror_due = True
        self._loop.wake()

    def probe_soon(self) -> None:
        """Probe a server that is away as soon as possible: it may be back."""
        self._probe_asked_for = True
        self._loop.wake()

    def clean_soon(self) -> None:
        """Do the housekeeping as soon as possible."""
        self._clean_due = True
        self._loop.wake()

    def changed_on_server(self, file: FileRecord) -> None:
        """Something was done about a file on the server."""
        now = self._clock.monotonic()
        waiting = Waiting.of(file)
        with self._lock:
            self._acted[str(file.eid)][file.mapping].append(waiting)
            self._last_act = now
            if self._first_act is None:
                self._first_act = now
                self._loop.wake()

    def step(self) -> float:
        """Do what is due; returns the seconds until the next step."""
        if self._clean_due:
            self._clean_due = False
            self._clean()
        if EVERYTHING in self._journal.pauses.active(self._clock.now_ns()):
            return IDLE_S
        if self._probe_is_due() and self._engine.probe(self._loop.beat):
            self._queue.changed()  # what is queued goes at once
            self._all_listed()
        self._first = False
        if self._engine.usable:
            if self._mirror_due:
                self._mirror()
            elif self._confirm_in() == 0:
                self._confirm()
            elif self._search_in() == 0:
                self._search()
            self._attend_refusals()
            self._manifests_at = self._clock.monotonic() + self._write_manifests()
        return self._seconds_to_next()

    def _write_manifests(self) -> float:
        """Write manifests that are due, as files are sent; returns the seconds until the next."""
        if self._windows.closed(self._clock.now_ns()) is not None:
            return inf
        return self._engine.write_manifests(beat=self._loop.beat)

    def _probe_is_due(self) -> bool:
        problem = self._journal.remote.server_problem()
        asked, self._probe_asked_for = self._probe_asked_for, False
        if problem is None:
            return False
        if asked and not problem.ordered:
            return True
        # After a start or reload only a pause that the server has asked for is kept.
        if self._first and not problem.ordered:
            return True
        return not probe_is_near(problem, self._clock.now_ns())

    def _mirror(self) -> None:
        self._mirror_due = False  # before it begins, as another call may come meanwhile
        self._take_acted()
        if self._learn(self._engine.eids()):
            self._all_listed()

    def _all_listed(self) -> None:
        """All lists are new: have every file decided on, and apply tags."""
        self._queue_all()
        self._after_lists()

    def _queue_all(self) -> None:
        for mapping in self._engine.mappings:
            self._queue.add(mapping.name, undecided(self._journal, mapping))
            self._loop.beat()

    def _confirm(self) -> None:
        """Fetch lists to see whether the server has what it accepted."""
        acted = self._take_acted()
        began = self._clock.monotonic()
        if not self._learn(acted):
            return
        took = self._clock.monotonic() - began
        self._confirm_after_s = max(CONFIRM_AFTER_S, CONFIRM_REST * took)
        for mappings in acted.values():
            for mapping, files in mappings.items():
                self._queue.add(mapping, files)
        self._after_lists()

    def _search(self) -> None:
        """Search for experiments that could not be used: one may have been created since."""
        missing = self._sought()
        if self._learn(missing) and (found := missing.keys() - self._sought().keys()):
            for eid in sorted(found):
                shown = self._journal.remote.shown(eid)
                log.info("the experiment can be used now", experiment=shown)
            self._all_listed()

    def _attend_refusals(self) -> None:
        """Queue files to try refused actions again, and all files when one is allowed again."""
        refusals = self._journal.refusals
        refused = set(refusals.forget_idle())
        before, self._limit = self._limit, self._journal.limits.size()
        if self._refused - refused or (before is not None and self._limit is None):
            self._queue_all()
        names = {mapping.name for mapping in self._engine.mappings}
        for key in refused:
            again_ns = refusals.current()[key].again_ns
            if again_ns <= self._clock.now_ns() and self._offered.get(key) != again_ns:
                self._offered[key] = again_ns
                for name, file in refusals.candidates(key, MOST_CANDIDATES):
                    if name in names:
                        self._queue.add(name, [file])
        self._refused = refused

    def _refusal_in(self) -> float:
        """Seconds until a file may try a refused action."""
        ahead = [
            (refusal.again_ns - self._clock.now_ns()) / SECOND_NS
            for key, refusal in self._journal.refusals.current().items()
            if self._offered.get(key) != refusal.again_ns
        ]
        return max(0.0, min(ahead, default=float("inf")))

    def _sought(self) -> dict[str, int]:
        """The experiments that files need and that cannot be used, and when to search for each."""
        unusable = self._journal.remote.unusable()
        wanted = self._engine.eids() if unusable else set()
        return {eid: again_ns for eid, again_ns in unusable.items() if eid in wanted}

    def _search_in(self) -> float:
        """Seconds until the next search for an experiment."""
        now_ns = self._clock.now_ns()
        ahead_s = [(again_ns - now_ns) / SECOND_NS for again_ns in self._sought().values()]
        # One that lies further ahead was planned before the clock was set back.
        due = [0.0 if seconds > LONGEST_SEARCH_PAUSE_S else seconds for seconds in ahead_s]
        return max(0.0, min(due, default=float("inf")))

    def _take_acted(self) -> dict[str, dict[str, list[Waiting]]]:
        with self._lock:
            acted, self._acted = self._acted, defaultdict(lambda: defaultdict(list))
            self._first_act = None
        return acted

    def _learn(self, eids: Iterable[str]) -> bool:
        """Fetch lists; if that fails, all lists are due once the server can be used."""
        learned = False
        try:
            learned = self._refresh(eids)
        finally:
            if not learned:
                self._mirror_due = True
        return learned

    def _refresh(self, eids: Iterable[str]) -> bool:
        """Fetch lists in several requests, so that others can come in between."""
        for chunk in batched(iter(sorted(eids)), CHUNK):
            if not self._engine.refresh(chunk, self._loop.beat):
                return False
        return True

    def _after_lists(self) -> None:
        self._journal.make_durable(at_once=True)
        applied = self._engine.tag(self._loop.beat)
        if applied:
            log.info("tags applied", tags=applied)
        self._engine.actions.look()
        for mapping in self._engine.mappings:
            now_ns, record = self._clock.now_ns(), self._journal.mappings.get(mapping.name)
            looked_at = record.scanned_at_ns != self._scanned_before.get(mapping.name)
            if looked_at and is_complete(self._journal, mapping, now_ns):
                self._journal.mappings.complete(record.id, now_ns)
            self._loop.beat()

    def _clean(self) -> None:
        """Keep the journal small."""
        oldest_ns = self._clock.now_ns() - int(self._keep_history_s * SECOND_NS)
        pruned = self._journal.history.prune(oldest_ns, MOST_HISTORY)
        self._journal.backlog.prune(oldest_ns)
        self._journal.versions.prune(MOST_PAST_VERSIONS)
        self._journal.checkpoint()
        log.info("housekeeping done", history_pruned=pruned)

    def _confirm_in(self) -> float:
        """Seconds until uploads are to be confirmed."""
        with self._lock:
            if self._first_act is None:
                return float("inf")
            at_latest_s = max(CONFIRM_AT_LATEST_S, self._confirm_after_s)
            at = min(self._last_act + self._confirm_after_s, self._first_act + at_latest_s)
        return max(0.0, at - self._clock.monotonic())

    def _seconds_to_next(self) -> float:
        problem = self._journal.remote.server_problem()
        if problem is not None:
            seconds = (problem.probe_at_ns - self._clock.now_ns()) / SECOND_NS
            return max(0.1, min(seconds, IDLE_S))
        manifests_s = max(0.0, self._manifests_at - self._clock.monotonic())
        return min(IDLE_S, self._confirm_in(), self._search_in(), self._refusal_in(), manifests_s)
