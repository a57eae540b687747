"""Work on a thread of its own, and the HTTP answer that tells how it goes on."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable

from starlette.types import Receive, Scope, Send

from aqsync.errors import AqsyncError, DaemonStopped
from aqsync.log import Log
from aqsync.service.web.app import whole
from aqsync.service.web.models import JSON_LINES, Content, Failure, encoded, plain

ALIVE_EVERY_S = 3.0
"""Seconds after which work that goes on says so."""
_MOST_LINES = 1000
"""Lines that wait to be sent; then the work waits, until the client takes them or has gone."""

log = Log(__name__)


class Work:
    """An answer that is being worked on; Starlette calls it, as it calls any response.

    An answer that is there at once, with nothing told before, is one JSON object with the HTTP
    status that belongs to it. Else the status is 200, and lines follow: what is told, every few
    seconds ``{"event": "alive"}``, and in the end ``{"event": "done", "answer": ...}`` or
    ``{"event": "error", "error": ...}``.

    Args:
        task: Gives the answer; it may block, tell lines, and raise.
        name: What it is, for the log.

    Attributes:
        stop: Set once nobody wants more than what is done: see `aqsync.service.web.connection`.
    """

    stop: threading.Event

    def __init__(self, task: Callable[[Work], Content], name: str) -> None:
        self._thread = threading.Thread(
            target=self._run, args=(task, name), name=f"control {name}", daemon=True
        )
        self._loop = asyncio.get_running_loop()
        self._news = asyncio.Event()
        self._changed = threading.Condition()
        self._lines: list[bytes] | None = []
        """Not sent yet; None once nobody sends them any more."""
        self._outcome: Content | AqsyncError | None = None

    def tell(self, line: Content) -> None:
        """Send a line; called from any thread. Waits for a client that is slow to take it."""
        with self._changed:
            self._changed.wait_for(lambda: len(self._lines or ()) < _MOST_LINES)
            if self._lines is not None:
                self._lines.append(encoded(line))
        self._wake()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer."""
        self.stop = scope["state"]["stop"]
        try:
            self._thread.start()
        except RuntimeError as exc:  # no more threads
            await whole(AqsyncError(f"the daemon is busy: {exc}"))(scope, receive, send)
            return
        try:
            await self._answer(scope, receive, send)
        finally:
            self.stop.set()
            with self._changed:
                self._lines = None
                self._changed.notify_all()

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        lines, outcome = await self._take()
        if outcome is not None and not lines:
            await whole(outcome)(scope, receive, send)
            return
        headers = [(b"content-type", JSON_LINES.encode())]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        while outcome is None:
            content = b"".join(lines) or encoded({"event": "alive"})
            await send({"type": "http.response.body", "body": content, "more_body": True})
            lines, outcome = await self._take()
        await send({"type": "http.response.body", "body": b"".join([*lines, _last(outcome)])})

    async def _take(self) -> tuple[list[bytes], Content | AqsyncError | None]:
        """What was told since the last time, and the outcome if it is there; waits a little."""
        try:
            await asyncio.wait_for(self._news.wait(), ALIVE_EVERY_S)
        except TimeoutError:
            pass
        except asyncio.CancelledError:  # the daemon ends, and waits no longer
            return [], DaemonStopped("the daemon has stopped")
        self._news.clear()
        with self._changed:
            lines = self._lines or []
            if lines:
                self._lines = []
                self._changed.notify_all()
            return lines, self._outcome

    def _run(self, task: Callable[[Work], Content], name: str) -> None:
        try:
            outcome: Content | AqsyncError = task(self)
        except AqsyncError as exc:
            outcome = exc
        except Exception as exc:  # noqa: BLE001 - one request must not end the daemon
            log.error("an internal error; please report it", request=name, exc=exc)
            outcome = AqsyncError(f"internal error of the daemon: {exc}", hint="see its log")
        with self._changed:
            self._outcome = outcome
        self._wake()

    def _wake(self) -> None:
        with contextlib.suppress(RuntimeError):  # the loop has ended
            self._loop.call_soon_threadsafe(self._news.set)


def _last(outcome: Content | AqsyncError) -> bytes:
    if isinstance(outcome, AqsyncError):
        return encoded({"event": "error", "error": plain(Failure.of(outcome))})
    return encoded({"event": "done", "answer": plain(outcome)})
