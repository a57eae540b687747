"""Polls the server: what is asked of it now and then, besides the files' own transfers.

The mirror on its schedule, the probe while the server is away, the lists that confirm what was
uploaded, the tags that were earned, and the journal's own housekeeping.
"""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Iterable
from itertools import islice

from aqsync.journal.observations import Waiting
from aqsync.journal.pauses import EVERYTHING
from aqsync.journal.refusals import Key
from aqsync.log import Log
from aqsync.model import SECOND_NS, FileRecord, SizeLimit
from aqsync.sync.engine import Engine
from aqsync.sync.loop import Loop
from aqsync.sync.mirror import CHUNK
from aqsync.sync.planner import LONGEST_SEARCH_PAUSE_S, probe_is_near
from aqsync.sync.policies import undecided
from aqsync.sync.summary import is_complete
from aqsync.sync.work_queue import WorkQueue

CONFIRM_AFTER_S = 5.0
"""So long after the last upload the server's list is asked whether it is there ..."""
CONFIRM_AT_LATEST_S = 60.0
"""... or so long after the first, while more come."""
CONFIRM_REST = 50.0
"""At least so many times as long as that took last time nothing is confirmed again: the list of a
very large experiment is dear on both sides."""
IDLE_S = 60.0
"""Between steps that nobody asks for."""
MOST_HISTORY = 1_000_000
"""Lines of history that are kept, however young."""
MOST_PAST_VERSIONS = 1_000_000
"""Past versions of files that are kept, some hundred bytes each."""
MOST_CANDIDATES = 20
"""Files that are brought up to try what is refused as a whole: the first that can be sent does."""

log = Log(__name__)


