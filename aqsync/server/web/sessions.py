"""The sessions of people who have logged in to the page."""

from __future__ import annotations

import secrets
import time
from collections import OrderedDict
from collections.abc import Callable

IDLE_SECONDS = 12 * 3600.0
"""A session that is not used for this long ends."""

_MOST_SESSIONS = 1000


class Sessions:
    """The sessions of one server, in memory: a restart ends them. For one thread.

    Args:
        cookie: The name of the cookie that carries a session's id.
        clock: Seconds that only grow.
    """

    def __init__(self, cookie: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._cookie = cookie
        self._clock = clock
        self._used: OrderedDict[str, float] = OrderedDict()

    def begin(self) -> str:
        """Begin a session and return its id, which is random."""
        session = secrets.token_urlsafe(32)
        self._used[session] = self._clock()
        if len(self._used) > _MOST_SESSIONS:
            self._used.popitem(last=False)
        return session

    def is_open(self, session: str | None) -> bool:
        """Tell whether this is the id of a session, and if so note that it was used."""
        used = self._used.get(session or "")
        if session is None or used is None:
            return False
        now = self._clock()
        if now - used > IDLE_SECONDS:
            del self._used[session]
            return False
        self._used[session] = now
        self._used.move_to_end(session)
        return True

    def end(self, session: str | None) -> None:
        """End a session, if this is the id of one."""
        self._used.pop(session or "", None)

    def id_in(self, cookies: str | None) -> str | None:
        """Return the id that a request's ``Cookie`` header holds."""
        for part in (cookies or "").split(";"):
            name, _, value = part.strip().partition("=")
            if name == self._cookie:
                return value
        return None

    def cookie(self, session: str | None, *, secure: bool) -> tuple[bytes, bytes]:
        """Return the header that gives a browser an id, or with None takes it away.

        Args:
            session: The id.
            secure: Whether the browser may send it over HTTPS only.
        """
        value = f"{self._cookie}={session or ''}; Path=/; HttpOnly; SameSite=Strict"
        value += "; Secure" if secure else ""
        value += "; Max-Age=0" if session is None else ""
        return b"set-cookie", value.encode()
