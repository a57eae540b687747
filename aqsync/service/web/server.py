"""An HTTP server from its start to its end: uvicorn on a thread of its own."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading

import uvicorn
from starlette.types import ASGIApp

from aqsync.service.web.connection import LimitedConnection

_BACKLOG = 64


class HttpServer:
    """Serves an application on a listening socket, from a thread of its own.

    Args:
        app: The application.
        http: How each connection is served.
        name: Of the thread.
    """

    def __init__(self, app: ASGIApp, http: type[LimitedConnection], name: str) -> None:
        self._app = app
        self._http = http
        self._name = name
        self._thread: threading.Thread | None = None
        self._server: _Server

    def start(self, listener: socket.socket) -> None:
        """Serve; the socket is closed at the end."""
        self._server = _server(self._app, self._http)
        self._thread = threading.Thread(
            target=self._serve, args=(listener,), name=self._name, daemon=True
        )
        self._thread.start()

    def stop(self, within_s: int = 5) -> None:
        """Take no more requests, and let those under way end.

        Args:
            within_s: Seconds to wait for them; the process may end while they go on.
        """
        if self._thread is None:
            return
        self._server.config.timeout_graceful_shutdown = within_s
        self._server.end()
        self._thread.join(within_s + 1.0)

    def _serve(self, listener: socket.socket) -> None:
        with asyncio.Runner(loop_factory=lambda: self._server.loop) as runner:
            runner.run(self._server.serve(sockets=[listener]))


class _Server(uvicorn.Server):
    """Sleeps until there is something to do; uvicorn itself wakes ten times a second."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.loop = asyncio.new_event_loop()
        self._end = asyncio.Event()

    def end(self) -> None:
        """Shut down; called from any thread."""
        with contextlib.suppress(RuntimeError):  # it has ended
            self.loop.call_soon_threadsafe(self._end.set)

    async def main_loop(self) -> None:
        self.server_state.default_headers = self.config.encoded_headers
        await self._end.wait()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        # asyncio loses a connection that it has accepted and not begun when its server closes.
        for listener in sockets or ():
            self.loop.remove_reader(listener)
        for _ in range(2):
            await asyncio.sleep(0)
        for connection in list(self.server_state.connections):
            if isinstance(connection, LimitedConnection):
                connection.end()
        await super().shutdown(sockets)


def _server(app: ASGIApp, http: type[LimitedConnection]) -> _Server:
    return _Server(
        uvicorn.Config(
            app,
            loop="asyncio",
            http=http,
            ws="none",
            lifespan="off",
            interface="asgi3",
            log_config=None,
            log_level="error",  # what is wrong with a request is told to the client
            access_log=False,
            proxy_headers=False,
            server_header=False,
            date_header=False,
            headers=list(http.answer_headers.items()),
            backlog=_BACKLOG,
        )
    )
