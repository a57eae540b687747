"""The connections to a server: what they read, which of them take another request."""

from __future__ import annotations

import gc
import socket
import warnings

import pytest

from aqsync.aqueduct import connections
from aqsync.aqueduct.transport import Request, Timeouts, Transport
from aqsync.errors import BadAnswer, ConfigError, RemoteError, ServerUnreachable
from tests.support.client_faults import STORED, client, upload
from tests.support.raw_server import Peer, RawServer

LIMITS = Timeouts(5.0, 5.0, 5.0)


def sends(*pieces: bytes) -> RawServer:
    """A server that answers the first request of each connection with these pieces, then leaves."""

    def handler(peer: Peer) -> None:
        if peer.request()[0]:
            for piece in pieces:
                peer.sock.sendall(piece)

    return RawServer(handler)


def asked(url: str, *headers: tuple[bytes, bytes], body: bytes = b"") -> tuple[int, bytes]:
    transport = Transport(url, None, verify=True, timeouts=LIMITS)
    try:
        answer = transport.exchange(Request("POST", "/api", body, headers), "question")
    finally:
        transport.close()
    return answer.status, bytes(answer.body)


@pytest.mark.parametrize(
    ("pieces", "body"),
    [
        ((b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nabc",), b"abc"),
        ((b"HTTP/1.1 200 OK\r\ncontent-le", b"ngth: 3\r\n\r", b"\na", b"bc"), b"abc"),
        ((b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"), b""),
        (
            (
                b"HTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\nHTTP/1.1 200 OK\r\n",
                b"connection: close\r\n\r\nabc",
                b"def",
            ),
            b"abcdef",
        ),
        ((b"HTTP/1.0 200 OK\r\n\r\nabc",), b"abc"),
        (
            (
                b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nab",
                b"c\r\n3;x=y\r\ndef\r\n0\r\n",
                b"trailer: t\r\n\r\n",
            ),
            b"abcdef",
        ),
        ((b"HTTP/1.1 204 No Content\r\n\r\n",), b""),
    ],
)
def test_an_answer_is_read_to_its_end(pieces: tuple[bytes, ...], body: bytes) -> None:
    with sends(*pieces) as raw:
        status, found = asked(raw.url)
    assert status in {200, 204}
    assert found == body


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nab",
        b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\ntransfer-encoding: chunked\r\n\r\nab",
        b"HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\nab",
        b"HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nx: a\0b\r\ncontent-length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"x: %s\r\n" % (b"a" * 1000) * 200,
        b"220 mail.example ESMTP\r\n",
    ],
)
def test_an_answer_that_could_be_read_in_two_ways_is_none(answer: bytes) -> None:
    with sends(answer) as raw, pytest.raises(BadAnswer, match="does not speak HTTP"):
        asked(raw.url)


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"HTTP/1.1 200 OK\r\ncontent-len",
        b"HTTP/1.1 100 Continue\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nab",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n",
    ],
)
def test_an_answer_that_breaks_off_is_told(answer: bytes) -> None:
    with sends(answer) as raw, pytest.raises(ServerUnreachable, match="broke off"):
        asked(raw.url)


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%sHTTP/1.1 200 OK\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%sgarbage",
        b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: %d\r\n\r\n%s",
        b"HTTP/1.0 200 OK\r\ncontent-length: %d\r\n\r\n%s",
    ],
)
def test_a_connection_with_something_behind_its_answer_is_not_used_again(answer: bytes) -> None:
    def handler(peer: Peer) -> None:
        while peer.request()[0]:
            peer.sock.sendall(answer % (len(STORED), STORED))

    with RawServer(handler) as raw, client(raw.url) as server:
        upload(server)
        upload(server)
        assert raw.connections == 2


def test_an_upgrade_that_nobody_asked_for_is_no_answer() -> None:
    answer = b"HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\nconnection: upgrade\r\n\r\nxyz"
    with sends(answer) as raw:
        status, body = asked(raw.url)
    assert (status, body) == (101, b"")


