"""Pushes that the page has asked for: they may take long, so they go on while it shows them."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, replace

from aqsync.errors import AqsyncError
from aqsync.log import Log
from aqsync.service.web.models import PushRequest
from aqsync.service.web.orders import Orders
from aqsync.sync.report import PushReport

_MOST = 4

log = Log(__name__)


@dataclass(frozen=True, slots=True)
class Asked:
    """One such push."""

    what: str
    """In words: ``push of lab``."""
    said: str | None = None
    """What became of it; None: it goes on."""
    hint: str = ""
    done: bool = True
    """False: it met an error."""


class Pushes:
    """The newest pushes of the page; usable from several threads.

    Args:
        orders: Carries them out.
        changed: Called when one has ended.
    """

    def __init__(self, orders: Orders, changed: Callable[[], None]) -> None:
        self._orders = orders
        self._changed = changed
        self._lock = threading.Lock()
        self._asked: list[Asked] = []

    @property
    def newest(self) -> tuple[Asked, ...]:
        """Those that go on, and those that have ended since the last one began."""
        with self._lock:
            return tuple(self._asked)

    def begin(self, what: str, request: PushRequest) -> str:
        """Begin one; returns what to say of that.

        Args:
            what: It in words.
            request: What to push.

        Raises:
            AqsyncError: Too many go on.
        """
        asked = Asked(what)
        with self._lock:
            going_on = [each for each in self._asked if each.said is None]
            if len(going_on) >= _MOST:
                raise AqsyncError(f"{_MOST} pushes of this page go on", hint="wait for one to end")
            self._asked = [*going_on, asked]
        threading.Thread(
            target=self._push, args=(asked, request), name="push of the page", daemon=True
        ).start()
        return f"{what} has begun; what became of it is shown here"

    def _push(self, asked: Asked, request: PushRequest) -> None:
        try:
            report = self._orders.push(request, lambda _event: None, threading.Event())
            ended = _told(asked, report)
        except AqsyncError as exc:
            ended = replace(asked, said=exc.message, hint=exc.hint, done=False)
        except Exception as exc:  # noqa: BLE001 - one push must not end the page
            log.error("an internal error; please report it", request=asked.what, exc=exc)
            ended = replace(asked, said=f"internal error of the daemon: {exc}", done=False)
        with self._lock:
            self._asked = [ended if each is asked else each for each in self._asked]
        self._changed()


def _told(asked: Asked, report: PushReport) -> Asked:
    server = report.server
    if server is not None:
        return replace(asked, said=server.message, hint=server.hint, done=False)
    return replace(asked, said=report.words)
