"""The newest overview: found out when somebody asks for it and something has changed since."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import replace

from aqsync.clock import Clock
from aqsync.config import Config
from aqsync.journal import Journal
from aqsync.journal.backlog import ToCome
from aqsync.sync.loop import Loop
from aqsync.sync.overview import NO_DOUBTS, Doubts, Overview, overview

SAMPLE_EVERY_S = 300.0
"""Between two samples of how much is still to come."""
AT_ONCE_S = 0.03
"""A page waits so many seconds for the newest answer before it takes the last one."""
_SHARE = 20
"""Finding it out may take one second of so many, however often it is asked for."""
_SHARE_UNCHANGED = 100
"""The same for a page while nothing is written to the journal: only time may change something."""


class Board:
    """Knows how everything stands; usable from several threads.

    It costs nothing while nobody asks. While nothing is still to come, it is found out again only
    after something was written to the journal.

    Args:
        journal: What is known.
        clock: The time.
        config: Gives the present configuration.
        under_way: Gives how many files are being sent.
        at_once_s: So long those wait who want an answer at once.
        doubts: Gives what the daemon does not know now.

    Attributes:
        found: How often it was found out: another number, another answer.
    """

    def __init__(
        self,
        journal: Journal,
        clock: Clock,
        config: Callable[[], Config],
        under_way: Callable[[], int],
        at_once_s: float = AT_ONCE_S,
        doubts: Callable[[], Doubts] = lambda: NO_DOUBTS,
    ) -> None:
        self._journal = journal
        self._clock = clock
        self._config = config
        self._under_way = under_way
        self._at_once_s = at_once_s
        self._doubts = doubts
        self.found = 0
        self._looking = threading.Lock()
        self._asking = threading.Lock()
        self._asked: Future[Overview] | None = None
        self._known: Overview | None = None
        self._by: tuple[Config, Doubts, int, int] | None = None
        self._at = self._took = 0.0

    def look(self, fresh_s: float = 1.0, unchanged_share: int = _SHARE) -> Overview:
        """How everything stands.

        Args:
            fresh_s: An answer that is no older than so many seconds is good enough; where finding
                it out takes long, an older one.
            unchanged_share: Finding it out may take one second of so many, while nothing is written
                to the journal.

        Raises:
            JournalError: The journal cannot be read.
        """
        with self._looking:
            began, now_ns = self._clock.monotonic(), self._clock.now_ns()
            config, doubts, under_way = self._config(), self._doubts(), self._under_way()
            by = config, doubts, under_way, self._journal.changes
            known = self._known
            if known is not None:
                share = _SHARE if by != self._by else unchanged_share
                young = began - self._at <= max(fresh_s, self._took * share)
                same = self._by is not None and config is self._by[0] and doubts == self._by[1]
                if young and same:
                    return known
                if by == self._by and _lasts(known, now_ns):
                    return replace(known, at_ns=now_ns)
            self._known = overview(
                self._journal, config, now_ns, under_way=under_way, doubts=doubts
            )
            self._by, self._at = by, began
            self._took = self._clock.monotonic() - began
            self.found += 1
            return self._known

    def at_once(self, fresh_s: float = 1.0) -> Overview | None:
        """The same as far as it is known at once; the events of a page then tell of a newer one.

        Args:
            fresh_s: As for `look`.

        Returns:
            None: nothing is known yet.

        Raises:
            JournalError: The journal cannot be read.
        """
        if self._known is not None and self._took > self._at_once_s:
            return self._known  # to begin to look would slow the page down
        return self.soon(fresh_s)

    def soon(self, fresh_s: float = 1.0) -> Overview | None:
        """The same, and where finding it out takes long, that goes on; `found` tells of its end."""
        with self._asking:
            asked = self._asked
            if asked is None or asked.done():
                self._asked = asked = Future()
                threading.Thread(
                    target=self._answer, args=(asked, fresh_s), name="board", daemon=True
                ).start()
        try:
            return asked.result(self._at_once_s)
        except TimeoutError:
            return self._known

    def outdate(self) -> None:
        """Somebody has changed something, and wants to see what came of it."""
        self._by = None

    def _answer(self, asked: Future[Overview], fresh_s: float) -> None:
        try:
            asked.set_result(self.look(fresh_s, _SHARE_UNCHANGED))
        except BaseException as exc:  # noqa: BLE001 - it is told to the one who asked
            asked.set_exception(exc)


def _lasts(known: Overview, now_ns: int) -> bool:
    """Whether time alone changes nothing about it."""
    paused = all(pause.active(now_ns) for pause in known.pauses.values())
    return paused and not known.to_come_files


class Sampler:
    """Writes down now and then how much is still to come, for charts.

    Args:
        board: Knows it.
        journal: Where it is written down.
        clock: The time.
    """

    def __init__(self, board: Board, journal: Journal, clock: Clock) -> None:
        self._board = board
        self._journal = journal
        self.loop = Loop("samples for charts", clock)

    def step(self) -> float:
        """Write down one sample."""
        found = self._board.look(SAMPLE_EVERY_S / 2)
        to_come = {
            each.mapping.name: ToCome(each.not_there.files, each.not_there.bytes)
            for each in found.mappings
        }
        self._journal.backlog.note(found.at_ns, to_come)
        return SAMPLE_EVERY_S
