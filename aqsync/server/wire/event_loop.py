"""The event loop, with a limit for how long a client may take to agree on encryption."""

from __future__ import annotations

import asyncio
from typing import Any

HANDSHAKE_SECONDS = 15.0
"""Connections in this state are in no other limit: they come to the server when it has ended."""
_FAREWELL_SECONDS = 5.0


class EventLoop(asyncio.SelectorEventLoop):
    """asyncio's own loop, which knows no other way to set this for servers that uvicorn begins."""

    async def create_server(
        self,
        *args: Any,  # noqa: ANN401 - passed on
        **options: Any,  # noqa: ANN401 - passed on
    ) -> asyncio.Server:
        """Begin to listen."""
        if options.get("ssl") is not None:
            options["ssl_handshake_timeout"] = HANDSHAKE_SECONDS
            options["ssl_shutdown_timeout"] = _FAREWELL_SECONDS
        return await super().create_server(*args, **options)
