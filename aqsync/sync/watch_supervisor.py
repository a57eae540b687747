"""Keeps a watcher on a root, restarts it when necessary, and decides whether events are trusted.

If an event may have been lost, that is a doubt; after a doubt everything is scanned.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from contextlib import suppress
from typing import Protocol

from aqsync.config import MappingConfig
from aqsync.errors import DiskHangs, EventsUnavailable, RootUnusable
from aqsync.journal.mappings import RootIdentity
from aqsync.local.hints import Hints
from aqsync.local.mounts import without_events
from aqsync.local.roots import root_identity
from aqsync.local.scanner import ScanReport
from aqsync.local.watches import limit_problem
from aqsync.log import Log
from aqsync.model import Explanation, Problem, Reason, explain_error
from aqsync.sync.engine import Engine

ROOT_CHECK_S = 5.0
"""How often to check whether the root is still the same."""
AILMENT_CHECK_S = 60.0
"""How often to check the watcher itself, which lists every watch."""
WATCH_AGAIN_S = 60.0
"""How soon to try again where watching failed."""
REWATCH_S = 600.0
"""How often to retry missing watches: the limit of the system may have been raised."""
TEST_AGAIN_S = 3600.0
"""How often to prove that events arrive."""
TEST_TIMEOUT_S = 5.0

NO_HINTS = Hints(frozenset(), None)

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
        """Why it no longer gets all events; None: it does."""

    def reach(self, path: str) -> bool:
        """Watch a directory and what is below it; true if a part of it had no watch."""

    def blind(self, directories: Collection[int]) -> int:
        """How many of these inodes have no watch."""

    def proves(self, timeout_s: float) -> bool:
        """Whether a test event arrives."""


class WatchSupervisor:
    """The watcher of one mapping's root.

    Args:
        engine: Gives disk, journal and clock.
        mapping: Which mapping.
        make: Makes a watcher of the root.
        doubt: Called with the reason why everything must be scanned.
    """

    def __init__(
        self,
        engine: Engine,
        mapping: MappingConfig,
        make: Callable[[], Watch],
        doubt: Callable[[str], None],
    ) -> None:
        self._engine = engine
        self._mappings = engine.journal.mappings
        self._mapping = mapping
        self._make = make
        self._doubt = doubt
        self._id = self._mappings.get(mapping.name).id
        self._watch: Watch | None = None
        self._root: RootIdentity | None = None
        self.check_at = 0.0
        """When to call `attend` next, by the monotonic clock."""
        self._begin_at = 0.0
        self._ailment_at = 0.0
        self._test_at = 0.0
        self._rewatch_at = 0.0
        self._blind = False
        """Some directories had no watch at the last count."""
        self._told: Reason | None = None
        """The reason for distrust that was logged last."""

    @property
    def running(self) -> bool:
        """Whether there is a watcher."""
        return self._watch is not None

    @property
    def trusted(self) -> bool:
        """Whether no event means no change."""
        return self._watch is not None and self._mappings.watch(self._id) is None

    def close(self) -> None:
        """Watch no longer."""
        if self._watch is not None:
            self._watch.stop()
            self._watch = None

    def take(self) -> Hints:
        """The events since the last call."""
        return NO_HINTS if self._watch is None else self._watch.take()

    def reach(self, paths: Collection[str]) -> list[str]:
        """Watch directories that can be scanned again, and what is below them.

        Returns:
            Those that were not watched completely: changes there had no events.
        """
        watch = self._watch
        if watch is not None:
            return [path for path in paths if watch.reach(path)]
        if "" in paths:  # perhaps it can be watched again too
            self._begin_at = self.check_at = 0.0
        return []

    def attend(self, now: float, *, soon: bool) -> None:
        """Check the root and the watcher, and restart the watcher if necessary.

        Args:
            now: The monotonic clock.
            soon: Do it even before `check_at`.
        """
        if now < self.check_at and not soon:
            return
        self.check_at = now + ROOT_CHECK_S
        root = self._identity()
        if root != self._root:
            self._doubt("the directory is missing, or another one than before")
            self._root = root
            self._anew()
        elif self._watch is not None and now >= self._ailment_at:
            self._ailment_at = now + AILMENT_CHECK_S
            if (ailment := self._watch.ailment()) is not None:
                log.warning("watching begins again", mapping=self._mapping.name, reason=ailment)
                self._anew()
        if self._blind and now >= self._rewatch_at:
            self._rewatch_at = now + REWATCH_S
            self._anew()
        if self._watch is None:
            if root is not None and now >= self._begin_at:
                self._begin(now)
        elif now >= self._test_at:
            self._test(now)

    def _anew(self) -> None:
        self.close()
        self._begin_at = 0.0

    def _identity(self) -> RootIdentity | None:
        try:
            return self._engine.ask(
                self._mapping,
                lambda: root_identity(self._mapping.directory, self._engine.disk),
            )
        except RootUnusable:
            return None

    def _begin(self, now: float) -> None:
        self._begin_at = now + WATCH_AGAIN_S
        watch = self._make()
        try:
            # A watcher lists every directory, and cannot be given up when it hangs.
            self._engine.ask(self._mapping, self._list_a_little)
            watch.start()
        except DiskHangs:
            return  # the next scan reports it
        except EventsUnavailable as exc:
            self._distrust(explain_error(exc))
            return
        self._watch = watch
        self._ailment_at = now + AILMENT_CHECK_S
        self._doubt("watching has begun")
        self._test(now)

    def _list_a_little(self) -> None:
        with (
            suppress(OSError),  # the watcher reports it
            self._engine.disk.listing(self._mapping.directory, "") as listing,
        ):
            next(listing.entries, None)

    def _test(self, now: float) -> None:
        """Test whether events of this root can be trusted."""
        assert self._watch is not None  # noqa: S101 - the callers have looked
        self._test_at = now + TEST_AGAIN_S
        directory = self._mapping.directory
        if (kind := without_events(directory)) is not None:
            self._distrust(Reason.NO_EVENTS_THERE.explain(root=directory, kind=kind))
        elif not self._watch.proves(TEST_TIMEOUT_S):
            self._distrust(Reason.TEST_EVENT_LOST.explain(root=directory))
        elif not self._blind:
            self._trust()

    def count_blind(self, report: ScanReport) -> None:
        """After a scan of everything, check whether each directory has a watch."""
        if self._watch is None or not report.whole:
            return
        unseen = self._watch.blind(report.directory_inodes)
        if not unseen:
            if self._blind:
                self._blind = False
                self.check_at = self._test_at = 0.0
        elif not self._blind:
            # They were made or moved in during the scan: a new watcher may reach them.
            self._blind = True
            self._rewatch_at = self._engine.clock.monotonic() + REWATCH_S
            self._anew()
            self._doubt("directories without a watch")
        else:
            said, advice = limit_problem(unseen, len(report.directory_inodes))
            self._distrust(Reason.WATCHES_MISSING.explain(said=said, advice=advice))

    def _distrust(self, why: Explanation) -> None:
        self._mappings.set_watch(self._id, Problem(why, self._engine.clock.now_ns()))
        if why.reason is not self._told:
            self._told = why.reason
            log.warning(
                "events cannot be trusted; the directory is looked at more often",
                mapping=self._mapping.name,
                reason=why.message,
                hint=why.hint,
            )

    def _trust(self) -> None:
        self._mappings.set_watch(self._id, None)
        if self._told is not None:
            self._told = None
            log.info("events can be trusted again", mapping=self._mapping.name)
