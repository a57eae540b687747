"""What the server's own part of the HTTP protocol sends, and in how many pieces."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import cast

import pytest

from aqsync.server.wire.http_protocol import HeadWithBody

HEAD = b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\n"
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


class Wire(asyncio.Transport):
    """Keeps what is sent."""

    def __init__(self) -> None:
        super().__init__()
        self.sent: list[bytes] = []

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.sent.append(bytes(data))

    def close(self) -> None:
        self.sent.append(b"closed")

    def is_closing(self) -> bool:
        return self.sent[-1:] == [b"closed"]


def sent(use: Callable[[asyncio.Transport], None]) -> list[bytes]:
    """Use a transport within one step of the event loop; return what is sent when it is over."""

    async def run() -> list[bytes]:
        wire = Wire()
        joined = cast("asyncio.Transport", HeadWithBody(wire, asyncio.get_running_loop()))
        use(joined)
        await asyncio.sleep(0)
        return wire.sent

    return asyncio.run(run())


@pytest.mark.parametrize(
    ("writes", "pieces"),
    [
        ((HEAD, b"body"), [HEAD + b"body"]),
        ((HEAD, b"bo", b"dy"), [HEAD + b"bo", b"dy"]),
        ((HEAD, b""), [HEAD]),
        ((HEAD,), [HEAD]),
        ((CONTINUE,), [CONTINUE]),
        ((CONTINUE, HEAD, b"body"), [CONTINUE + HEAD, b"body"]),
        ((b"body",), [b"body"]),
    ],
)
def test_a_head_goes_with_its_body_or_alone(writes: tuple[bytes, ...], pieces: list[bytes]) -> None:
    def use(transport: asyncio.Transport) -> None:
        for data in writes:
            transport.write(data)

    assert sent(use) == pieces


def test_a_head_goes_before_the_end_of_the_connection() -> None:
    def use(transport: asyncio.Transport) -> None:
        transport.write(HEAD)
        assert not transport.is_closing()
        transport.close()
        assert transport.is_closing()

    assert sent(use) == [HEAD, b"closed"]
