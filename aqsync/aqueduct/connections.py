"""Kept-alive connections to one server, which speak HTTP/1.1.

They take the place of httpcore's pool, which also serves other protocols, many servers, tracers and
event loops, and of its parser in Python: for an upload of 10 KiB these took more processor time
than everything else together. Here the head of a request is put together as it is, and llhttp, the
parser of Node.js, reads the answer.
"""

from __future__ import annotations

import contextlib
import re
import ssl
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from http import HTTPStatus
from typing import NamedTuple

import httptools

from aqsync.aqueduct.http_libraries import httpcore
from aqsync.aqueduct.sockets import WatchedSocket, WatchedSockets

Headers = list[tuple[bytes, bytes]]

_READ_BYTES = 64 * 1024
_MOST_READ_BYTES = 256 * 1024
_LONGEST_HEAD_BYTES = 100 * 1024
_ENDS_A_LINE = re.compile(rb"[\r\n\0]")


class Answer(NamedTuple):
    """The head of an answer, with the body still to come."""

    status: int
    headers: Headers
    stream: Body
    extensions: dict[str, object]


class Connections:
    """The connections to one server; threads may share them. Errors are those of httpcore.

    A request takes the connection that was used last, so that those of a burst which are no longer
    needed expire.

    Args:
        sockets: Opens them.
        tls: How certificates are checked.
        idle_seconds: How long a connection is kept for another request.
        most_idle: How many are kept at most.
    """

    def __init__(
        self, sockets: WatchedSockets, tls: ssl.SSLContext, *, idle_seconds: float, most_idle: int
    ) -> None:
        self._sockets = sockets
        self._tls = tls
        self._tls.set_alpn_protocols(["http/1.1"])
        self._idle_seconds = idle_seconds
        self._most_idle = most_idle
        self._lock = threading.Lock()
        self._idle: deque[_Connection] = deque()
        """In the order in which they were used."""

    def handle_request(self, request: httpcore.Request) -> Answer:
        """Send a request and return the answer's head, with the body still to come."""
        connection = self._idle_one() or self._connect(request)
        try:
            connection.send(request)
            status, headers = connection.receive_head(request.extensions["timeout"]["read"])
        except BaseException:
            connection.close()
            raise
        body = Body(connection, request.extensions["timeout"]["read"], self._used)
        return Answer(status, headers, body, {"network_stream": connection.socket})

    def close(self) -> None:
        """Close those that are idle; the sockets close what is in use."""
        with self._lock:
            idle = tuple(self._idle)
            self._idle.clear()
        for connection in idle:
            connection.close()

    def _idle_one(self) -> _Connection | None:
        """An idle connection that is still open; closes what has been idle for too long."""
        while True:
            oldest = time.monotonic() - self._idle_seconds
            expired = []
            with self._lock:
                while self._idle and self._idle[0].idle_since < oldest:
                    expired.append(self._idle.popleft())
                found = self._idle.pop() if self._idle else None
            for connection in expired:
                connection.close()
            if found is None or not found.socket.get_extra_info("is_readable"):
                return found
            found.close()  # the server has left

    def _connect(self, request: httpcore.Request) -> _Connection:
        url, timeout = request.url, request.extensions["timeout"]["connect"]
        host = url.host.decode("ascii")
        secure = url.scheme == b"https"
        socket = self._sockets.connect_tcp(host, url.port or (443 if secure else 80), timeout)
        if secure:
            socket = socket.start_tls(self._tls, host, timeout)
        return _Connection(socket)

    def _used(self, connection: _Connection) -> None:
        """Keep a connection for the next request, if it can take one."""
        if not connection.reusable:
            connection.close()
            return
        connection.idle_since = time.monotonic()
        with self._lock:
            surplus = self._idle.popleft() if len(self._idle) >= self._most_idle else None
            self._idle.append(connection)
        if surplus is not None:
            surplus.close()


