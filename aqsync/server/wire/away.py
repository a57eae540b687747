"""The answer while the database cannot be reached."""

from __future__ import annotations

from starlette.types import ASGIApp, Receive, Scope, Send

from aqsync.server.catalog.database import DatabaseAway
from aqsync.server.wire.begun import Begun
from aqsync.server.wire.exchange import Exchange, Headers

AWAY = 503
RETRY: Headers = ((b"retry-after", b"5"),)


class AnswersWhileAway:
    """Answers 503 where nothing else could answer because the database is away.

    Args:
        app: What answers otherwise.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        begun = Begun(send)

        try:
            await self._app(scope, receive, begun)
        except DatabaseAway as exc:
            if scope["type"] != "http" or begun.is_so:
                raise
            await Exchange(scope, receive, send).refuse(AWAY, str(exc), headers=RETRY)
