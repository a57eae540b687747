"""One request and its answer: the parts of HTTP that all endpoints share."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from uuid import UUID

from starlette.types import Message, Receive, Scope, Send

from aqsync.server.errors import FileRefused

_DRAIN_SECONDS = 30.0
_SMALL_BODY_SECONDS = 60.0
_SMALL_BODY = 1024 * 1024

JSON = b"application/json"

AUDITED = "aqsync.audited"
"""In the scope: what a request changes, for the audit log."""
BY = "aqsync.by"
"""In the scope: how the client has shown who it is, for both logs."""
WHO = "aqsync.who"
"""In the scope: who asks (`rights.who.Who`); nothing is done for a request without it."""
STILL = "aqsync.still"
"""In the scope: asks again who the client is; None says that its token or session has ended."""
_MOST_NAMES = 100
_ENDED = "The token that this began with has ended."

Headers = tuple[tuple[bytes, bytes], ...]


class ClientLeft(Exception):
    """The client broke off."""


class Exchange:
    """A request to be answered.

    Args:
        scope: The three parts of an ASGI call.
        receive: The channel from the client.
        send: The channel to the client.
    """

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.scope = scope
        self.send = send
        self._receive = receive
        self._body_ended = False

    async def receive(self) -> Message:
        """Wait for the next piece of the body, or for the client to leave."""
        message = await self._receive()
        self._body_ended = not message.get("more_body", False)
        return message

    async def check_still(self) -> None:
        """Look again whether the token or session counts with which a long transfer began.

        Raises:
            FileRefused: It was revoked or has ended meanwhile.
        """
        if await self.was_shut_out():
            raise FileRefused(401, _ENDED)

    async def was_shut_out(self) -> bool:
        """Tell whether the token or session has ended meanwhile with which a request began."""
        ask: Callable[[], Awaitable[object]] | None = self.scope.get(STILL)
        return ask is not None and await ask() is None

    @property
    def method(self) -> str:
        """The request's method."""
        return str(self.scope["method"])

    @property
    def client(self) -> str:
        """The address of the client; empty if it has none."""
        client = self.scope.get("client")
        return str(client[0]) if client else ""

    def note(self, what: str, experiment: UUID, names: Sequence[str]) -> None:
        """Note a change of files, for the audit log, which also tells how the request ended.

        Args:
            what: What is done.
            experiment: To which experiment.
            names: To which files; of many, only some are noted.
        """
        entry = {"what": what, "experiment": experiment, "files": names[:_MOST_NAMES]}
        if len(names) > _MOST_NAMES:
            entry["of"] = len(names)
        self.scope[AUDITED].append(entry)

    def note_login(self, what: str, refused: str = "") -> None:
        """Note a login or a logout, for the audit log."""
        entry = {"what": what} | ({"refused": refused} if refused else {})
        self.scope[AUDITED].append(entry)

    def header(self, name: bytes) -> str | None:
        """Return the first header of this lower-case name, decoded as Latin-1."""
        for key, value in self.scope["headers"]:
            if key == name:
                return str(value, "latin-1")
        return None

    def joined_header(self, name: bytes) -> str | None:
        """Return all headers of this lower-case name, with commas between them, as Latin-1."""
        found = [value for key, value in self.scope["headers"] if key == name]
        return str(b", ".join(found), "latin-1") if found else None

    def announced_bytes(self) -> int | None:
        """Return the size of the body as announced, if it is."""
        length = self.header(b"content-length")
        return None if length is None else int(length)

    def has_large_body(self) -> bool:
        """Tell whether the body has more than 1 MiB, or an unknown size."""
        announced = self.announced_bytes()
        if announced is None:
            return self.header(b"transfer-encoding") is not None
        return announced > _SMALL_BODY

    async def next_piece(self) -> bytes | None:
        """Wait for the next piece of the body and return it; None after the last one.

        Raises:
            ClientLeft: The body did not come to its end.
            FileRefused: See `check_still`.
        """
        if self._body_ended:
            return None
        message = await self.receive()
        if message["type"] == "http.disconnect":
            raise ClientLeft
        await self.check_still()
        piece: bytes = message.get("body", b"")
        return piece

    async def read_body(self, most: int) -> bytes:
        """Read a whole body that is small: it has a minute, however it drips.

        Raises:
            FileRefused: It has more than `most` bytes, or takes too long.
            ClientLeft: It did not come to its end.
        """
        body = bytearray()
        try:
            async with asyncio.timeout(_SMALL_BODY_SECONDS):
                while (piece := await self.next_piece()) is not None:
                    body += piece
                    if len(body) > most:
                        limit = f"Maximum request body size limit ({most} bytes) exceeded."
                        raise FileRefused(413, limit)
        except TimeoutError as exc:
            raise FileRefused(408, "The request took too long to come.") from exc
        return bytes(body)

    async def answer(
        self,
        status: int,
        content: object,
        *,
        headers: Headers = (),
        kind: bytes = JSON,
        last: bool = True,
    ) -> None:
        """Send a whole answer.

        Args:
            status: The HTTP status.
            content: What to encode as JSON; bytes are taken as encoded already.
            headers: Further headers.
            kind: The media type of the content.
            last: False to keep the exchange open after the answer.
        """
        body = content if isinstance(content, bytes) else json.dumps(content).encode()
        start = [
            (b"content-type", kind),
            (b"content-length", str(len(body)).encode()),
            *headers,
        ]
        await self.send({"type": "http.response.start", "status": status, "headers": start})
        await self.send({"type": "http.response.body", "body": body, "more_body": not last})

    async def refuse(self, status: int, detail: object, *, headers: Headers = ()) -> None:
        """Answer ``{"detail": ...}``, though the body may not have been read."""
        await self.answer_early(status, {"detail": detail}, headers=headers)

    async def answer_early(
        self, status: int, content: object, *, headers: Headers = (), kind: bytes = JSON
    ) -> None:
        """Send a whole answer, though the body may not have been read.

        A large body is not waited for: the connection closes after the answer. Closing it while
        bytes are unread would reset it, and the client could lose the answer; so for a while
        further bytes are read and thrown away.
        """
        if self._body_ended or not self.has_large_body():
            # The HTTP layer throws the rest of a small body away, and keeps the connection.
            await self.answer(status, content, headers=headers, kind=kind)
            return
        closing = (*headers, (b"connection", b"close"))
        await self.answer(status, content, headers=closing, kind=kind, last=False)
        with suppress(TimeoutError):
            async with asyncio.timeout(_DRAIN_SECONDS):
                while not self._body_ended:
                    await self.receive()
        await self.send({"type": "http.response.body", "body": b""})

    async def refuse_method(self, *allowed: str) -> None:
        """Answer 405 and name the methods that are allowed."""
        allow = (b"allow", ", ".join(allowed).encode())
        await self.refuse(405, "Method Not Allowed", headers=(allow,))
