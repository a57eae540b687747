"""A middleman between aqsync and a real server, that spoils what a test tells it to."""

from __future__ import annotations

import http.client
import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

from aqsync.layout.manifest import is_manifest_name
from tests.support.patience import HANG_S
from tests.support.raw_server import Peer, RawServer, content_length

UPLOAD = b"POST /api/files/"
DOWNLOAD = b"GET /api/files/"
GRAPHQL = b"POST /api/graphql"
ANYTHING = b""


@dataclass
class Exchange:
    """One request on its way, and what may be done with it.

    Attributes:
        peer: Our end of the connection to aqsync.
        head: The request's head.
    """

    peer: Peer
    head: bytes
    _target: str
    _body: bytes = b""

    @property
    def length(self) -> int:
        return content_length(self.head)

    @property
    def file_name(self) -> str:
        """What the header of an upload says; empty if there is none."""
        for line in self.head.split(b"\r\n"):
            if line.lower().startswith(b"file_name: "):
                return line[11:].decode("latin-1")
        return ""

    def read(self, count: int | None = None) -> int:
        """Read so many bytes of the body, or all; returns how many came."""
        missing = self.length - len(self._body)
        more = self.peer.body(missing if count is None else min(count, missing))
        self._body += more
        return len(more)

    def answer(self, status: str, body: bytes = b"", *headers: str) -> None:
        """Answer in the server's place; the body is read first, as the connection stays."""
        self.read()
        self.peer.answer(status, body, *headers)

    def forward(self) -> tuple[str, bytes, tuple[str, ...]] | None:
        """Ask the real server; returns its answer for `answer`, None if aqsync hung up."""
        self.read()
        if len(self._body) < self.length:
            return None
        request, *lines = self.head.split(b"\r\n")
        method, path, _ = request.decode("latin-1").split(" ")
        place = urlsplit(self._target)
        connection = http.client.HTTPConnection(place.hostname or "", place.port, timeout=HANG_S)
        try:
            connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
            for line in lines:
                name, _, value = line.partition(b": ")
                connection.putheader(name.decode("latin-1"), value)
            connection.endheaders(self._body)
            answer = connection.getresponse()
            body = answer.read()
        finally:
            connection.close()
        kept = [(n, v) for n, v in answer.getheaders() if n.lower() not in _OF_ONE_HOP]
        return f"{answer.status} {answer.reason}", body, tuple(f"{n}: {v}" for n, v in kept)

    def pass_on(self) -> bool:
        """Ask the real server and hand its answer on; false if aqsync hung up."""
        answer = self.forward()
        if answer is None:
            return False
        status, body, headers = answer
        self.peer.answer(status, body, *headers)
        return True


_OF_ONE_HOP = {"content-length", "transfer-encoding", "connection", "keep-alive"}

Reaction = Callable[[Exchange], bool | None]
"""Does something with a request; what returns false ends the connection."""


@dataclass
class _Rule:
    begin: bytes
    reaction: Reaction
    times: int
    seen: int = field(default=0)


class InterceptingProxy:
    """Hands everything on to a real server, but for the requests that a rule catches.

    Args:
        target: The real server's URL.

    Attributes:
        url: Where it listens itself.
        uploads: The remote name of each upload that began, in order, but for manifests.
    """

    def __init__(self, target: str) -> None:
        self.uploads: list[str] = []
        self._target = target
        self._rules: list[_Rule] = []
        self._lock = threading.Lock()
        self._raw = RawServer(self._serve)
        # Little may be on its way: what a test does in the middle of an upload is then in time.
        self._raw._listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 16)
        self.url = self._raw.url

    def __enter__(self) -> Self:
        self._raw.__enter__()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._raw.__exit__(kind, value, trace)

    @property
    def stopping(self) -> threading.Event:
        return self._raw.stopping

    def on(self, begin: bytes, reaction: Reaction, *, times: int = 1_000_000) -> None:
        """Let a reaction have the next requests that begin so; later rules are asked first."""
        with self._lock:
            self._rules.insert(0, _Rule(begin, reaction, times))

    def hands_off(self) -> None:
        """Forget all rules and what was seen."""
        with self._lock:
            self._rules.clear()
            self.uploads.clear()

    def _serve(self, peer: Peer) -> None:
        while head := peer.head():
            exchange = Exchange(peer, head, self._target)
            if self._reaction(exchange)(exchange) is False:
                return

    def _reaction(self, exchange: Exchange) -> Reaction:
        with self._lock:
            # aqsync's own check uploads to an experiment that cannot exist.
            name = exchange.file_name
            if name not in {"", "aqsync-check"} and not is_manifest_name(name):
                self.uploads.append(name)
            for rule in self._rules:
                if exchange.head.startswith(rule.begin) and rule.seen < rule.times:
                    rule.seen += 1
                    return rule.reaction
        return Exchange.pass_on


def answering(status: str, body: bytes = b"", *headers: str) -> Reaction:
    """A reaction that answers in the server's place."""

    def reaction(exchange: Exchange) -> None:
        exchange.answer(status, body, *headers)

    return reaction


def losing_the_answer(exchange: Exchange) -> bool:
    """A reaction: the server gets the request and answers, but aqsync gets a reset."""
    exchange.forward()
    exchange.peer.reset()
    return False


def breaking_off(exchange: Exchange) -> bool:
    """A reaction: the connection breaks when half of the body is there."""
    exchange.read(exchange.length // 2)
    exchange.peer.reset()
    return False
