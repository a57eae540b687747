"""``python -m bench.archived``: the embedded server, answering as the archived one does.

It neither hears what requests expect to find nor says which times files got.
"""

from __future__ import annotations

import sys

from starlette.applications import Starlette
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from aqsync.server import run
from aqsync.server.__main__ import main
from aqsync.server.settings import ServerSettings

_OURS = b"aqueduct-"


class Archived:
    """Removes the headers that only the embedded server knows, from both sides.

    Args:
        app: The server's.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""

        async def answer(message: Message) -> None:
            _strip(message)
            await send(message)

        _strip(scope)
        await self._app(scope, receive, answer)


def _strip(message: Scope | Message) -> None:
    if "headers" in message:
        message["headers"] = [
            (name, value)
            for name, value in message["headers"]
            if not name.lower().startswith(_OURS)
        ]


def _create_app(settings: ServerSettings, url: str) -> Starlette:
    app = _whole_app(settings, url)
    app.add_middleware(Archived)
    return app


if __name__ == "__main__":
    _whole_app = run.create_app
    run.create_app = _create_app
    sys.exit(main())
