"""The sessions of people who have logged in to the page."""

from __future__ import annotations

import secrets
import time
from collections import OrderedDict
from collections.abc import Callable

IDLE_SECONDS = 12 * 3600.0
"""A session that is not used for this long ends."""

TLS = "tls"
"""The origin of all sessions whose cookie is sent by TLS only."""

_MOST_SESSIONS = 1000


class Sessions:
    """The sessions of one server, in memory: a restart ends them. For one thread.

    Browsers send a cookie to every port of a host, so another server there can read it. With TLS
    the name begins with ``__Host-``, so that no other server can set it; and without TLS a session
    can be used only from the address that began it, so that a server there cannot use it.

    Args:
        cookie: The name of the cookie that carries a session's id.
        clock: Seconds that only grow.
    """

    def __init__(self, cookie: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._cookie = cookie
        self._clock = clock
        self._used: OrderedDict[str, tuple[float, str, str]] = OrderedDict()

    def begin(self, origin: str, token: str) -> str:
        """Begin a session and return its id, which is random.

        Args:
            origin: What its requests have in common: `TLS`, or the address of the client.
            token: The SHA-256 of the token that it was begun with.
        """
        session = secrets.token_urlsafe(32)
        self._used[session] = self._clock(), origin, token
        if len(self._used) > _MOST_SESSIONS:
            self._used.popitem(last=False)
        return session

    def token_of(self, session: str | None, origin: str) -> str | None:
        """Return the SHA-256 of the token of a session, and note that it was used.

        None if this is the id of no session of this origin.
        """
        known = self._used.get(session or "")
        if session is None or known is None or known[1] != origin:
            return None
        now = self._clock()
        if now - known[0] > IDLE_SECONDS:
            del self._used[session]
            return None
        self._used[session] = now, origin, known[2]
        self._used.move_to_end(session)
        return known[2]

    def end(self, session: str | None) -> None:
        """End a session, if this is the id of one."""
        self._used.pop(session or "", None)

    def id_in(self, cookies: str | None, *, secure: bool) -> str | None:
        """Return the id that a request's ``Cookie`` header holds."""
        wanted = self._name(secure=secure)
        for part in (cookies or "").split(";"):
            name, _, value = part.strip().partition("=")
            if name == wanted:
                return value
        return None

    def cookie(self, session: str | None, *, secure: bool) -> tuple[bytes, bytes]:
        """Return the header that gives a browser an id, or with None takes it away.

        Args:
            session: The id.
            secure: Whether the browser may send it over HTTPS only.
        """
        value = f"{self._name(secure=secure)}={session or ''}; Path=/; HttpOnly; SameSite=Strict"
        value += "; Secure" if secure else ""
        value += "; Max-Age=0" if session is None else ""
        return b"set-cookie", value.encode()

    def _name(self, *, secure: bool) -> str:
        return f"__Host-{self._cookie}" if secure else self._cookie
