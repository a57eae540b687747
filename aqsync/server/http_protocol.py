"""uvicorn's HTTP protocol, with limits for the heads of requests; answers go out in one piece."""

from __future__ import annotations

import asyncio
from typing import cast

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

HEAD_SECONDS = 30.0
"""How long the head of a request may take, from the start of the connection or of the head."""
MAX_HEAD_BYTES = 64 << 10
_TOO_LARGE = (
    b"HTTP/1.1 431 Request Header Fields Too Large\r\n"
    b"content-length: 0\r\nconnection: close\r\n\r\n"
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
    """uvicorn's protocol with a time limit and a size limit for heads; uvicorn has neither."""

    _in_head = True
    """Whether the head of a request is still to come, or the rest of it."""
    _head_bytes = 0
    _deadline: asyncio.TimerHandle | None = None

    def connection_made(  # type: ignore[override]  # uvicorn narrows it in the same way
        self, transport: asyncio.Transport
    ) -> None:
        """The client has connected."""
        super().connection_made(transport)
        # uvicorn's flow control keeps the transport itself: it only pauses and resumes reading.
        self.transport = cast("asyncio.Transport", HeadWithBody(transport, self.loop))
        self._set_deadline()

    def data_received(self, data: bytes) -> None:
        """Some bytes have come."""
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
        self._forget_deadline()
        super().on_headers_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is closed."""
        self._in_head = False
        self._forget_deadline()
        super().connection_lost(exc)

    def _set_deadline(self) -> None:
        self._deadline = self.loop.call_later(HEAD_SECONDS, self.transport.close)

    def _forget_deadline(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None
