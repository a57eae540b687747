"""Who asks the API: found out before anything else is done."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from starlette.types import ASGIApp, Receive, Scope, Send

from aqsync.server.rights.failed_logins import RETRY, TOO_MANY, FailedLogins, network_of
from aqsync.server.rights.rate_limit import RateLimit
from aqsync.server.rights.token_directory import TokenDirectory
from aqsync.server.rights.who import ANYBODY, Who
from aqsync.server.wire.exchange import BY, STILL, WHO, Exchange
from aqsync.server.wire.request_origin import FOREIGN, REBOUND, is_rebound, sent_by_own_page

SLOW_DOWN = "Too many requests came from here: there is a limit for each second."


class Gate:
    """Lets through only requests of which it is known who sends them.

    On a server without tokens everybody may do everything, but for pages of others that make a
    browser send requests. Where there is a token no browser adds it by itself.

    Args:
        app: What answers the requests that pass.
        directory: The tokens.
        failed: Counts wrong tokens.
        rate: How many requests each may make.
        is_exempt: Tells which paths are protected in another way.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        directory: TokenDirectory,
        failed: FailedLogins,
        rate: RateLimit,
        is_exempt: Callable[[str], bool],
        allowed: frozenset[str],
    ) -> None:
        self._app = app
        self._directory = directory
        self._failed = failed
        self._rate = rate
        self._is_exempt = is_exempt
        self._allowed = allowed

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or answer 401, 403 or 429."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        exchange = Exchange(scope, receive, send)
        if not self._is_exempt(scope["path"]) and not await self._knows(exchange):
            return
        who: Who = scope.get(WHO, ANYBODY)
        payer = network_of(exchange.client) if who is ANYBODY else f"owner {who.owner}"
        if wait := self._rate.wait_for(payer):
            await exchange.refuse(429, SLOW_DOWN, headers=((b"retry-after", b"%d" % wait),))
            return
        await self._app(scope, receive, send)

    async def _knows(self, exchange: Exchange) -> bool:
        """Find out who asks; else answer."""
        if not await self._directory.is_open():
            return await self._knows_the_token(exchange)
        if is_rebound(exchange, self._allowed):
            await exchange.refuse(403, REBOUND)
            return False
        if sent_by_own_page(exchange) is False and exchange.method != "GET":
            await exchange.refuse(403, FOREIGN)
            return False
        exchange.scope[WHO] = ANYBODY
        exchange.scope[BY] = ANYBODY.name
        return True

    async def _knows_the_token(self, exchange: Exchange) -> bool:
        if self._failed.shuts_out(exchange.client):
            await exchange.refuse(429, TOO_MANY, headers=RETRY)
            return False
        found = await self._directory.who_sends(_token_in(exchange.header(b"authorization")))
        if found is None:
            await self._failed.slow_down(exchange.client)
            challenge = (b"www-authenticate", b"Bearer")
            await exchange.refuse(401, "Could not validate credentials", headers=(challenge,))
            return False
        digest, who = found
        exchange.scope[WHO] = who
        exchange.scope[BY] = label_of(who)
        exchange.scope[STILL] = partial(self._directory.who_has, digest)
        return True


def label_of(who: Who) -> str:
    """Return what stands in logs for a token: no part of its secret."""
    return "token" if who.token is None else f"token {who.name} of {who.owner}"


def _token_in(authorization: str | None) -> bytes:
    scheme, _, token = (authorization or "").partition(" ")
    # Latin-1 undoes the decoding of the header: the bytes are those that were sent.
    return token.strip().encode("latin-1") if scheme.lower() == "bearer" else b""
