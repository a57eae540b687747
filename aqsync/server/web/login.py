"""Logging in and out: the token, once, and then a session's cookie."""

from __future__ import annotations

import hashlib
import hmac
import re

from aqsync.server.errors import FileRefused
from aqsync.server.rights.failed_logins import TOO_MANY, FailedLogins
from aqsync.server.web.fields import Fields
from aqsync.server.web.formats import link
from aqsync.server.web.responses import redirect, send_html
from aqsync.server.web.sessions import TLS, Sessions
from aqsync.server.web.templates import Page, render
from aqsync.server.wire.exchange import BY, Exchange

_MAX_BODY = 16 * 1024
_OWN_PATH = re.compile(r"/(?![/\\])[!-~]*")
"""A path that cannot lead to another server."""


class Login:
    """Decides who may see the page.

    Args:
        token: What a person must enter; None lets everybody in.
        sessions: The sessions of those who have logged in.
        failed: Counts wrong tokens.
    """

    def __init__(self, token: str | None, sessions: Sessions, failed: FailedLogins) -> None:
        self._failed = failed
        self._token = token
        self._sessions = sessions

    @property
    def is_needed(self) -> bool:
        """Whether there is a token."""
        return self._token is not None

    def lets_in(self, exchange: Exchange) -> bool:
        """Tell whether a request may see the page."""
        session = self._session(exchange)
        if self._token is None:
            exchange.scope[BY] = "anybody"
        elif session is not None and self._sessions.is_open(session, _origin(exchange)):
            exchange.scope[BY] = _label(session)
        else:
            return False
        return True

    async def redirect_to_form(self, exchange: Exchange) -> None:
        """Redirect to the form, which leads back to the page that was asked for."""
        wanted = str(exchange.scope["raw_path"], "latin-1")
        query = str(exchange.scope["query_string"], "latin-1")
        if query:
            wanted += f"?{query}"
        await redirect(exchange, link("login", next="" if wanted == "/" else wanted))

    async def show(self, exchange: Exchange) -> None:
        """Show the form, or redirect a person who is logged in already."""
        wanted = Fields(exchange.scope["query_string"])["next"]
        if self.lets_in(exchange):
            await redirect(exchange, _own_path(wanted))
        else:
            await self._show(exchange, wanted)

    async def begin(self, exchange: Exchange) -> None:
        """Take the form and begin a session, or show the form again.

        Raises:
            FileRefused: It is no such form, comes too slowly, or after too many wrong tokens.
            ClientLeft: It did not come to its end.
        """
        if self._failed.shuts_out(exchange.client):
            raise FileRefused(429, TOO_MANY)
        fields = Fields(await exchange.read_body(_MAX_BODY))
        wanted = fields["next"]
        sent = fields["token"].strip()
        if self._token is None or hmac.compare_digest(sent.encode(), self._token.encode()):
            # A new id at each login, so that no id that somebody else has set is ever used.
            self._sessions.end(self._session(exchange))
            session = self._sessions.begin(_origin(exchange))
            exchange.scope[BY] = _label(session)
            exchange.note_login("login")
            cookie = self._sessions.cookie(session, secure=_is_secure(exchange))
            await redirect(exchange, _own_path(wanted), (cookie,))
        else:
            exchange.note_login("login", "wrong token")
            await self._failed.slow_down(exchange.client)
            await self._show(exchange, wanted, "This is not the token.")

    async def end(self, exchange: Exchange) -> None:
        """End the session of a request."""
        if self.lets_in(exchange):
            exchange.note_login("logout")
        self._sessions.end(self._session(exchange))
        cookie = self._sessions.cookie(None, secure=_is_secure(exchange))
        await redirect(exchange, link("login"), (cookie,))

    async def _show(self, exchange: Exchange, wanted: str, problem: str = "") -> None:
        page = Page("login.html", {"problem": problem, "next": wanted})
        await send_html(exchange, render(page), status=401 if problem else 200)

    def _session(self, exchange: Exchange) -> str | None:
        return self._sessions.id_in(exchange.header(b"cookie"), secure=_is_secure(exchange))


def _own_path(wanted: str) -> str:
    return wanted if _OWN_PATH.fullmatch(wanted) else "/"


def _label(session: str) -> str:
    """What stands in logs for a session; its id would open the page."""
    return f"session {hashlib.sha256(session.encode()).hexdigest()[:8]}"


def _origin(exchange: Exchange) -> str:
    return TLS if _is_secure(exchange) else exchange.client


def _is_secure(exchange: Exchange) -> bool:
    return bool(exchange.scope["scheme"] == "https")
