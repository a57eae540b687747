"""The bearer token that the API asks for."""

from __future__ import annotations

import hmac
from collections.abc import Callable

from starlette.types import ASGIApp, Receive, Scope, Send

from aqsync.server.rights.failed_logins import RETRY, TOO_MANY, FailedLogins
from aqsync.server.wire.exchange import BY, Exchange


class TokenGate:
    """Lets through only requests that carry the token.

    Args:
        app: What answers the requests that pass.
        token: The token.
        failed: Counts wrong tokens.
        is_exempt: Tells which paths are protected in another way.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        token: str,
        failed: FailedLogins,
        is_exempt: Callable[[str], bool],
    ) -> None:
        self._failed = failed
        self._app = app
        self._is_exempt = is_exempt
        self._token = token.encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or answer 401."""
        if scope["type"] == "http" and not self._is_exempt(scope["path"]):
            exchange = Exchange(scope, receive, send)
            if self._failed.shuts_out(exchange.client):
                await exchange.refuse(429, TOO_MANY, headers=RETRY)
                return
            if not self._is_valid(exchange.header(b"authorization")):
                await self._failed.slow_down(exchange.client)
                challenge = (b"www-authenticate", b"Bearer")
                await exchange.refuse(401, "Could not validate credentials", headers=(challenge,))
                return
            scope[BY] = "token"
        await self._app(scope, receive, send)

    def _is_valid(self, authorization: str | None) -> bool:
        scheme, _, token = (authorization or "").partition(" ")
        # Latin-1 undoes the decoding of the header: the bytes are those that were sent.
        sent = token.strip().encode("latin-1")
        return scheme.lower() == "bearer" and hmac.compare_digest(sent, self._token)
