"""One connection, as uvicorn serves it, with limits on what its client may do."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Mapping
from typing import ClassVar

from uvicorn.protocols.http.h11_impl import H11Protocol

from aqsync import __version__
from aqsync.errors import AqsyncError, BadRequest
from aqsync.log import Log
from aqsync.service.web.local_socket import is_trusted
from aqsync.service.web.models import JSON, Failure, encoded
from aqsync.trust import trusted_users

MOST_CONNECTIONS = 32
REQUEST_S = 10.0
"""Seconds that a request may take to arrive, head and body."""
TAKE_S = 20.0
"""Seconds after which a client that takes no more of its answer counts as gone."""
HEADERS = {"server": f"aqsync/{__version__}", "connection": "close"}
"""The release is there for commands of another one; a connection carries one request."""

log = Log(__name__)


class LimitedConnection(H11Protocol):
    """Serves few clients at once, and none that sends or takes nothing.

    The application finds an event `stop` in the state of its scope. It is set once the client
    closes its side, has gone, or the server stops: then the answer should come soon.
    """

    answer_headers: ClassVar[Mapping[str, str]] = HEADERS
    """Of every answer, also of those that the application does not make."""
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
        self._stop = threading.Event()
        self.app_state = {"stop": self._stop}
        self._request_limit = self.loop.call_later(REQUEST_S, self._too_late)
        if len(self.connections) > MOST_CONNECTIONS or len(self.tasks) >= MOST_CONNECTIONS:
            busy = AqsyncError("the daemon is busy with other commands", hint="try again soon")
            self._refuse("503 Service Unavailable", busy)

    def data_received(self, data: bytes) -> None:
        """Some bytes have come."""
        super().data_received(data)
        if self.has_request and self._request_limit is not None:
            self._request_limit.cancel()

    def eof_received(self) -> bool:  # type: ignore[override]  # uvicorn's returns nothing
        """The client closes its side: it may wait for its answer, or has gone."""
        self._stop.set()
        return self.has_request

    def end(self) -> None:
        """The server stops: a request that has come whole is still answered."""
        self._stop.set()
        if not self.has_request:
            self.transport.abort()

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
        self._stop.set()
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
        headers = {**self.answer_headers, "content-type": JSON, "content-length": str(len(body))}
        head = [f"HTTP/1.1 {status}", *(f"{name}: {value}" for name, value in headers.items())]
        self.transport.write("\r\n".join([*head, "", ""]).encode() + body)
        self.transport.close()


class Connection(LimitedConnection):
    """Serves this user alone."""

    def connection_made(  # type: ignore[override]  # uvicorn narrows it in the same way
        self, transport: asyncio.Transport
    ) -> None:
        """A client has connected."""
        super().connection_made(transport)
        if not is_trusted(transport.get_extra_info("socket"), trusted_users()):
            log.warning("another user has tried to give orders")
            transport.abort()
