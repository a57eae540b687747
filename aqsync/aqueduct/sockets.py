"""The socket under an HTTP connection, watched while it sends.

A server that refuses a file of gigabytes answers after the first kilobytes and then reads no more.
A client that sends the whole request before it looks for an answer would write into a full socket
until the write times out. The stream here looks for an answer before each piece that it sends, and
while it waits for room. As soon as there is one it stops sending, and the answer is read as usual.

It holds the head of a request back until the first piece of the body is there, so that a small
request leaves in one packet. It also tells a connection that died while it was idle
(`StaleConnection`: nothing was sent, so anything may be repeated) from one that died during
a request.
"""

from __future__ import annotations

import contextlib
import errno
import os
import select
import socket
import ssl
import threading
import time
from collections.abc import Iterable
from typing import Any
from weakref import WeakSet

from aqsync.aqueduct.answer_timeout import AnswerTimeout
from aqsync.aqueduct.http_libraries import httpcore

_JOIN_LIMIT = 128 * 1024
"""A body's first piece up to this many bytes is joined to the head; a larger copy would not pay."""
_ANSWER_BYTES = 64 * 1024
_JUST_NOW_SECONDS = 0.05
_TLS_WANTS = (ssl.SSLWantReadError, ssl.SSLWantWriteError)


CLOSED = "the connection was closed by this program"


class StaleConnection(httpcore.ConnectError):
    """A kept-alive connection was found dead before anything of a request went out on it."""


class TooSlow(httpcore.ReadTimeout):
    """An answer kept coming, but so slowly that it would take too long."""


