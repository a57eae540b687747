"""Whether the server can be used; noted and logged once, not for each file."""

from __future__ import annotations

import threading

from aqsync.clock import Clock
from aqsync.errors import AccessDenied, HeaderDropped, RemoteError, ServerFailed
from aqsync.journal import Journal
from aqsync.journal.history import Event, HistoryKind
from aqsync.log import Log
from aqsync.model import SECOND_NS, Reason, ServerProblem, explain_error
from aqsync.sync.backoff import LONGEST_ORDERED_PAUSE_NS, backoff_ns, probe_is_near
from aqsync.wording import duration

SHORTEST_ORDERED_PAUSE_S = 1.0
"""A server that is busy and asks for no pause gets one."""

log = Log(__name__)


class ServerState:
    """What keeps the server from being used, and when it is probed; usable from several threads."""

    def __init__(self, journal: Journal, clock: Clock) -> None:
        self._journal = journal
        self._clock = clock
        self._lock = threading.Lock()
        self._problem = journal.remote.server_problem()

    @property
    def problem(self) -> ServerProblem | None:
        """Why the server could not be used at the last try; None: it could."""
        return self._problem

    def answered(self) -> None:
        """It has sent its lists; that ends every problem except that uploads are denied."""
        with self._lock:
            if self._problem is not None and not self._problem.denied:
                self._set(None)

    def works(self) -> None:
        """A probe has passed, and it has sent its lists."""
        with self._lock:
            self._set(None)

    def failed(self, exc: RemoteError) -> None:
        """It could not be used: all files wait for a probe, which has growing pauses."""
        with self._lock:
            self._note(exc)

    def _note(self, exc: RemoteError) -> None:
        before, now_ns = self._problem, self._clock.now_ns()
        count, since_ns = 1, now_ns
        # Several workers meet the same failure, or a request came before the probe was due.
        planned = before is not None and probe_is_near(before, now_ns)
        if before is not None:
            count = before.count if planned else before.count + 1
            since_ns = min(before.since_ns, now_ns)
        why, probe_at_ns, ordered = explain_error(exc), now_ns + backoff_ns(count, 0), False
        if isinstance(exc, ServerFailed) and exc.retry_after_s is not None:
            ordered = True
            seconds = max(exc.retry_after_s, SHORTEST_ORDERED_PAUSE_S)
            probe_at_ns = now_ns + min(int(seconds * SECOND_NS), LONGEST_ORDERED_PAUSE_NS)
            why = Reason.SERVER_ASKS_FOR_PAUSE.explain(
                said=exc.message, pause=duration(round(seconds)), advice=exc.hint
            )
        elif before is not None and planned:
            probe_at_ns, ordered = before.probe_at_ns, before.ordered
        denied = isinstance(exc, AccessDenied | HeaderDropped)
        self._set(ServerProblem(why, denied, since_ns, count, probe_at_ns, ordered))

    def _set(self, problem: ServerProblem | None) -> None:
        # The journal comes first: if it cannot be written, the state stays as it was.
        if problem == self._problem:
            return
        self._journal.remote.set_server_problem(problem)
        before, self._problem = self._problem, problem
        now_ns = self._clock.now_ns()
        if before is not None and problem is not None and before.denied != problem.denied:
            log.warning("it still cannot be used", reason=problem.message, hint=problem.hint)
        if before is None and problem is not None:
            log.warning("the server cannot be used", reason=problem.message, hint=problem.hint)
            away = Event(now_ns, HistoryKind.SERVER_AWAY, "", "", problem.message, problem.reason)
            self._journal.history.note(away)
        elif before is not None and problem is None:
            away_s = round((now_ns - before.since_ns) / 1e9)
            log.info("recovered: the server can be used again", after_s=away_s)
            back = Event(now_ns, HistoryKind.SERVER_BACK, "", "", f"after {duration(away_s)}")
            self._journal.history.note(back)