@pytest.mark.parametrize("value", [b"a\r\nx: y", b"a\nx: y", b"a\0"])
def test_no_header_brings_another_one_in(value: bytes) -> None:
    heads: list[bytes] = []

    def handler(peer: Peer) -> None:
        heads.append(peer.head())

    with RawServer(handler) as raw, pytest.raises(RemoteError):
        asked(raw.url, (b"file_name", value))
    assert b"x: y" not in b"".join(heads)


@pytest.mark.parametrize("scheme", ["socks5", "socks5h", "socks"])
def test_a_proxy_may_speak_socks(monkeypatch: pytest.MonkeyPatch, scheme: str) -> None:
    asked_for: list[bytes] = []

    def proxy(peer: Peer) -> None:
        """Take part in RFC 1928 without a password, and answer in the server's place."""
        peer.body(2 + peer.sock.recv(2, socket.MSG_PEEK)[1])
        peer.sock.sendall(b"\x05\x00")
        asked_for.append(peer.body(4 + 1 + len(b"aqueduct.example") + 2))
        peer.sock.sendall(b"\x05\x00\x00\x01" + bytes(6))
        asked_for.append(peer.head())
        peer.answer("200 OK", b"hello")

    with RawServer(proxy) as raw:
        monkeypatch.setenv("all_proxy", f"{scheme}://127.0.0.1:{raw.port}")
        transport = Transport("http://aqueduct.example", None, verify=True, timeouts=LIMITS)
        answer = transport.exchange(Request("GET", "/api"), "question")
        transport.close()
    assert bytes(answer.body) == b"hello"
    assert asked_for[0] == b"\x05\x01\x00\x03\x10aqueduct.example\x00\x50"
    assert asked_for[1].startswith(b"GET /api HTTP/1.1\r\n")


@pytest.mark.parametrize(
    "nonsense", [b"", b"\x05", b"HTTP/1.1 400 Bad Request\r\n\r\n", b"\x05\xff"]
)
def test_what_does_not_speak_socks_is_told(
    monkeypatch: pytest.MonkeyPatch, nonsense: bytes
) -> None:
    with RawServer(lambda peer: peer.sock.sendall(nonsense)) as raw, warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)  # httpcore leaves closing to Python
        monkeypatch.setenv("all_proxy", f"socks5://127.0.0.1:{raw.port}")
        transport = Transport("http://aqueduct.example", None, verify=True, timeouts=LIMITS)
        with pytest.raises(RemoteError) as caught:
            transport.exchange(Request("GET", "/api"), "question")
        assert "proxy 127.0.0.1" in caught.value.hint
        transport.close()
        del caught
        gc.collect()


def test_a_proxy_of_an_unknown_kind_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("all_proxy", "socks4://proxy.example:1080")
    with pytest.raises(ConfigError, match="'socks4'") as caught:
        Transport("http://aqueduct.example", None, verify=True, timeouts=LIMITS)
    assert "all_proxy" in caught.value.hint


def test_a_proxy_without_an_address_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "secret:pass:word::")
    with pytest.raises(ConfigError, match="it is not written as HOST:PORT") as caught:
        Transport("http://aqueduct.example", None, verify=True, timeouts=LIMITS)
    assert "pass" not in str(caught.value)


def test_headers_that_come_twice_are_one() -> None:
    head = b"HTTP/1.1 200 OK\r\nX-A: 1\r\nx-a: \xe9\r\ncontent-length: 0\r\n\r\n"
    with sends(head) as raw:
        transport = Transport(raw.url, None, verify=True, timeouts=LIMITS)
        answer = transport.exchange(Request("GET", "/api"), "question")
        transport.close()
    assert answer.headers["x-a"] == "1, \xe9"


@pytest.mark.parametrize("moment", ["on_header", "on_headers_complete", "on_body"])
def test_an_interruption_while_an_answer_is_parsed_is_one(
    moment: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ctrl-C raises wherever the program just is, also in what the parser calls."""

    def interrupted(*_given: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(connections._ParsedAnswer, moment, interrupted)
    with (
        sends(b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nabc") as server,
        pytest.raises(KeyboardInterrupt),
    ):
        asked(server.url)
