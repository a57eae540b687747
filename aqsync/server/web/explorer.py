"""The page at ``/api/graphql`` from which a person asks the API: it holds nothing of the server's.

Where the server asks for a token, so does the page, keeps it while it is open and sends it with
each question; the page itself needs none.
"""

from __future__ import annotations

from urllib.parse import parse_qs

from starlette.types import ASGIApp, Receive, Scope, Send

from aqsync.server.rights.token_directory import TokenDirectory
from aqsync.server.web.responses import send_html
from aqsync.server.web.templates import Page, render
from aqsync.server.wire.exchange import Exchange

_PATH = "/api/graphql"
_START = """{
  experiments(offset: 0, limit: 10) {
    totalExperimentsCount
    experimentsData { eid title tags createdAt }
  }
}"""


class Explorer:
    """Answers a browser that opens the address of the API, and passes everything else on.

    Args:
        app: What answers everything else.
        directory: The tokens; where there are any, the page asks for one.
    """

    def __init__(self, app: ASGIApp, *, directory: TokenDirectory) -> None:
        self._app = app
        self._directory = directory
        self._html = {
            asks: render(
                Page("explorer.html", {"asks_token": asks, "path": _PATH, "start": _START})
            )
            for asks in (True, False)
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or pass it on."""
        if scope["type"] == "http" and _is_opened(scope, Exchange(scope, receive, send)):
            asks = not await self._directory.is_open()
            await send_html(Exchange(scope, receive, send), self._html[asks])
        else:
            await self._app(scope, receive, send)


def _is_opened(scope: Scope, exchange: Exchange) -> bool:
    """Tell whether a person opens the address, rather than that a program asks something."""
    return (
        scope["path"] == _PATH
        and scope["method"] == "GET"
        and b"query" not in parse_qs(scope["query_string"], keep_blank_values=True)
        and "text/html" in (exchange.header(b"accept") or "")
    )
