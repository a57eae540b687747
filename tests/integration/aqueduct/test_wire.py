"""What the client puts on the wire, and what it reads from there."""

from __future__ import annotations

import logging
import socket

import pytest

from aqsync.errors import (
    ConfigError,
    NameNotSendable,
    ServerUnreachable,
)
from tests.support.client_faults import (
    EXPERIMENT,
    MIB,
    STORED,
    answering,
    client,
    download,
    listing,
    upload,
)
from tests.support.raw_server import Peer, RawServer, content_length


def test_a_small_upload_leaves_in_one_piece() -> None:
    def handler(peer: Peer) -> None:
        pieces.append(peer.sock.recv(1 << 20))
        peer.answer("200 OK", STORED)

    pieces: list[bytes] = []
    with RawServer(handler) as raw, client(raw.url) as server:
        server.upload(EXPERIMENT, "µ", [bytes(10240)], 10240)
    head, _, body = pieces[0].partition(b"\r\n\r\n")
    assert len(body) == content_length(head)
    assert b"\r\nfile_name: \xb5\r\n" in head
    assert head.startswith(b"POST /api/files/00000000-0000-4000-8000-000000000001 HTTP/1.1\r\n")


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
@pytest.mark.parametrize("prefix", ["", "/lab/aqueduct", "/lab/"])
def test_a_path_prefix_and_ipv6_are_fine(host: str, prefix: str) -> None:
    targets: list[bytes] = []

    def handler(peer: Peer) -> None:
        while head := peer.request()[0]:
            targets.append(head.split(b" ")[1])
            assert b"\r\nhost: " + raw.url.removeprefix("http://").encode() in head.lower()
            peer.answer("200 OK", STORED)

    with RawServer(handler, host) as raw, client(raw.url + prefix) as server:
        upload(server)
        download(server)
    base = prefix.rstrip("/").encode() + b"/api/files/" + str(EXPERIMENT).encode()
    assert targets == [base, base + b"/%C2%B5.csv"]


@pytest.mark.parametrize("by_proxy", [False, True])
def test_the_token_goes_to_the_server_and_into_no_log(
    by_proxy: bool,  # noqa: FBT001 - a parameter of the test
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    heads: list[bytes] = []

    def handler(peer: Peer) -> None:
        head, _ = peer.request()
        heads.append(head)
        peer.answer("200 OK", STORED)

    caplog.set_level(logging.DEBUG)
    with RawServer(handler) as raw:
        monkeypatch.setenv("http_proxy", raw.url)
        with client("http://aqueduct.example" if by_proxy else raw.url) as server:
            upload(server)
    assert b"\r\nauthorization: bearer s3cret-token" in heads[0].lower()
    assert heads[0].startswith(b"POST http://aqueduct.example/" if by_proxy else b"POST /api/")
    assert caplog.records or not by_proxy  # httpcore, which serves proxies, has a log
    assert "s3cret" not in caplog.text


def test_a_length_that_a_server_does_not_tell_is_none() -> None:
    def handler(peer: Peer) -> None:
        peer.request()
        peer.sock.sendall(
            b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"
        )

    with (
        RawServer(handler) as raw,
        client(raw.url) as server,
        server.download(EXPERIMENT, "a") as found,
    ):
        assert found.length is None
        assert b"".join(found.chunks()) == b"abc"


@pytest.mark.parametrize("date", ["date: Tue, 24 Nov 2026 13:31:28 GMT", "date: yesterday", "x: y"])
def test_the_servers_clock_is_read_if_it_is_told(date: str) -> None:
    with RawServer(answering("200 OK", STORED, date)) as raw, client(raw.url) as server:
        receipt = server.upload(EXPERIMENT, "a", [b"x"], 1)
    told = receipt.server_date.isoformat() if receipt.server_date else None
    assert told == ("2026-11-24T13:31:28+00:00" if "2026" in date else None)


def test_a_proxy_of_the_environment_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    heads: list[bytes] = []

    def proxy(peer: Peer) -> None:
        while head := peer.request()[0]:
            heads.append(head)
            peer.answer("200 OK", STORED)

    with RawServer(proxy) as raw:
        monkeypatch.setenv("http_proxy", raw.url)
        monkeypatch.delenv("no_proxy", raising=False)
        monkeypatch.delenv("NO_PROXY", raising=False)
        with client("http://lab.invalid/x") as server:
            upload(server)
            server.upload(EXPERIMENT, "a", iter([bytes(MIB)]), MIB)
    assert [head.split(b" ")[1] for head in heads] == [
        b"http://lab.invalid/x/api/files/" + str(EXPERIMENT).encode()
    ] * 2


def test_a_proxy_that_is_down_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    monkeypatch.setenv("http_proxy", f"http://user:pa55word@127.0.0.1:{port}")
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    with client("http://lab.invalid") as server, pytest.raises(ServerUnreachable) as caught:
        listing(server)
    assert "through the proxy 127.0.0.1" in caught.value.hint
    assert "pa55word" not in caught.value.message + caught.value.hint


def test_a_proxy_that_cannot_be_one_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "gopher://user:pa55word@proxy")
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    with pytest.raises(ConfigError, match="proxy") as caught:
        client("http://lab.invalid")
    assert "pa55word" not in caught.value.message + caught.value.hint


def test_a_name_too_long_for_a_request_is_told() -> None:
    with (
        RawServer(answering("200 OK", STORED)) as raw,
        client(raw.url) as server,
        pytest.raises(NameNotSendable, match="too long"),
        server.download(EXPERIMENT, "x" * 70_000),
    ):
        pass