class Body:
    """The body of an answer, to be iterated once.

    Args:
        connection: Where it comes from.
        timeout: Seconds without any byte; see `AnswerTimeout`.
        used: Takes the connection back.
    """

    def __init__(
        self, connection: _Connection, timeout: float, used: Callable[[_Connection], None]
    ) -> None:
        self._connection = connection
        self._timeout = timeout
        self._used = used
        self._closed = False

    def __iter__(self) -> Iterator[bytes]:
        try:
            yield from self._connection.receive_body(self._timeout)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Read no more: a connection with something left to read is closed."""
        if not self._closed:
            self._closed = True
            self._used(self._connection)


class _Connection:
    """One connection, used by one thread at a time."""

    def __init__(self, socket: WatchedSocket) -> None:
        self.socket = socket
        self.idle_since = 0.0
        self._sent_whole = False
        self._answer = _ParsedAnswer()

    @property
    def reusable(self) -> bool:
        """Whether it can take another request."""
        return self._sent_whole and self._answer.ended_cleanly

    def send(self, request: httpcore.Request) -> None:
        """Send a whole request.

        Less is sent where the server answers before or leaves: there may be an answer even then.
        """
        self._sent_whole = False
        self._answer = _ParsedAnswer()
        head, timeout = _head(request), request.extensions["timeout"]["write"]
        with contextlib.suppress(httpcore.WriteError):
            self.socket.write(head, timeout)
            for piece in request.stream:  # type: ignore[union-attr]  # of a synchronous request
                if piece:  # an empty one marks the end
                    self.socket.write(piece, timeout)
            self.socket.write(b"", timeout)
            self._sent_whole = True

    def receive_head(self, timeout: float) -> tuple[int, Headers]:
        """The status and the headers of the answer."""
        answer, received = self._answer, 0
        while not answer.has_head:
            data = self.socket.read(_READ_BYTES, timeout)
            if not data:
                raise httpcore.RemoteProtocolError("the server disconnected without an answer")
            received += len(data)
            answer.feed(data)
            if received > _LONGEST_HEAD_BYTES and not answer.has_head:
                raise httpcore.RemoteProtocolError("the head of the answer does not end")
        return answer.status, answer.headers

    def receive_body(self, timeout: float) -> Iterator[bytes]:
        """The body of the answer."""
        answer, without_content, size = self._answer, 0, _READ_BYTES
        while True:
            pieces, answer.pieces = answer.pieces, []
            yield from pieces
            if answer.has_ended:
                return
            data = self.socket.read(size, timeout)
            if len(data) == size:
                size = min(2 * size, _MOST_READ_BYTES)  # much is waiting
            answer.feed(data)
            # What stands around chunks, and behind them, is limited by nothing else.
            without_content = 0 if answer.pieces else without_content + len(data)
            if without_content > _LONGEST_HEAD_BYTES and not answer.has_ended:
                raise httpcore.RemoteProtocolError("the answer goes on without content")

    def close(self) -> None:
        """Close it; also while another thread waits for it."""
        self.socket.close()


class _ParsedAnswer:
    """What has come of one answer. The methods ``on_...`` are called by the parser."""

    def __init__(self) -> None:
        self.status = 0
        self.headers: Headers = []
        self.pieces: list[bytes] = []
        """Of the body, those that nobody has taken yet."""
        self.has_head = False
        self.has_ended = False
        self._more_came = False
        self._keep_alive = False
        self._parser = httptools.HttpResponseParser(self)

    @property
    def ended_cleanly(self) -> bool:
        """Whether it is whole, nothing came behind it, and the server goes on listening."""
        return self.has_ended and self._keep_alive and not self._more_came

    def feed(self, data: bytes) -> None:
        """Take what has come; nothing is the end of the connection."""
        if not data:
            self._connection_ended()
            return
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:  # nobody asked for it
            self._more_came = True
        except httptools.HttpParserCallbackError as exc:
            # A callback fails only by what comes from outside, such as Ctrl-C: the answer is good.
            raise (exc.__context__ or exc) from None
        except httptools.HttpParserError as exc:
            if not self.has_ended:
                raise httpcore.RemoteProtocolError(str(exc)) from exc
            self._more_came = True

    def _connection_ended(self) -> None:
        names = {name.lower() for name, _ in self.headers}
        if names & {b"content-length", b"transfer-encoding"}:
            raise httpcore.RemoteProtocolError(
                "the server closed connection before the answer was whole"
            )
        self.has_ended = True

    def on_message_begin(self) -> None:
        """An answer begins: this one, unless it is whole already."""
        self._more_came = self.has_ended

    def on_header(self, name: bytes, value: bytes) -> None:
        """A header, or one behind a body in chunks, which nobody needs."""
        if not self.has_head:
            self.headers.append((name, value))

    def on_headers_complete(self) -> None:
        """The head is whole; of one that only announces the answer nothing is kept."""
        if self.has_head:
            return
        self.status = self._parser.get_status_code()
        if self.status < HTTPStatus.OK and self.status != HTTPStatus.SWITCHING_PROTOCOLS:
            self.headers.clear()
            return
        self.has_head = True
        self._keep_alive = self._parser.should_keep_alive()

    def on_body(self, data: bytes) -> None:
        """Some of the body."""
        if not self.has_ended:
            self.pieces.append(data)

    def on_message_complete(self) -> None:
        """It is whole."""
        self.has_ended = self.has_head


def _head(request: httpcore.Request) -> bytes:
    """A request's head as it is sent.

    Raises:
        LocalProtocolError: It would be another head than was meant.
    """
    method, target = request.method, request.url.target
    lines = [method + b" " + target + b" HTTP/1.1", *map(b": ".join, request.headers)]
    if any(map(_ENDS_A_LINE.search, lines)):
        raise httpcore.LocalProtocolError("a header has a character that would end it")
    return b"\r\n".join([*lines, b"", b""])
