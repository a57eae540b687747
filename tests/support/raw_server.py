"""A server of bare sockets that misbehaves in any way a test can write down."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
from collections.abc import Callable
from typing import Self


class Peer:
    """The server's end of one connection.

    Args:
        sock: The accepted socket.
        number: The connection's number, from 0.
    """

    def __init__(self, sock: socket.socket, number: int) -> None:
        self.sock = sock
        self.number = number
        self._unread = b""

    def head(self) -> bytes:
        """Read the head of the next request; empty if the client has gone."""
        while b"\r\n\r\n" not in self._unread:
            data = self.sock.recv(65536)
            if not data:
                return b""
            self._unread += data
        head, _, self._unread = self._unread.partition(b"\r\n\r\n")
        return head

    def body(self, count: int) -> bytes:
        """Read so many bytes of the body, fewer if the client leaves."""
        while len(self._unread) < count:
            data = self.sock.recv(65536)
            if not data:
                break
            self._unread += data
        body, self._unread = self._unread[:count], self._unread[count:]
        return body

    def request(self) -> tuple[bytes, bytes]:
        """Read a whole request; its head is empty if the client has gone."""
        head = self.head()
        return head, self.body(content_length(head))

    def answer(self, status: str, body: bytes = b"", *headers: str) -> None:
        lines = [f"HTTP/1.1 {status}", f"content-length: {len(body)}", *headers]
        self.sock.sendall("\r\n".join(lines).encode() + b"\r\n\r\n" + body)

    def wait_until_gone(self) -> int:
        """Read to the end of the connection; return how many bytes still came."""
        count = len(self._unread)
        with contextlib.suppress(ConnectionError):
            while data := self.sock.recv(1 << 20):
                count += len(data)
        return count

    def reset(self) -> None:
        """Close so that the client gets a reset."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()


def content_length(head: bytes) -> int:
    for line in head.split(b"\r\n")[1:]:
        name, _, value = line.partition(b":")
        if name.strip().lower() == b"content-length":
            return int(value)
    return 0


class RawServer:
    """Runs a handler for each connection, in a thread of its own, and closes it afterwards.

    Args:
        handler: What to do with a connection. What it raises is raised again when the server
            stops, but for the connection errors that a client's leaving causes.
        host: The loopback address to listen on.

    Attributes:
        url: The server's URL.
        stopping: Set when the server stops: for handlers that hang until then.
    """

    def __init__(self, handler: Callable[[Peer], None], host: str = "127.0.0.1") -> None:
        self.stopping = threading.Event()
        self._handler = handler
        self._threads: list[threading.Thread] = []
        self._peers: list[Peer] = []
        self._failures: list[BaseException] = []
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._listener = socket.create_server((host, 0), family=family)
        self.port: int = self._listener.getsockname()[1]
        shown = f"[{host}]" if ":" in host else host
        self.url = f"http://{shown}:{self.port}"
        self._acceptor = threading.Thread(target=self._accept)

    @property
    def connections(self) -> int:
        """How many connections there were so far."""
        return len(self._peers)

    def __enter__(self) -> Self:
        self._acceptor.start()
        return self

    def __exit__(self, _kind: object, value: object, *_: object) -> None:
        self.stopping.set()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._acceptor.join()
        for peer in self._peers:
            with contextlib.suppress(OSError):
                peer.sock.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join()
        if self._failures and value is None:
            raise self._failures[0]

    def _accept(self) -> None:
        while True:
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            peer = Peer(sock, len(self._peers))
            self._peers.append(peer)
            thread = threading.Thread(target=self._serve, args=(peer,))
            self._threads.append(thread)
            thread.start()

    def _serve(self, peer: Peer) -> None:
        try:
            with peer.sock:
                self._handler(peer)
        except ConnectionError:
            pass
        except BaseException as exc:  # noqa: BLE001 - raised again at the end
            self._failures.append(exc)
