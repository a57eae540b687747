"""What tells an open page that it is outdated: server-sent events."""

from __future__ import annotations

import threading
from collections.abc import AsyncIterator, Callable

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import StreamingResponse

from aqsync.service.page.news import News

EVERY_S = 1.0
"""Between two looks, while a page is open."""
_ALIVE_EVERY = 15
"""After so many looks without news a line is sent, which shows whether the page is still there."""
_RETRY = b"retry: 1000\n\n"
"""So many milliseconds after it was cut off the page tries again."""
_RESTATED = b"event: restated\ndata:\n\n"
_MOVED = b"event: moved\ndata:\n\n"


def events(request: Request, look: Callable[[], News]) -> StreamingResponse:
    """Tell the page at once, and then whenever there is something new.

    Args:
        request: The page's; its state holds the event that ends it.
        look: Finds out what is new; it may block.
    """
    stop: threading.Event = request.scope["state"]["stop"]

    async def told() -> AsyncIterator[bytes]:
        known, silent = None, 0
        yield _RETRY
        while not stop.is_set():
            found = await run_in_threadpool(look)
            if found != known:
                again = known is None or found.standing != known.standing
                known, silent = found, 0
                yield _RESTATED if again else _MOVED
            elif (silent := silent + 1) >= _ALIVE_EVERY:
                silent = 0
                yield b":\n\n"
            await run_in_threadpool(stop.wait, EVERY_S)

    headers = {"cache-control": "no-store"}
    return StreamingResponse(told(), media_type="text/event-stream", headers=headers)
