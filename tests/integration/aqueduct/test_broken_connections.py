"""What the client makes of connections that are refused, hang or break."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator

import pytest

from aqsync.errors import (
    BadAnswer,
    FileChanged,
    ServerFailed,
    ServerUnreachable,
)
from tests.support.client_faults import (
    EVERYTHING,
    EXPERIMENT,
    GIB,
    MIB,
    STORED,
    Operation,
    chunks_of,
    client,
    download,
    listing,
    removal,
    upload,
)
from tests.support.patience import HANG_S
from tests.support.raw_server import Peer, RawServer, content_length


@pytest.mark.parametrize("operation", EVERYTHING)
def test_nobody_listening_is_told(operation: Operation) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    with client(f"http://127.0.0.1:{port}") as server, pytest.raises(ServerUnreachable) as caught:
        operation(server)
    assert f"http://127.0.0.1:{port}: connection refused" in caught.value.message
    assert caught.value.hint


def test_a_host_that_does_not_exist_is_told() -> None:
    with (
        client("http://no-such-host.invalid") as server,
        pytest.raises(ServerUnreachable) as caught,
    ):
        listing(server)
    assert "http://no-such-host.invalid: " in caught.value.message


@pytest.mark.parametrize("operation", EVERYTHING)
def test_a_server_that_hangs_is_left_after_the_limit(operation: Operation) -> None:
    def hang(peer: Peer) -> None:
        peer.request()
        raw.stopping.wait()

    with (
        RawServer(hang) as raw,
        client(raw.url, answer=0.1, stall=0.1) as server,
        pytest.raises(ServerUnreachable, match=r"silent for 0\.1 s"),
    ):
        operation(server)


def test_a_download_that_stalls_is_left_after_the_limit() -> None:
    def stall(peer: Peer) -> None:
        peer.request()
        peer.sock.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nabc")
        raw.stopping.wait()

    with (
        RawServer(stall) as raw,
        client(raw.url, stall=0.1) as server,
        pytest.raises(ServerUnreachable, match="silent"),
    ):
        download(server)


def test_an_upload_that_stalls_is_left_after_the_limit() -> None:
    def stall(peer: Peer) -> None:
        peer.head()
        raw.stopping.wait()

    with (
        RawServer(stall) as raw,
        client(raw.url, stall=0.1) as server,
        pytest.raises(ServerUnreachable, match="silent"),
    ):
        server.upload(EXPERIMENT, "a", chunks_of(MIB, []), GIB)


@pytest.mark.parametrize("operation", EVERYTHING)
@pytest.mark.parametrize(
    "garbage", [b"SSH-2.0-OpenSSH_9.6\r\n\r\n", b"\x15\x03\x01\x00\x02\x02\x46", b"\0" * 200_000]
)
def test_what_is_not_http_is_told(operation: Operation, garbage: bytes) -> None:
    def speak(peer: Peer) -> None:
        peer.request()
        peer.sock.sendall(garbage)

    with (
        RawServer(speak) as raw,
        client(raw.url) as server,
        pytest.raises(BadAnswer, match="does not speak HTTP") as caught,
    ):
        operation(server)
    assert raw.url in caught.value.message


@pytest.mark.parametrize("operation", [download, listing])
def test_a_body_shorter_than_announced_is_an_error(operation: Operation) -> None:
    def break_off(peer: Peer) -> None:
        peer.request()
        peer.sock.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{")

    with (
        RawServer(break_off) as raw,
        client(raw.url) as server,
        pytest.raises(ServerUnreachable, match="broke off"),
    ):
        operation(server)


@pytest.mark.parametrize(
    ("operation", "tries"), [(upload, 1), (removal, 1), (listing, 2), (download, 2)]
)
@pytest.mark.parametrize("reset", [False, True])
def test_only_what_is_harmless_to_repeat_is_repeated_once(
    operation: Operation, tries: int, *, reset: bool
) -> None:
    def leave(peer: Peer) -> None:
        peer.request()
        if reset:
            peer.reset()

    with RawServer(leave) as raw, client(raw.url) as server:
        with pytest.raises(ServerUnreachable, match="broke off"):
            operation(server)
        assert raw.connections == tries


@pytest.mark.parametrize("large", [False, True])
@pytest.mark.parametrize("reset", [False, True])
def test_a_kept_connection_found_dead_is_replaced_whatever_is_asked(
    *, large: bool, reset: bool
) -> None:
    gone = threading.Event()

    def answer_once(peer: Peer) -> None:
        while peer.request()[0]:
            peer.answer("200 OK", STORED)
            if peer.number == 0:
                break
        if peer.number == 0:
            if reset:
                peer.reset()
            else:
                peer.sock.close()
            gone.set()

    length = 3 * MIB if large else 3
    with RawServer(answer_once) as raw, client(raw.url) as server:
        upload(server)
        assert gone.wait(HANG_S)
        server.upload(EXPERIMENT, "a", iter([bytes(length)]), length)
        assert raw.connections == 2


def test_a_connection_is_kept_from_request_to_request_but_not_after_a_500() -> None:
    def handler(peer: Peer) -> None:
        for status in ("200 OK", "200 OK", "404 Not Found", "500 Oh no"):
            peer.request()
            peer.answer(status, STORED)
        assert not peer.request()[0]

    with RawServer(handler) as raw, client(raw.url) as server:
        upload(server)
        upload(server)
        with pytest.raises(BadAnswer):
            upload(server)
        with pytest.raises(ServerFailed):
            upload(server)
        assert raw.connections == 1
        upload(server)
        assert raw.connections == 2


def test_a_request_is_never_completed_if_the_source_complains() -> None:
    seen: list[tuple[int, int]] = []
    arrived = threading.Event()

    def handler(peer: Peer) -> None:
        head = peer.head()
        arrived.set()
        seen.append((content_length(head), peer.wait_until_gone()))

    def source() -> Iterator[bytes]:
        yield bytes(MIB)
        assert arrived.wait(HANG_S)
        raise FileChanged("changed at the last moment")

    with (
        RawServer(handler) as raw,
        client(raw.url) as server,
        pytest.raises(FileChanged, match="last moment"),
    ):
        server.upload(EXPERIMENT, "a", source(), MIB)
    [(announced, came)] = seen
    assert came < announced
