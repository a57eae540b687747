"""A sign of life, for a service that tells people when it does not come (healthchecks style).

``GET url`` while all goes on; ``POST url/fail`` with words when something needs a person or is
stuck, the daemon's own loops included.
"""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import urlsplit, urlunsplit

from pydantic import SecretStr

from aqsync.clock import Clock
from aqsync.config.notify import Address, HeartbeatConfig, On
from aqsync.errors import AqsyncError
from aqsync.log import Log
from aqsync.service import outgoing
from aqsync.service.messages.alarms import alarms, told
from aqsync.service.own_facts import OwnFacts, Watched
from aqsync.sync.loop import Loop

LOOK_S = 5.0
"""How often it is seen whether one is wanted, while none is."""
RETRY_S = 5.0
"""After one that did not arrive; doubling, to the interval."""
_FAILS = frozenset({On.NEEDS_YOU, On.STUCK})

log = Log(__name__)
Beat = Callable[[Address, str], None]


class Heartbeat:
    """Sends signs of life on a thread of its own.

    Args:
        daemon: Whose.
        facts: What it knows of itself.
        clock: The time.
        beat: Sends one: where to, and what is wrong, if anything.
    """

    def __init__(
        self, daemon: Watched, facts: OwnFacts, clock: Clock, beat: Beat | None = None
    ) -> None:
        self._daemon = daemon
        self._facts = facts
        self._beat = send_beat if beat is None else beat
        self.loop = Loop("heartbeat", clock)
        self._pause_s = 0.0
        self.problem: str | None = None
        """Why the last did not arrive; no secret stands in it."""

    def step(self) -> float:
        """Send one; returns the seconds until the next."""
        heartbeat = self._daemon.config.heartbeat
        if heartbeat is None:
            self.problem = None
            return LOOK_S
        try:
            self._send(heartbeat)
        except AqsyncError as exc:
            if self.problem is None:
                log.warning("no sign of life could be sent; it is tried again", exc=exc)
            self.problem = exc.message
            self._pause_s = 2 * self._pause_s or RETRY_S
            return min(self._pause_s, heartbeat.every)
        if self.problem is not None:
            log.info("recovered: signs of life are taken again")
        self.problem, self._pause_s = None, 0.0
        return heartbeat.every

    def _send(self, heartbeat: HeartbeatConfig) -> None:
        found = self._daemon.board.look(heartbeat.every / 2)
        wrong = [each for each in alarms(found, self._facts.now(found)) if each.kind in _FAILS]
        self._beat(heartbeat.address(), told(wrong))


def send_beat(address: Address, words: str) -> None:
    """Send a sign of life.

    Args:
        address: Where to.
        words: What is wrong; empty: nothing.

    Raises:
        NotSent: It was not taken.
    """
    if words:
        parts = urlsplit(address.url.get_secret_value())
        url = urlunsplit(parts._replace(path=f"{parts.path.rstrip('/')}/fail"))
        failing = address._replace(url=SecretStr(url))
        outgoing.post(failing, words.encode(), "text/plain; charset=utf-8")
    else:
        outgoing.get(address)
