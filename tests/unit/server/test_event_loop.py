"""A client that connects and says nothing about encryption is not waited for."""

from __future__ import annotations

import asyncio
import socket
import ssl

import pytest

from aqsync.server.wire import event_loop
from aqsync.server.wire.event_loop import EventLoop
from tests.integration.aqueduct.test_tls import CERTIFICATE
from tests.support.patience import HANG_S


def test_a_silent_client_is_hung_up_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(event_loop, "HANDSHAKE_SECONDS", 0.01)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(CERTIFICATE)

    async def connect() -> bytes:
        loop = asyncio.get_running_loop()
        server = await loop.create_server(asyncio.Protocol, "127.0.0.1", 0, ssl=context)
        async with server:
            place = server.sockets[0].getsockname()
            with socket.create_connection(place, HANG_S) as silent:
                return await loop.run_in_executor(None, silent.recv, 1)

    with asyncio.Runner(loop_factory=EventLoop) as runner:
        assert runner.run(connect()) == b""