class ServerPoller:
    """What one engine asks of the server, and the tidying of its journal.

    `changed_on_server`, `mirror_soon` and `clean_soon` may be called from any thread.

    Args:
        engine: Asks and is told.
        ready: Gets the files that a new list bears on.
        keep_history_s: How long history is kept.
        loop: Takes its steps; told to begin one at once, and of progress.
    """

    def __init__(
        self,
        engine: Engine,
        queue: WorkQueue,
        keep_history_s: float,
        loop: Loop,
    ) -> None:
        self._engine = engine
        self._journal = engine.journal
        self._clock = engine.clock
        self._queue = queue
        self._keep_history_s = keep_history_s
        self._loop = loop
        self._lock = threading.Lock()
        self._acted: dict[str, dict[str, list[Waiting]]] = defaultdict(lambda: defaultdict(list))
        """By EID and mapping, files whose new state no list has shown yet."""
        self._first_act: float | None = None
        self._last_act = 0.0
        self._confirm_after_s = CONFIRM_AFTER_S
        self._mirror_due = True
        self._clean_due = False
        self._first = True
        self._refused: set[Key] = set()
        """What was refused as a whole when last looked at."""
        self._limit: SizeLimit | None = None
        self._offered: dict[Key, int] = {}
        """By what is refused, the time that its files were brought up for."""
        engine.outlook_changed = loop.wake

    def mirror_soon(self) -> None:
        """Fetch all lists as soon as can be."""
        self._mirror_due = True
        self._loop.wake()

    def clean_soon(self) -> None:
        """Do the housekeeping as soon as can be."""
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
        """Do what is due; returns the seconds until something will be."""
        if self._clean_due:
            self._clean_due = False
            self._clean()
        if EVERYTHING in self._journal.pauses.active(self._clock.now_ns()):
            return IDLE_S
        if self._probe_is_due() and self._engine.probe():
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
        return self._seconds_to_next()

    def _probe_is_due(self) -> bool:
        problem = self._journal.remote.server_problem()
        if problem is None:
            return False
        # After a start or a new configuration a plan of ours means nothing, the server's does.
        if self._first and not problem.ordered:
            return True
        return not probe_is_near(problem, self._clock.now_ns())

    def _mirror(self) -> None:
        self._mirror_due = False  # before it begins: somebody may ask for another meanwhile
        self._take_acted()
        if self._learn(self._engine.eids()):
            self._all_listed()

    def _all_listed(self) -> None:
        """Every list is fresh: what bears on any file, tag or mapping is known."""
        for mapping in self._engine.mappings:
            self._make_ready(mapping.name, undecided(self._journal, mapping))
            self._loop.beat()
        self._after_lists()

    def _confirm(self) -> None:
        """Ask whether the server has what it accepted."""
        acted = self._take_acted()
        began = self._clock.monotonic()
        if not self._learn(acted):
            return
        took = self._clock.monotonic() - began
        self._confirm_after_s = max(CONFIRM_AFTER_S, CONFIRM_REST * took)
        for mappings in acted.values():
            for mapping, files in mappings.items():
                self._make_ready(mapping, files)
        self._after_lists()

    def _search(self) -> None:
        """Look for the experiments that could not be used: one may have been made since."""
        missing = self._sought()
        if self._learn(missing) and (found := missing.keys() - self._sought().keys()):
            for eid in sorted(found):
                log.info("the experiment can be used now", experiment=eid)
            self._all_listed()

    def _attend_refusals(self) -> None:
        """Bring up files that may try what is refused as a whole, and all when it no longer is."""
        refusals = self._journal.refusals
        refused = set(refusals.forget_idle())
        before, self._limit = self._limit, self._journal.limits.size()
        if self._refused - refused or (before is not None and self._limit is None):
            for mapping in self._engine.mappings:
                self._make_ready(mapping.name, undecided(self._journal, mapping))
        names = {mapping.name for mapping in self._engine.mappings}
        for key in refused:
            again_ns = refusals.current()[key].again_ns
            if again_ns <= self._clock.now_ns() and self._offered.get(key) != again_ns:
                self._offered[key] = again_ns
                for name, file in refusals.candidates(key, MOST_CANDIDATES):
                    if name in names:
                        self._make_ready(name, [file])
        self._refused = refused

    def _refusal_in(self) -> float:
        """Seconds until a file may try what is refused as a whole."""
        ahead = [
            (refusal.again_ns - self._clock.now_ns()) / SECOND_NS
            for key, refusal in self._journal.refusals.current().items()
            if self._offered.get(key) != refusal.again_ns
        ]
        return max(0.0, min(ahead, default=float("inf")))

    def _sought(self) -> dict[str, int]:
        """The experiments that files lead to and that cannot be used; when to look for each."""
        unusable = self._journal.remote.unusable()
        wanted = self._engine.eids() if unusable else set()
        return {eid: again_ns for eid, again_ns in unusable.items() if eid in wanted}

    def _search_in(self) -> float:
        """Seconds until an experiment is looked for again."""
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
        """Fetch lists; what could not be learned now is due once the server can be asked."""
        learned = False
        try:
            learned = self._refresh(eids)
        finally:
            if not learned:
                self._mirror_due = True
        return learned

    def _refresh(self, eids: Iterable[str]) -> bool:
        """Fetch lists, a request at a time: what cannot wait gets its own in between."""
        remaining = iter(sorted(eids))
        while chunk := set(islice(remaining, CHUNK)):
            if not self._engine.refresh(chunk):
                return False
            self._loop.beat()
        return True

    def _make_ready(self, mapping: str, files: Iterable[Waiting]) -> None:
        self._queue.add(mapping, files)

    def _after_lists(self) -> None:
        self._journal.make_durable(at_once=True)
        applied = self._engine.tag()
        if applied:
            log.info("tags applied", tags=applied)
        for mapping in self._engine.mappings:
            now_ns = self._clock.now_ns()
            if is_complete(self._journal, mapping, now_ns):
                self._journal.mappings.complete(self._journal.mappings.get(mapping.name).id, now_ns)
            self._loop.beat()

    def _clean(self) -> None:
        """Keep the journal small."""
        oldest_ns = self._clock.now_ns() - int(self._keep_history_s * SECOND_NS)
        pruned = self._journal.history.prune(oldest_ns, MOST_HISTORY)
        self._journal.versions.prune(MOST_PAST_VERSIONS)
        self._journal.checkpoint()
        log.info("housekeeping done", history_pruned=pruned)

    def _confirm_in(self) -> float:
        """Seconds until a list should confirm what was done."""
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
        return min(IDLE_S, self._confirm_in(), self._search_in(), self._refusal_in())
