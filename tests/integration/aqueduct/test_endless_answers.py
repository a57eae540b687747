"""Answers that do not end, at any speed: memory, time and disk do not grow with them."""

from __future__ import annotations

import json
from itertools import count

import pytest

from aqsync.aqueduct import client as client_module
from aqsync.aqueduct import transport
from aqsync.errors import BadAnswer, ServerUnreachable
from tests.support.client_faults import MIB, Operation, client, download, listing, removal, upload
from tests.support.raw_server import Peer, RawServer

CHUNK = b"%x\r\n%b\r\n" % (MIB // 4, b" " * (MIB // 4))
HEAD = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"


def endless(peer: Peer) -> None:
    while peer.request()[0]:
        peer.sock.sendall(HEAD)
        while True:
            peer.sock.sendall(CHUNK)


@pytest.mark.parametrize("operation", [upload, listing, removal])
def test_a_small_answer_without_an_end_is_left(
    operation: Operation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client_module, "LONGEST_LIST", MIB)
    with (
        RawServer(endless) as raw,
        client(raw.url) as server,
        pytest.raises(BadAnswer, match="more than 1 MiB; the rest was not read"),
    ):
        operation(server)


@pytest.mark.parametrize("begin", [b"0\r\n", b"5\r\nabcde\r\n1;"], ids=["trailers", "extension"])
@pytest.mark.parametrize("operation", [upload, listing, download])
def test_an_answer_without_content_and_an_end_is_left(operation: Operation, begin: bytes) -> None:
    def handler(peer: Peer) -> None:
        peer.request()
        peer.sock.sendall(HEAD + begin)
        while True:
            peer.sock.sendall(b"x: y\r\n" * 10_000 if begin[0] == b"0"[0] else b"x" * 60_000)

    with (
        RawServer(handler) as raw,
        client(raw.url) as server,
        pytest.raises(BadAnswer, match="goes on without content"),
    ):
        operation(server)


@pytest.mark.parametrize("operation", [upload, listing])
def test_an_answer_that_comes_steadily_has_a_deadline(
    operation: Operation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transport, "_LONGEST_SECONDS", 0.0)
    with (
        RawServer(endless) as raw,
        client(raw.url) as server,
        pytest.raises(ServerUnreachable, match="too slowly"),
    ):
        operation(server)


def test_tags_without_an_end_are_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client_module, "_MOST_TAGS", 2000)
    names = count()

    def handler(peer: Peer) -> None:
        while peer.request()[0]:
            page = {"totalTagsCount": 1, "tagsData": [str(next(names)) for _ in range(500)]}
            peer.answer("200 OK", json.dumps({"data": {"tags": page}}).encode())

    with (
        RawServer(handler) as raw,
        client(raw.url) as server,
        pytest.raises(BadAnswer, match="does not end"),
    ):
        server.tags()
