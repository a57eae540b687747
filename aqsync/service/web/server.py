"""The daemon's HTTP server from its start to its end: uvicorn on a thread of its own."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import threading
from pathlib import Path

import uvicorn
from starlette.types import ASGIApp

from aqsync.clock import Clock, SystemClock
from aqsync.service.web.app import create_app
from aqsync.service.web.connection import HEADERS, Connection
from aqsync.service.web.local_socket import listen, socket_path
from aqsync.service.web.orders import Worker, order_routes

_BACKLOG = 64


class ControlServer:
    """Takes orders on the Unix socket, for a daemon that holds the journal's lock.

    Args:
        journal: The journal's path; the socket stands beside it.
        worker: Carries orders out.
        clock: The time.
    """

    def __init__(self, journal: Path, worker: Worker, clock: Clock | None = None) -> None:
        self.path = socket_path(journal)
        self._app = create_app(order_routes(worker, clock or SystemClock()))
        self._thread: threading.Thread | None = None
        self._made: os.stat_result
        self._server: _Server

    def start(self) -> None:
        """Listen.

        Raises:
            ConfigError: There can be no such socket here.
            OSError: It cannot be made.
        """
        listener = listen(self.path)
        self._made = self.path.lstat()
        self._server = _server(self._app)
        self._thread = threading.Thread(
            target=self._serve, args=(listener,), name="control", daemon=True
        )
        self._thread.start()

    def stop(self, within_s: int = 5) -> None:
        """Take no more orders, and let those under way end.

        Args:
            within_s: Seconds to wait for them; the process may end while they go on.
        """
        if self._thread is None:
            return
        with contextlib.suppress(OSError):
            if os.path.samestat(self.path.lstat(), self._made):  # else it is another daemon's
                self.path.unlink()
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
            if isinstance(connection, Connection):
                connection.end()
        await super().shutdown(sockets)


def _server(app: ASGIApp) -> _Server:
    return _Server(
        uvicorn.Config(
            app,
            loop="asyncio",
            http=Connection,
            ws="none",
            lifespan="off",
            interface="asgi3",
            log_config=None,
            log_level="error",  # what is wrong with a request is told to the client
            access_log=False,
            proxy_headers=False,
            server_header=False,
            date_header=False,
            headers=list(HEADERS.items()),
            backlog=_BACKLOG,
        )
    )
