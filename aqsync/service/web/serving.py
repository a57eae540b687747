"""Serves an application by uvicorn, on a thread of its own, and keeps each client within limits."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading

import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol

from aqsync import __version__
from aqsync.errors import AqsyncError, BadRequest
from aqsync.log import Log
from aqsync.service.web.local_socket import is_trusted
from aqsync.service.web.models import JSON, Failure, encoded

MOST_CONNECTIONS = 32
REQUEST_S = 10.0
"""Seconds that a request may take to arrive, head and body."""
TAKE_S = 20.0
"""Seconds after which a client that takes no more of its answer counts as gone."""
_BACKLOG = 64
_HEADERS = {"server": f"aqsync/{__version__}", "connection": "close"}
"""The release is there for commands of another one; a connection carries one request."""

log = Log(__name__)


class Serving:
    """Serves until it is stopped.

    Args:
        app: The application.
        listener: A socket that is bound; closed in the end.
    """

    def __init__(self, app: ASGIApp, listener: socket.socket) -> None:
        self._listener = listener
        self._loop = asyncio.new_event_loop()
        self._server = _Server(
            uvicorn.Config(
                app,
                loop="asyncio",
                http=_Connection,
                ws="none",
                lifespan="off",
                interface="asgi3",
                log_config=None,
                log_level="error",  # what is wrong with a request is told to the client
                access_log=False,
                proxy_headers=False,
                server_header=False,
                date_header=False,
                headers=list(_HEADERS.items()),
                backlog=_BACKLOG,
            )
        )
        self._thread = threading.Thread(target=self._run, name="control", daemon=True)

    def start(self) -> None:
        """Begin; connections that came before are served too."""
        self._thread.start()

    def stop(self, within_s: int) -> None:
        """Take no more requests; what is under way is waited for, and then left behind."""
        self._server.config.timeout_graceful_shutdown = within_s
        with contextlib.suppress(RuntimeError):  # it has ended
            self._loop.call_soon_threadsafe(self._server.end.set)
        self._thread.join(within_s + 1.0)

    def _run(self) -> None:
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            runner.run(self._server.serve(sockets=[self._listener]))


class _Server(uvicorn.Server):
    """Sleeps until there is something to do; uvicorn itself wakes ten times a second."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.end = asyncio.Event()

    async def main_loop(self) -> None:
        self.server_state.default_headers = self.config.encoded_headers
        await self.end.wait()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End: requests that have come whole are answered, other connections are cut off."""
        for connection in list(self.server_state.connections):
            if isinstance(connection, _Connection) and not connection.has_request:
                connection.transport.abort()
        await super().shutdown(sockets)


class _Connection(H11Protocol):
    """Serves only this user, few clients at once, and none that sends or takes nothing."""

    _request_limit: asyncio.TimerHandle | None = None
    _write_limit: asyncio.TimerHandle | None = None

    @property
    def has_request(self) -> bool:
        """Whether the whole request has come."""
        return not getattr(self.cycle, "more_body", True)  # there may be no cycle

    def connection_made(  # type: ignore[override]  # uvicorn narrows it in the same way
        self, transport: asyncio.Transport
    ) -> None:
        """A client has connected."""
        super().connection_made(transport)
        self._request_limit = self.loop.call_later(REQUEST_S, self._too_late)
        if not is_trusted(transport.get_extra_info("socket")):
            log.warning("another user has tried to give orders")
            transport.abort()
        elif len(self.connections) > MOST_CONNECTIONS or len(self.tasks) >= MOST_CONNECTIONS:
            busy = AqsyncError("the daemon is busy with other commands", hint="try again soon")
            self._refuse("503 Service Unavailable", busy)

    def data_received(self, data: bytes) -> None:
        """Some bytes have come."""
        super().data_received(data)
        if self.has_request and self._request_limit is not None:
            self._request_limit.cancel()

    def send_400_response(self, msg: str) -> None:
        """What has come is not HTTP."""
        self._refuse("400 Bad Request", BadRequest(f"the daemon does not understand it: {msg}"))

    def pause_writing(self) -> None:
        """The client does not take what it is sent."""
        super().pause_writing()
        self._expect_taken()

    def resume_writing(self) -> None:
        """It takes it again."""
        super().resume_writing()
        if self._write_limit is not None:
            self._write_limit.cancel()

    def on_response_complete(self) -> None:
        """The whole answer is with the transport, which closes once the client has taken it."""
        super().on_response_complete()
        self._expect_taken()

    def _expect_taken(self) -> None:
        if self._write_limit is not None:
            self._write_limit.cancel()
        self._write_limit = self.loop.call_later(TAKE_S, self.transport.abort)

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is closed."""
        super().connection_lost(exc)
        for limit in (self._request_limit, self._write_limit):
            if limit is not None:
                limit.cancel()

    def _too_late(self) -> None:
        self._refuse("408 Request Timeout", BadRequest("the request takes too long to arrive"))

    def _refuse(self, status: str, exc: AqsyncError) -> None:
        if self.transport.is_closing():
            return
        if getattr(self.cycle, "response_started", False):
            self.transport.abort()
            return
        body = encoded(Failure.of(exc))
        headers = {**_HEADERS, "content-type": JSON, "content-length": str(len(body))}
        head = [f"HTTP/1.1 {status}", *(f"{name}: {value}" for name, value in headers.items())]
        self.transport.write("\r\n".join([*head, "", ""]).encode() + body)
        self.transport.close()
