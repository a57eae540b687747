"""Small parts of HTTP that the endpoints share."""

from __future__ import annotations

import asyncio
import json

from starlette.types import Receive, Scope, Send

_DRAIN_SECONDS = 30.0
_SMALL_BODY = 1024 * 1024


def header(scope: Scope, name: bytes) -> str | None:
    """Return the first header of this lower-case name, decoded as Latin-1."""
    for key, value in scope["headers"]:
        if key == name:
            return str(value, "latin-1")
    return None


async def answer_json(
    send: Send,
    status: int,
    content: object,
    *,
    headers: tuple[tuple[bytes, bytes], ...] = (),
    last: bool = True,
) -> None:
    """Send a whole JSON answer.

    Args:
        send: The ASGI channel to the client.
        status: The HTTP status.
        content: What to encode; bytes are taken as encoded already.
        headers: Further headers.
        last: False to keep the exchange open after the answer, see `refuse`.
    """
    body = content if isinstance(content, bytes) else json.dumps(content).encode()
    start = (
        (b"content-type", b"application/json"),
        (b"content-length", str(len(body)).encode()),
    )
    await send({"type": "http.response.start", "status": status, "headers": [*start, *headers]})
    await send({"type": "http.response.body", "body": body, "more_body": not last})


async def refuse(
    scope: Scope,
    receive: Receive,
    send: Send,
    status: int,
    detail: object,
    *,
    headers: tuple[tuple[bytes, bytes], ...] = (),
) -> None:
    """Answer ``{"detail": ...}`` to a request whose body may not have been read.

    A large body is not waited for: the connection closes after the answer. But a connection
    closed upon unread bytes is reset, which can destroy the answer before the client has read
    it; so what still comes is thrown away for a while first.
    """
    content = {"detail": detail}
    announced = header(scope, b"content-length")
    if announced is None or int(announced) <= _SMALL_BODY:
        if header(scope, b"transfer-encoding") is None:
            # The HTTP layer throws the rest away, and the connection lives on.
            await answer_json(send, status, content, headers=headers)
            return
    await answer_json(
        send, status, content, headers=(*headers, (b"connection", b"close")), last=False
    )
    try:
        async with asyncio.timeout(_DRAIN_SECONDS):
            while (await receive()).get("more_body", False):
                pass
    except TimeoutError:
        pass
    await send({"type": "http.response.body", "body": b""})


async def answer_method_not_allowed(
    scope: Scope, receive: Receive, send: Send, *allowed: str
) -> None:
    """Answer 405 and name the methods that would do."""
    allow = (b"allow", ", ".join(allowed).encode())
    await refuse(scope, receive, send, 405, "Method Not Allowed", headers=(allow,))


async def read_body(receive: Receive, most: int) -> bytes | None:
    """Read a whole body.

    Returns:
        The body; None if it has more than `most` bytes or the client broke off.
    """
    body = bytearray()
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        body += message.get("body", b"")
        if len(body) > most:
            return None
        if not message.get("more_body", False):
            return bytes(body)
