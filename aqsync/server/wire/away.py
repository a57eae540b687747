"""The answer while the database cannot be reached."""

from __future__ import annotations

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from aqsync.server.catalog.database import DatabaseAway
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
        started = False

        async def noting_the_start(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        try:
            await self._app(scope, receive, noting_the_start)
        except DatabaseAway as exc:
            if scope["type"] != "http" or started:
                raise
            await Exchange(scope, receive, send).refuse(AWAY, str(exc), headers=RETRY)
