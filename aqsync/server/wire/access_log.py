"""Tells the trail of every request: who, from where, what, and how it ended."""

from __future__ import annotations

import time

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from aqsync.server.trail import Trail
from aqsync.server.wire.exchange import AUDITED, BY, WHO, Exchange

_REFUSALS = frozenset({401, 403, 408, 413, 429, 507})
"""What is told in the audit log, whatever was asked for."""
_LONGEST_PATH = 200


class AccessLog:
    """Tells of each request once it is answered.

    Args:
        app: What answers.
        trail: The logs.
    """

    def __init__(self, app: ASGIApp, *, trail: Trail) -> None:
        self._app = app
        self._trail = trail

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, and tell of it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        status: int | None = None
        sent = 0

        async def noting(message: Message) -> None:
            nonlocal status, sent
            if message["type"] == "http.response.start":
                status = message["status"]
            else:
                sent += len(message.get("body", b""))
            await send(message)

        began = time.perf_counter()
        scope[AUDITED] = []
        try:
            await self._app(scope, receive, noting)
        finally:
            self._tell(Exchange(scope, receive, send), status, sent, time.perf_counter() - began)

    def _tell(self, exchange: Exchange, status: int | None, sent: int, seconds: float) -> None:
        scope = exchange.scope
        # No status: the client left before it was answered.
        who: dict[str, object] = {"client": exchange.client, "by": scope.get(BY, "nobody")}
        if (known := scope.get(WHO)) is not None and known.token is not None:
            who["owner"] = known.owner
        who["status"] = status
        request = {"method": exchange.method, "path": scope["path"]}
        self._trail.access(who | request | {"bytes": sent, "ms": round(seconds * 1000, 1)})
        for entry in scope[AUDITED]:
            self._trail.audit(who | entry)
        if status in _REFUSALS and not scope[AUDITED]:
            # Anybody can send what is refused: it must not push out what matters.
            request["path"] = request["path"][:_LONGEST_PATH]
            self._trail.audit(who | {"what": "refused"} | request)
