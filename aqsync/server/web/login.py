"""Logging in and out: a token, once, and then a session's cookie, which has its rights."""

from __future__ import annotations

import hashlib
import re
from asyncio import get_running_loop
from collections.abc import Callable
from concurrent.futures import Executor
from functools import partial
from typing import TypeVar

from aqsync.server.errors import FileRefused
from aqsync.server.rights.failed_logins import TOO_MANY, FailedLogins
from aqsync.server.rights.token_directory import TokenDirectory
from aqsync.server.rights.who import ANYBODY, Who
from aqsync.server.web.fields import Fields
from aqsync.server.web.formats import link
from aqsync.server.web.responses import redirect, send_html
from aqsync.server.web.session_cookie import SessionCookie
from aqsync.server.web.sessions import TLS, Sessions
from aqsync.server.web.templates import Page, render
from aqsync.server.wire.exchange import BY, STILL, WHO, Exchange

_Result = TypeVar("_Result")
_MAX_BODY = 16 * 1024
_OWN_PATH = re.compile(r"/(?![/\\])[!-~]*")
"""A path that cannot lead to another server."""


class Login:
    """Decides who may see the page.

    Args:
        directory: The tokens; a server without any lets everybody in.
        sessions: The sessions of those who have logged in.
        cookie: Carries their ids.
        failed: Counts wrong tokens.
        threads: Where the sessions are waited for.
    """

    def __init__(
        self,
        directory: TokenDirectory,
        sessions: Sessions,
        cookie: SessionCookie,
        failed: FailedLogins,
        threads: Executor,
    ) -> None:
        self._cookie = cookie
        self._threads = threads
        self._failed = failed
        self._directory = directory
        self._sessions = sessions

    async def is_needed(self) -> bool:
        """Tell whether there are tokens."""
        return not await self._directory.is_open()

    async def who(self, exchange: Exchange) -> Who | None:
        """Tell who sends a request; None if nobody is logged in (any more)."""
        if await self._directory.is_open():
            exchange.scope.update({WHO: ANYBODY, BY: ANYBODY.name})
            return ANYBODY
        session = self._session(exchange)
        if session is None:
            return None
        token = await self._in_thread(self._sessions.token_of, session, _origin(exchange))
        if token is None:
            return None
        who = await self._directory.who_has(token)
        if who is None:
            await self._in_thread(self._sessions.end, session)
            return None
        still = partial(self._directory.who_has, token)
        exchange.scope.update({WHO: who, BY: _label(session), STILL: still})
        return who

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
        if await self.who(exchange) is not None:
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
        found = await self._directory.who_sends(fields["token"].strip().encode())
        if not await self.is_needed():
            await redirect(exchange, _own_path(wanted))
        elif found is not None:
            token, who = found
            # A new id at each login, so that no id that somebody else has set is ever used.
            await self._in_thread(self._sessions.end, self._session(exchange))
            session = await self._in_thread(self._sessions.begin, _origin(exchange), token)
            exchange.scope.update({WHO: who, BY: _label(session)})
            exchange.note_login("login")
            cookie = self._cookie.header(session, secure=_is_secure(exchange))
            await redirect(exchange, _own_path(wanted), (cookie,))
        else:
            exchange.note_login("login", "wrong token")
            await self._failed.slow_down(exchange.client)
            await self._show(exchange, wanted, "This is not a token of this server.")

    async def end(self, exchange: Exchange) -> None:
        """End the session of a request."""
        if await self.who(exchange) is not None:
            exchange.note_login("logout")
        await self._in_thread(self._sessions.end, self._session(exchange))
        cookie = self._cookie.header(None, secure=_is_secure(exchange))
        await redirect(exchange, link("login"), (cookie,))

    async def _show(self, exchange: Exchange, wanted: str, problem: str = "") -> None:
        page = Page("login.html", {"problem": problem, "next": wanted})
        await send_html(exchange, render(page), status=401 if problem else 200)

    async def _in_thread(self, act: Callable[..., _Result], *arguments: object) -> _Result:
        return await get_running_loop().run_in_executor(self._threads, act, *arguments)

    def _session(self, exchange: Exchange) -> str | None:
        return self._cookie.id_in(exchange.header(b"cookie"), secure=_is_secure(exchange))


def _own_path(wanted: str) -> str:
    return wanted if _OWN_PATH.fullmatch(wanted) else "/"


def _label(session: str) -> str:
    """What stands in logs for a session; its id would open the page."""
    return f"session {hashlib.sha256(session.encode()).hexdigest()[:8]}"


def _origin(exchange: Exchange) -> str:
    return TLS if _is_secure(exchange) else exchange.client


def _is_secure(exchange: Exchange) -> bool:
    return bool(exchange.scope["scheme"] == "https")