class WatchedSocket(httpcore.NetworkStream):
    """One connected socket, used by one thread at a time; any other may close it meanwhile.

    Args:
        sock: A connected TCP socket; it is made non-blocking and closed with the stream.
    """

    def __init__(self, sock: socket.socket) -> None:
        sock.setblocking(False)
        self._sock = sock
        self._one_call = threading.Lock()
        """Held for calls that never wait. A TLS socket that is closed inside such a call would go
        on in the clear."""
        self._poll = select.poll()
        self._poll.register(sock, select.POLLIN)
        self._at_request_start = True
        self._head = b""
        self._answered_before = False
        self._sent_some = False
        self._last_request_at = time.monotonic()
        self._early: bytes | None = None
        """Read while sending: what `read` gives first. Empty bytes are the end of the stream."""

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """Return up to `max_bytes`, or empty bytes at the end; wait `timeout` seconds at most.

        A `timeout` that is a `AnswerTimeout` limits the whole answer too.
        """
        awaited = not self._at_request_start
        self._at_request_start = True
        self._answered_before = True
        if awaited and isinstance(timeout, AnswerTimeout):
            timeout.begin()
        if self._early is not None:
            data, self._early = self._early, None
        else:
            data = self._read(max_bytes, timeout, awaited=awaited)
        if isinstance(timeout, AnswerTimeout):
            timeout.came(len(data))
        return data

    def _read(self, max_bytes: int, timeout: float | None, *, awaited: bool) -> bytes:
        if awaited:
            self._wait_to_read(select.POLLIN, timeout)
        while True:
            try:
                return self._receive(max_bytes)
            except (BlockingIOError, ssl.SSLWantReadError):
                wanted = select.POLLIN
            except ssl.SSLWantWriteError:
                wanted = select.POLLOUT
            except OSError as exc:
                raise httpcore.ReadError(str(exc)) from exc
            self._wait_to_read(wanted, timeout)

    def _wait_to_read(self, wanted: int, timeout: float | None) -> None:
        if not isinstance(timeout, AnswerTimeout):
            if not self._wait(wanted, timeout):
                raise httpcore.ReadTimeout
            return
        left = timeout.next_wait()
        if not self._wait(wanted, left):
            raise TooSlow if left < timeout else httpcore.ReadTimeout

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """Send all of `buffer`; `timeout` is the longest time in seconds without any progress.

        The first piece of a request waits for the second. There always is a second one, since an
        empty piece marks the end of a request.
        """
        if self._at_request_start:
            self._at_request_start = False
            self._sent_some = False
            self._last_request_at = time.monotonic()
            if self._wait(select.POLLIN, 0):
                self._stop_if_answered()
            self._head = buffer
            return
        head, self._head = self._head, b""
        if head and len(buffer) <= _JOIN_LIMIT:
            buffer = head + buffer
        elif head:
            self._send(head, timeout)
        self._send(buffer, timeout)

    def _send(self, data: bytes, timeout: float | None) -> None:
        rest = memoryview(data)
        wanted = select.POLLIN | select.POLLOUT
        while rest:
            events = self._wait(wanted, timeout)
            wanted = select.POLLIN | select.POLLOUT
            if not events:
                raise httpcore.WriteTimeout
            if events & ~select.POLLOUT:
                self._stop_if_answered()
            try:
                with self._one_call:
                    sent = self._sock.send(rest)
            except (BlockingIOError, ssl.SSLWantWriteError):
                continue
            except ssl.SSLWantReadError:
                wanted = select.POLLIN
                continue
            except OSError as exc:
                raise self._broken(str(exc)) from exc
            self._sent_some = True
            rest = rest[sent:]

    def _stop_if_answered(self) -> None:
        """Read what has come in; raise if it is an answer, or the end of the connection.

        On TLS the socket can be readable for the protocol's own messages: then nothing comes out.
        """
        try:
            self._early = self._receive(_ANSWER_BYTES)
        except (BlockingIOError, *_TLS_WANTS):
            return
        except OSError as exc:
            raise self._broken(str(exc)) from exc
        raise self._broken("the other side answered or left before the request was whole")

    def _receive(self, max_bytes: int) -> bytes:
        with self._one_call:
            return self._sock.recv(max_bytes)

    def _broken(self, why: str) -> httpcore.NetworkError:
        if self._answered_before and not self._sent_some:
            return StaleConnection(why)
        return httpcore.WriteError(why)  # the answer is read even then, if there is one

    def _wait(self, wanted: int, timeout: float | None) -> int:
        """Return the events that came, 0 if none came in `timeout` seconds."""
        try:
            self._poll.modify(self._sock, wanted)
        except ValueError:  # closed by another thread, to break a transfer off
            return select.POLLHUP
        ready = self._poll.poll(None if timeout is None else timeout * 1000)
        return ready[0][1] if ready else 0

    def close(self) -> None:
        """Close the socket, and wake a thread that waits on it."""
        with self._one_call:
            with contextlib.suppress(OSError):
                self._sock.shutdown(socket.SHUT_RDWR)
            self._sock.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> WatchedSocket:
        """Speak TLS from now on; the handshake may take `timeout` seconds."""
        try:
            with self._one_call:
                tls = self._sock = ssl_context.wrap_socket(
                    self._sock, server_hostname=server_hostname, do_handshake_on_connect=False
                )
            self._shake_hands(tls, timeout)
        except TimeoutError as exc:
            self.close()
            raise httpcore.ConnectTimeout(str(exc)) from exc
        except OSError as exc:
            self.close()
            raise httpcore.ConnectError(str(exc)) from exc
        self._answered_before = False
        return self

    def _shake_hands(self, tls: ssl.SSLSocket, timeout: float | None) -> None:
        until = None if timeout is None else time.monotonic() + timeout
        while True:
            try:
                with self._one_call:
                    if tls.fileno() < 0:
                        raise OSError(errno.EBADF, os.strerror(errno.EBADF))
                    tls.do_handshake()
            except ssl.SSLWantReadError:
                wanted = select.POLLIN
            except ssl.SSLWantWriteError:
                wanted = select.POLLOUT
            else:
                return
            left = None if until is None else max(0.0, until - time.monotonic())
            if not self._wait(wanted, left):
                raise TimeoutError

    def get_extra_info(self, info: str) -> Any:  # noqa: ANN401 - httpcore's own signature
        """Answer what httpcore asks about a connection."""
        if info == "ssl_object":
            return self._sock if isinstance(self._sock, ssl.SSLSocket) else None
        if info == "is_readable":
            return self._is_readable()
        if info == "socket":
            return self._sock
        return None

    def _is_readable(self) -> bool:
        """Tell whether an idle connection has something to read: its end, in practice.

        httpcore's pool asks from any thread, so this must not share the poll object. It asks about
        every idle connection at every request, under a lock. A connection that was in use just now
        is only looked at when the next request goes out on it.
        """
        number = self._sock.fileno()
        if number < 0:
            return True
        if time.monotonic() - self._last_request_at < _JUST_NOW_SECONDS:
            return False
        poll = select.poll()
        poll.register(number, select.POLLIN)
        return bool(poll.poll(0))


class WatchedSockets(httpcore.NetworkBackend):
    """Opens connections as `WatchedSocket`, and closes all of them when it is closed.

    A pool that is closed does not know of a connection that is just being made, and would use it.
    """

    def __init__(self) -> None:
        self._open: WeakSet[WatchedSocket] = WeakSet()
        self._closed = False
        self._lock = threading.Lock()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> WatchedSocket:
        """Connect to `host` within `timeout` seconds for each of its addresses."""
        try:
            sock = socket.create_connection(
                (host, port), timeout, None if local_address is None else (local_address, 0)
            )
        except TimeoutError as exc:
            raise httpcore.ConnectTimeout(str(exc)) from exc
        except OSError as exc:
            raise httpcore.ConnectError(str(exc)) from exc
        for option in socket_options or ():
            sock.setsockopt(*option)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        stream = WatchedSocket(sock)
        with self._lock:
            self._open.add(stream)
            closed = self._closed
        if closed:
            stream.close()
            raise httpcore.ConnectError(CLOSED)
        return stream

    def close(self) -> None:
        """Close every connection, also those that are still to be made."""
        with self._lock:
            self._closed = True
            streams = list(self._open)
        for stream in streams:
            stream.close()
