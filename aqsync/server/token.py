"""Who may come in."""

from __future__ import annotations

import hmac

from starlette.types import ASGIApp, Receive, Scope, Send

from aqsync.server.http import header, refuse


class TokenGate:
    """Lets through only requests that carry the token.

    Args:
        app: What lies behind the gate.
        token: The token.
    """

    def __init__(self, app: ASGIApp, *, token: str) -> None:
        self._app = app
        self._token = token.encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or self._fits(header(scope, b"authorization")):
            await self._app(scope, receive, send)
            return
        challenge = (b"www-authenticate", b"Bearer")
        detail = "Could not validate credentials"
        await refuse(scope, receive, send, 401, detail, headers=(challenge,))

    def _fits(self, authorization: str | None) -> bool:
        scheme, _, token = (authorization or "").partition(" ")
        # Latin-1 undoes the decoding of the header: the bytes are those that were sent.
        sent = token.strip().encode("latin-1")
        return scheme.lower() == "bearer" and hmac.compare_digest(sent, self._token)
