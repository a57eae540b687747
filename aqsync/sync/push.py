"""A push, round by round: scan, fetch lists, have every file done, scan again, tag.

It decides nothing and begins no job: it gives its files to the dispatcher, and waits until
none is left.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from itertools import zip_longest

from aqsync.config import Windows
from aqsync.errors import Interrupted
from aqsync.journal.observations import Waiting
from aqsync.journal.pauses import EVERYTHING
from aqsync.model import SECOND_NS, FileRecord, ServerProblem
from aqsync.paths import is_chosen
from aqsync.sync.backoff import probe_is_near
from aqsync.sync.engine import Engine
from aqsync.sync.leftovers import leftovers
from aqsync.sync.order import TRIES, Order, Round
from aqsync.sync.policies import server_state, undecided
from aqsync.sync.progress import Pausing, Planned, Replacing, Sent
from aqsync.sync.work_queue import WorkQueue

POLL_S = 1.0
"""How often a push that waits for the dispatcher checks whether the server can be used."""
LONG_ACTION_S = 10.0
"""No push waits for a place behind actions that go on for longer than this."""

Script = Generator[float, None, bool]
"""Yields how many seconds to wait unless the order is woken; returns whether to go on."""
Aside = Callable[[Callable[[], bool]], Callable[[], bool]]
"""Starts a function in parallel; returns a function that waits for its result."""


class SessionEnded(Exception):
    """A new configuration has replaced the session; the push goes on in the next one."""


class Push:
    """One push in one session.

    Args:
        engine: Scans, fetches lists and tags.
        queue: Where the dispatcher takes files from.
        order: What to push, and the result so far.
        windows: When files may be read again.
        aside: Runs the request for lists while the disk is scanned.
        ended: Returns whether the session was retired.
    """

    def __init__(
        self,
        engine: Engine,
        queue: WorkQueue,
        order: Order,
        windows: Windows,
        aside: Aside,
        ended: Callable[[], bool],
    ) -> None:
        self._engine = engine
        self._queue = queue
        self._order = order
        self._limits = order.limits
        self._windows = windows
        self._aside = aside
        self._ended = ended
        self._mappings = [m for m in engine.mappings if order.limits.covers(m.name)]
        self._journal = engine.journal
        self._clock = engine.clock
        self._began = engine.clock.monotonic()
        self._done = 0
        self._done_at_s = 0.0
        """When a file came through last, as `_waited_s` counts: a server that lets a few through
        between the pauses that it asks for is worth waiting for."""
        self._rechecked: set[int] = set()
        """Files whose content had changed unseen; each is looked at again once in a push."""

    def script(self) -> Generator[float, None, None]:
        """Push; yields how many seconds to wait unless the order is woken.

        Raises:
            SessionEnded: The push must go on in the next session.
            JournalError: The journal can no longer be written; what was recorded stays.
        """
        result = self._order.result
        try:
            listed = yield from self.look()
            if self._limits.tidy:
                self._tidy()
            if listed and (self._limits.freed or self._limits.kept):
                self._note_freed()
            usable = listed and (yield from self._rounds())
            for mapping in self._mappings:  # before the manifests, which tell it too
                if mapping.name in self._engine.measurements:
                    self._engine.measurements[mapping.name].tell()
            if usable and not self._all_paused():
                result.tags += self._engine.tag()
                self._write_manifests()
            if listed and not self._all_paused():
                yield from self._act()
        except Interrupted:
            self._order.stop()
        finally:
            result.seconds += self._clock.monotonic() - self._began
        result.interrupted = self._order.stopped.is_set()
        result.server_problem = server_state(self._journal)

    def _tidy(self) -> None:
        """Note which leftovers of databases are to be removed, by what was just looked at."""
        now_ns = self._clock.now_ns()
        for mapping in self._mappings:
            within = self._limits.paths_in(mapping.name)
            found = [
                leftover.file
                for leftover in leftovers(self._journal, mapping, now_ns)
                if leftover.removable and is_chosen(leftover.file.path, within)
            ]
            self._journal.outcomes.tidy(found)

    def _act(self) -> Generator[float, None, None]:
        """Have actions begun for what has arrived.

        Those that have to wait for others too, as long as these end soon.
        """
        actions = self._engine.actions
        while not self._stopped and self._waited_s() <= self._limits.longest_wait_s:
            self._engine.act()
            if not (actions.full or actions.left) or actions.still_s >= LONG_ACTION_S:
                break
            yield from self._pause(POLL_S)

    def _note_freed(self) -> None:
        """Note what is about to be removed here, by what was just looked at."""
        for mapping in self._mappings:
            proved = self._limits.freed.get(mapping.name, {})
            mapping_id = self._journal.mappings.get(mapping.name).id
            files = (
                (self._journal.observations.record_at(mapping_id, path), found)
                for path, found in proved.items()
            )
            known = ((file, found) for file, found in files if file is not None)
            self._journal.freed.note(known, self._clock.now_ns())
            if proved:
                self._journal.make_durable(at_once=True)
            kept = (
                self._journal.observations.record_at(mapping_id, path)
                for path in self._limits.kept.get(mapping.name, ())
            )
            self._journal.freed.forget(file for file in kept if file is not None and file.local)

    def _all_paused(self) -> bool:
        """Whether everything is paused, so that tags are not applied either."""
        paused = self._journal.pauses.active(self._clock.now_ns())
        return EVERYTHING in paused and not self._limits.at_once

    def _write_manifests(self) -> None:
        """Write them if they may be sent now, as files may; who frees files waits for theirs."""
        limits = self._limits
        closed = self._windows.closed(self._clock.now_ns()) is not None
        if closed and not (limits.at_once or limits.freed):
            return
        try:
            self._engine.write_manifests(at_end=True)
        except Interrupted:
            self._leave_if_ended()
            raise

    @property
    def _stopped(self) -> bool:
        return self._order.stopped.is_set()

    # Looking

    def look(self) -> Script:
        """Scan while the server's file lists are fetched; false if the server cannot be used.

        It yields as `script` does.
        """
        engine = self._engine
        asked = engine.eids()

        def ask() -> bool:
            problem = self._journal.remote.server_problem()
            if problem is None:
                return engine.refresh(asked)
            # If the server asked for a pause, it is not probed before that has passed.
            ordered = problem.ordered and probe_is_near(problem, self._clock.now_ns())
            return not ordered and engine.probe()

        listed = self._aside(ask)
        for mapping in self._mappings:
            engine.scan(mapping, self._limits.paths_in(mapping.name))
            self._journal.outcomes.end_pauses(self._journal.mappings.get(mapping.name).id)
        self._journal.refusals.forget_idle()
        self._journal.refusals.end_pauses(self._clock.now_ns())
        if not listed() and not (yield from self._probe_until_usable()):
            return False
        found = engine.eids() - asked
        if found and not engine.refresh(found):
            return (yield from self._probe_until_usable())
        return True

    def _look_again(self, this: Round) -> None:
        for mapping in self._mappings:
            if paths := this.look_again.get(mapping.name):
                self._engine.scan(mapping, paths)

    def _probe_until_usable(self) -> Script:
        """Probe until the server can be used; false if the push gives up."""
        while (problem := self._journal.remote.server_problem()) is not None:
            if self._stopped or not self._is_worth_waiting_for(problem):
                return False
            yield from self._wait(problem.probe_at_ns, problem.message)
            if not self._stopped:
                self._engine.probe()
        return True

    def _is_worth_waiting_for(self, problem: ServerProblem) -> bool:
        if not problem.ordered:
            return not problem.denied and problem.count < TRIES
        ahead_s = (problem.probe_at_ns - self._clock.now_ns()) / SECOND_NS
        longest_s = self._limits.longest_wait_s if self._limits.wait_for_settling else 0.0
        result = self._order.result
        if (done := result.uploaded + result.adopted + result.removed) != self._done:
            self._done, self._done_at_s = done, self._waited_s()
        return self._waited_s() - self._done_at_s + ahead_s <= longest_s

    def _waited_s(self) -> float:
        """Seconds since the order was placed, in this session and those before it."""
        return self._order.result.seconds + self._clock.monotonic() - self._began

    # Rounds

    def _rounds(self) -> Script:
        """Repeat rounds until nothing is left to do; false if the server could not be used."""
        while not self._stopped:
            this = yield from self._round()
            if this.acted:
                self._journal.make_durable(at_once=True)
            if self._journal.remote.server_problem() is not None:
                if not (yield from self._probe_until_usable()):
                    return False
            elif this.acted:
                # The new list shows whether the server has what it accepted.
                self._engine.refresh(this.acted)
            elif this.cut_short or this.conflicts:  # cut short, though the server is back already
                self._replace(this.conflicts)
            elif this.next_ns is None:
                if not self._recheck(this):
                    break
            elif self._waited_s() > self._limits.longest_wait_s:
                self._look_again(this)
                break
            else:
                yield from self._wait(this.next_ns, this.reason)
            self._look_again(this)
        return True

    def _round(self) -> Generator[float, None, Round]:
        """Have every file decided on, and the jobs done."""
        by_mapping = [
            undecided(self._journal, mapping, self._limits.paths_in(mapping.name))
            for mapping in self._mappings
        ]
        turns = zip_longest(*by_mapping)
        waiting: list[Waiting] = [item for items in turns for item in items if item is not None]
        self._order.show(Planned(len(waiting), sum(item.size for item in waiting)))
        self._order.ask_for(waiting)
        for mapping, files in zip(self._mappings, by_mapping, strict=True):
            self._queue.add(mapping.name, files, first=True)
        while not self._order.is_done(usable=self._engine.usable):
            yield from self._pause(POLL_S)
        self._order.report()
        return self._order.end_round()

    def _replace(self, conflicts: list[FileRecord]) -> None:
        for file in conflicts:
            self._order.show(
                Replacing(file.mapping, file.path, str(file.eid_shown), file.remote_name)
            )
        self._journal.outcomes.allow_replacing(conflicts)
        self._order.replace(conflicts)

    def _recheck(self, this: Round) -> bool:
        """Hash again what is due; returns whether that has found files to look at again."""
        for mapping in self._mappings:
            pending = self._engine.rechecks.pending(mapping)
            if pending.files:
                self._order.show(Planned(pending.files, pending.bytes))
            for file in self._engine.rechecks.run(
                mapping,
                windows=self._windows,
                at_once=self._limits.at_once,
                within=self._limits.paths_in(mapping.name),
                stop=lambda: self._stopped or self._ended(),
                progress=lambda size: self._order.show(Sent(size)),
            ):
                if file.id not in self._rechecked:
                    self._rechecked.add(file.id)
                    this.look_again.setdefault(mapping.name, []).append(file.path)
        self._engine.note_hangs()
        self._leave_if_ended()
        return bool(this.look_again)

    # Waiting

    def _wait(self, until_ns: int, reason: str) -> Generator[float, None, None]:
        seconds = max(0.0, (until_ns - self._clock.now_ns()) / SECOND_NS)
        self._order.show(Pausing(seconds, reason))
        until = self._clock.monotonic() + seconds
        while not self._stopped and (left := until - self._clock.monotonic()) > 0:
            yield from self._pause(left)

    def _pause(self, seconds: float) -> Generator[float, None, None]:
        yield seconds
        self._order.report()
        self._leave_if_ended()

    def _leave_if_ended(self) -> None:
        if self._ended() and not self._stopped:
            raise SessionEnded
