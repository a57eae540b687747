"""Requests that are being answered when the server stops."""

from __future__ import annotations

import asyncio

from starlette.types import ASGIApp, Receive, Scope, Send

from aqsync.server.wire.begun import Begun
from aqsync.server.wire.exchange import Exchange


class RunningRequests:
    """Keeps a set of the requests that are being answered, and answers 503 when one is cancelled.

    Args:
        app: What answers.
        tasks: Where the running ones are kept.
    """

    def __init__(self, app: ASGIApp, *, tasks: set[asyncio.Task[None]]) -> None:
        self._app = app
        self._tasks = tasks

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request; 503 if it is cancelled, as a stop does after a while."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        begun = Begun(send)

        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - a coroutine runs in one
        self._tasks.add(task)
        try:
            await self._app(scope, receive, begun)
        except asyncio.CancelledError:
            if not begun.is_so:
                closing = ((b"connection", b"close"),)
                answer = {"detail": "The server is stopping."}
                await Exchange(scope, receive, send).answer(503, answer, headers=closing)
        finally:
            self._tasks.discard(task)
