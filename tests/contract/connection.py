"""HTTP as bytes, for what no HTTP library would send."""

from __future__ import annotations

import contextlib
import re
import select
import socket
import ssl
from dataclasses import dataclass, field
from typing import Self
from urllib.parse import urlsplit

from tests.support.patience import HANG_S


@dataclass
class Connection:
    """One connection to a server; closed at the end of its `with` block."""

    stream: socket.socket
    received: bytearray = field(default_factory=bytearray)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stream.close()

    @classmethod
    def to(cls, url: str) -> Self:
        where = urlsplit(url)
        assert where.hostname, url
        port = where.port or (443 if where.scheme == "https" else 80)
        stream = socket.create_connection((where.hostname, port), timeout=HANG_S)
        if where.scheme == "https":
            context = ssl.create_default_context()
            stream = context.wrap_socket(stream, server_hostname=where.hostname)
        return cls(stream)

    def send(self, data: bytes) -> None:
        self.stream.sendall(data)

    def is_answered(self) -> bool:
        """Tell whether something can be read, the end of the connection included."""
        return bool(select.select([self.stream], [], [], 0.5)[0])

    def send_until_answered(self, data: bytes, times: int) -> None:
        """Send the same bytes again and again, but stop once the server has said something."""
        for _ in range(times):
            if select.select([self.stream], [], [], 0)[0]:
                return
            try:
                self.stream.sendall(data)
            except (BrokenPipeError, ConnectionResetError):
                return

    def status(self) -> int:
        """Read all until the server closes, and return the status of the first answer."""
        with contextlib.suppress(ConnectionError):
            while True:
                self._receive()
        return int(self.received.split(b" ", 2)[1])

    def answer(self) -> tuple[int, bytes]:
        """Read one answer, whose length must be told, and return its status and body."""
        while b"\r\n\r\n" not in self.received:
            self._receive()
        head, _, rest = bytes(self.received).partition(b"\r\n\r\n")
        length = re.search(rb"(?im)^content-length: *(\d+)", head)
        assert length is not None, head
        while len(rest) < int(length[1]):
            self._receive()
            rest = bytes(self.received).partition(b"\r\n\r\n")[2]
        self.received = bytearray(rest[int(length[1]) :])
        return int(head.split(b" ", 2)[1]), rest[: int(length[1])]

    def _receive(self) -> None:
        chunk = self.stream.recv(65536)
        if not chunk:
            raise ConnectionError(f"closed by the server after {bytes(self.received)!r}")
        self.received += chunk
