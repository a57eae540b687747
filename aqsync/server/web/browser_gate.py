"""Refuses requests to an open API that the web pages of others make a browser send."""

from __future__ import annotations

from collections.abc import Callable

from starlette.types import ASGIApp, Receive, Scope, Send

from aqsync.server.web.request_origin import FOREIGN, REBOUND, is_rebound, sent_by_own_page
from aqsync.server.wire.exchange import BY, Exchange


class BrowserGate:
    """Refuses requests that a page of another server makes a browser send to one without a token.

    Programs other than browsers pass, under a name that the server knows. A server with a token
    does not need it: no browser adds the token by itself.

    Args:
        app: What answers the requests that pass.
        is_exempt: Tells which paths are protected in another way.
        allowed: Names of this server, besides those of the machine.
    """

    def __init__(
        self, app: ASGIApp, *, is_exempt: Callable[[str], bool], allowed: frozenset[str]
    ) -> None:
        self._allowed = allowed
        self._app = app
        self._is_exempt = is_exempt

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or answer 403."""
        if scope["type"] == "http" and not self._is_exempt(scope["path"]):
            exchange = Exchange(scope, receive, send)
            if is_rebound(exchange, self._allowed):
                await exchange.refuse(403, REBOUND)
                return
            if sent_by_own_page(exchange) is False and exchange.method != "GET":
                await exchange.refuse(403, FOREIGN)
                return
            scope[BY] = "anybody"
        await self._app(scope, receive, send)
