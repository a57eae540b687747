"""What the client makes of an answer that comes while it still sends."""

from __future__ import annotations

import select
import socket
from collections.abc import Callable

import pytest

from aqsync.errors import (
    AqsyncError,
    BadAnswer,
    TokenRefused,
    TransferRefused,
)
from tests.support.client_faults import (
    EXPERIMENT,
    GIB,
    MIB,
    NGINX_413,
    STORED,
    chunks_of,
    client,
    detail,
)
from tests.support.raw_server import Peer, RawServer


def early_answer(after: int, status: str, body: bytes, then: str) -> Callable[[Peer], None]:
    def handler(peer: Peer) -> None:
        peer.head()
        peer.body(after)
        peer.answer(status, body)
        if then == "keeps open":
            assert peer.sock.recv(1, socket.MSG_PEEK)
            _wait_until_left(peer.sock)
        elif then == "reads on":
            assert peer.wait_until_gone() < 64 * MIB
        elif then == "resets":
            peer.reset()

    return handler


def _wait_until_left(sock: socket.socket) -> None:
    """Wait until the client has left, without reading what it sent."""
    poll = select.poll()
    poll.register(sock, select.POLLRDHUP)
    poll.poll()


@pytest.mark.parametrize("then", ["closes", "keeps open", "reads on", "resets"])
@pytest.mark.parametrize(
    ("status", "body", "error", "told"),
    [
        (
            "413 Large",
            detail("Maximum file size limit (5 bytes) exceeded."),
            TransferRefused,
            "the server takes at most 5",
        ),
        ("413 Large", NGINX_413, TransferRefused, "too large"),
        ("401 Unauthorized", b"", TokenRefused, "token"),
    ],
)
def test_an_early_answer_stops_a_large_upload(
    then: str, status: str, body: bytes, error: type[AqsyncError], told: str
) -> None:
    taken: list[int] = []
    with (
        RawServer(early_answer(64 * 1024, status, body, then)) as raw,
        client(raw.url) as server,
    ):
        with pytest.raises(error, match=told):
            server.upload(EXPERIMENT, "a", chunks_of(MIB, taken), 2 * GIB)
        assert sum(taken) < 64 * MIB
        assert raw.connections == 1


def test_an_early_answer_to_a_small_file_is_heard() -> None:
    with (
        RawServer(early_answer(0, "413 Large", NGINX_413, "closes")) as raw,
        client(raw.url) as server,
        pytest.raises(TransferRefused, match="too large"),
    ):
        server.upload(EXPERIMENT, "a", [bytes(10_000)], 10_000)


def test_an_early_success_is_not_believed() -> None:
    with (
        RawServer(early_answer(64 * 1024, "200 OK", STORED, "keeps open")) as raw,
        client(raw.url) as server,
        pytest.raises(BadAnswer, match="did not say that it stored"),
    ):
        server.upload(EXPERIMENT, "a", chunks_of(MIB, []), 2 * GIB)
