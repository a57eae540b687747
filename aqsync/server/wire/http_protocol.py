"""uvicorn's HTTP protocol, with limits for what clients can hold; answers go out in one piece."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable
from typing import Any, cast

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

HEAD_SECONDS = 30.0
"""How long the head of a request may take, from the start of the connection or of the head."""
IDLE_SECONDS = 60.0
"""How long nothing of a body may come, and nothing of an answer be taken."""
MAX_HEAD_BYTES = 64 << 10
_FULL_TOLD_SECONDS = 60.0
_log = logging.getLogger(__name__)
_TOO_LARGE = (
    b"HTTP/1.1 431 Request Header Fields Too Large\r\n"
    b"content-length: 0\r\nconnection: close\r\n\r\n"
)
_TOO_SLOW = b"HTTP/1.1 408 Request Timeout\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
_FULL = (
    b"HTTP/1.1 503 Service Unavailable\r\n"
    b"content-length: 0\r\nretry-after: 5\r\nconnection: close\r\n\r\n"
)


class GuardedConfig(uvicorn.Config):
    """uvicorn's configuration, with a limit for connections at which somebody can still come in.

    uvicorn's own limit answers 503 to everybody while enough clients hold a connection in silence.

    Args:
        app: What is served.
        most_connections: How many connections there may be.
        **options: uvicorn's own.
    """

    def __init__(self, app: Any, *, most_connections: int, **options: Any) -> None:  # noqa: ANN401 - uvicorn's own
        super().__init__(app, http=GuardedProtocol, **options)
        self.most_connections = most_connections
        self._told: float | None = None

    def tell_full(self, now: float) -> None:
        """Log that the limit is reached, once in a while: many who come must not fill the log."""
        if self._told is None or now - self._told > _FULL_TOLD_SECONDS:
            self._told = now
            _log.warning(
                "%s connections are open: each new one costs the one that was idle longest",
                self.most_connections,
            )


class HeadWithBody:
    """A transport that sends the head of an answer together with the beginning of its body.

    uvicorn writes them apart, which costs two calls of the system and wakes the client twice.

    Args:
        transport: The transport to the client.
        loop: The event loop.
    """

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport = transport
        self._loop = loop
        self._head = b""

    def write(self, data: bytes) -> None:
        """Send bytes; a head with what is written next in this step of the loop, or else alone."""
        if self._head:
            data, self._head = self._head + data, b""
        elif data.startswith(b"HTTP/1.1 ") and data.endswith(b"\r\n\r\n"):
            self._head = data
            self._loop.call_soon(self._flush)
            return
        self._transport.write(data)

    def close(self) -> None:
        """Close the connection once everything is sent."""
        self._flush()
        self._transport.close()

    def __getattr__(self, name: str) -> object:
        """Everything else is as the transport has it."""
        return getattr(self._transport, name)

    def _flush(self) -> None:
        if self._head:
            self.write(b"")


class GuardedProtocol(HttpToolsProtocol):
    """uvicorn's protocol with limits for heads, silence, and connections; uvicorn has none."""

    config: GuardedConfig
    _in_head = True
    """Whether the head of a request is still to come, or the rest of it."""
    _in_body = False
    """Whether the body of a request is still to come, or the rest of it."""
    _head_bytes = 0
    _deadline: asyncio.TimerHandle | None = None
    _heard = 0.0
    """When bytes came last, or could not come because reading was paused."""
    _unsent = 0
    """How much of answers the client had not taken when that changed last."""
    _unsent_since = 0.0

    def connection_made(  # type: ignore[override]  # uvicorn narrows it in the same way
        self, transport: asyncio.Transport
    ) -> None:
        """The client has connected."""
        super().connection_made(transport)
        # uvicorn's flow control keeps the transport itself: it only pauses and resumes reading.
        self.transport = cast("asyncio.Transport", HeadWithBody(transport, self.loop))
        self._heard = self.loop.time()
        self._set_deadline()
        if len(self.connections) > self.config.most_connections:
            self._make_room()

    def data_received(self, data: bytes) -> None:
        """Some bytes have come."""
        self._heard = self.loop.time()
        super().data_received(data)
        if not self._in_head:
            return
        self._head_bytes += len(data)
        if self._head_bytes > MAX_HEAD_BYTES and not self.transport.is_closing():
            self.transport.write(_TOO_LARGE)
            self.transport.close()
        elif self._deadline is None:
            # Most heads come in one piece, and need no timer.
            self._set_deadline()

    def on_message_begin(self) -> None:
        """The first bytes of a request are there."""
        super().on_message_begin()
        if not self._in_head:
            self._in_head = True
            self._head_bytes = 0

    def on_headers_complete(self) -> None:
        """The head of a request is whole."""
        self._in_head = False
        self._in_body = True
        self._forget_deadline()
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """The body of a request is whole."""
        self._in_body = False
        super().on_message_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is closed."""
        self._in_head = False
        self._forget_deadline()
        super().connection_lost(exc)

    def hang_up_if_stalled(self, now: float) -> None:
        """Close the connection if nothing of a body has come, or of an answer gone, for too long.

        Args:
            now: The time of the event loop.
        """
        if self.flow.read_paused:
            # It is this server that is slow.
            self._heard = now
        unsent = self.transport.get_write_buffer_size()
        if not unsent or unsent != self._unsent:
            self._unsent, self._unsent_since = unsent, now
        if now - self._unsent_since > IDLE_SECONDS:
            self.transport.abort()
        elif self._in_body and now - self._heard > IDLE_SECONDS:
            if not self.cycle.response_started and not self.pipeline:
                self.transport.write(_TOO_SLOW)
            self.transport.close()

    def _is_idle(self) -> bool:
        """Whether no request is being sent or answered."""
        cycle: RequestResponseCycle | None = self.cycle
        between = cycle is None or cycle.response_complete
        return between and not self._in_body and not self.transport.is_closing()

    def _make_room(self) -> None:
        """Close the connection that was idle longest; with none, this one is turned away.

        Those that never asked for anything go before clients that keep a connection for later.
        """
        self.config.tell_full(self.loop.time())
        others = cast("Iterable[GuardedProtocol]", self.connections)
        idle = (each for each in others if each is not self and each._is_idle())  # noqa: SLF001 - its own class
        longest = min(idle, key=lambda each: (each.cycle is not None, each._heard), default=None)  # noqa: SLF001 - the same
        if longest is not None:
            longest.transport.abort()
        else:
            self.transport.write(_FULL)
            self.transport.close()

    def _set_deadline(self) -> None:
        self._deadline = self.loop.call_later(HEAD_SECONDS, self.transport.close)

    def _forget_deadline(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None
