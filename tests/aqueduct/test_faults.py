"""What the client makes of servers and networks that misbehave."""

from __future__ import annotations

import json
import logging
import socket
import threading
import time
from collections.abc import Callable, Iterator
from uuid import UUID

import pytest

from aqsync.aqueduct.server import Server
from aqsync.errors import (
    AqsyncError,
    BadAnswer,
    ExperimentNotFound,
    FileChanged,
    Forbidden,
    HeaderDropped,
    OperationFailed,
    RemoteFileNotFound,
    ServerFailed,
    ServerUnreachable,
    TokenRefused,
    TransferRefused,
)
from tests.support.raw_server import Peer, RawServer, content_length

MIB = 1 << 20
GIB = 1 << 30
EXPERIMENT = UUID("00000000-0000-4000-8000-000000000001")
STORED = b'{"result": "Successfuly uploaded a"}'
NGINX_413 = b"<html><head><title>413 Request Entity Too Large</title></head><body></body></html>"


def client(url: str, *, answer: float = 5, stall: float = 5) -> Server:
    return Server(url, "s3cret-token", answer_timeout=answer, stall_timeout=stall)


def detail(text: object) -> bytes:
    return json.dumps({"detail": text}).encode()


def answering(status: str, body: bytes = b"", *headers: str) -> Callable[[Peer], None]:
    def handler(peer: Peer) -> None:
        while peer.request()[0]:
            peer.answer(status, body, *headers)

    return handler


def upload(server: Server) -> None:
    server.upload(EXPERIMENT, "µ.csv", [b"abc"], 3)


def download(server: Server) -> None:
    with server.download(EXPERIMENT, "µ.csv") as found:
        list(found.chunks())


def listing(server: Server) -> None:
    server.list_files([EXPERIMENT])


def removal(server: Server) -> None:
    server.remove_files(EXPERIMENT, ["µ.csv"])


EVERYTHING = (upload, download, listing, removal)
Operation = Callable[[Server], None]


@pytest.mark.parametrize("operation", EVERYTHING)
@pytest.mark.parametrize(
    ("status", "body", "headers", "error", "told"),
    [
        ("401 Unauthorized", detail("no"), (), TokenRefused, "token"),
        ("401 Unauthorized", b"<html>", (), TokenRefused, "token"),
        ("403 Forbidden", detail("no"), (), Forbidden, "does not allow"),
        ("500 Internal Server Error", b"Internal Server Error", (), ServerFailed, "500"),
        ("502 Bad Gateway", b"<title>502 Bad\nGateway</title>", (), ServerFailed, "502 Bad Gate"),
        ("503 Unavailable", b"", (), ServerFailed, "503"),
        ("408 Request Timeout", b"", (), ServerFailed, "408"),
        ("429 Too Many", b"", (), ServerFailed, "429"),
        ("301 Moved", b"", ("location: https://x/",), BadAnswer, "points to https://x/"),
        ("307 Moved", b"", ("location: /login",), BadAnswer, "points to /login"),
        ("404 Not Found", b"<h1>Nothing here</h1>", (), BadAnswer, "404: Nothing here"),
        ("404 Not Found", detail("Not Found"), (), BadAnswer, "not answer like an Aqueduct"),
        ("405 Not Allowed", detail("Method Not Allowed"), (), BadAnswer, "405"),
        ("418 I'm a teapot", b"\xff\xfe\x00", (), BadAnswer, "418"),
    ],
)
def test_an_answer_that_is_not_the_hoped_for_one_is_told(
    operation: Operation,
    status: str,
    body: bytes,
    headers: tuple[str, ...],
    error: type[AqsyncError],
    told: str,
) -> None:
    with RawServer(answering(status, body, *headers)) as raw, client(raw.url) as server:
        with pytest.raises(error) as caught:
            operation(server)
        assert type(caught.value) is error
        assert told in caught.value.message
        assert str(EXPERIMENT) in caught.value.message
        assert caught.value.message.isprintable()
        assert not caught.value.message.endswith(".")
        assert "s3cret" not in caught.value.message + caught.value.hint + repr(caught.value)


@pytest.mark.parametrize(
    ("status", "body", "error", "told", "hint"),
    [
        ("400 Bad", detail("Invalid file name."), TransferRefused, "Invalid file name", ""),
        ("400 Bad", b"<title>400 HTTP on HTTPS port</title>", TransferRefused, "HTTPS port", "URL"),
        ("409 Conflict", detail("File(s) not found - a"), TransferRefused, "not found - a", ""),
        ("413 Large", detail("Maximum file size limit"), TransferRefused, "Maximum file", ""),
        ("413 Large", NGINX_413, TransferRefused, "too large", "client_max_body_size"),
        ("422 Bad", detail([{"msg": "not a uuid", "loc": []}]), TransferRefused, "not a uuid", ""),
        ("422 Bad", detail("Filename header is missing."), HeaderDropped, "proxy", "underscores"),
        (
            "404 Not Found",
            detail("The specified experiment was not found."),
            ExperimentNotFound,
            "does not exist",
            "",
        ),
        (
            "404 Not Found",
            detail("The requested file is not found."),
            RemoteFileNotFound,
            "no such file",
            "",
        ),
    ],
)
def test_what_is_said_about_one_file_is_told_with_its_name(
    status: str, body: bytes, error: type[AqsyncError], told: str, hint: str
) -> None:
    with RawServer(answering(status, body)) as raw, client(raw.url) as server:
        with pytest.raises(error) as caught:
            upload(server)
        assert type(caught.value) is error
        assert caught.value.permanent
        assert told in caught.value.message
        assert "'µ.csv'" in caught.value.message
        assert hint in caught.value.hint
        if isinstance(caught.value, TransferRefused):
            assert caught.value.status == int(status[:3])


@pytest.mark.parametrize(
    "body", [b"", b"<html>Welcome</html>", b"[]", b"{", b'{"other": 1}', b"\xff", b"[" * 100_000]
)
@pytest.mark.parametrize("operation", [upload, listing])
def test_a_200_that_is_not_aqueducts_is_no_success(operation: Operation, body: bytes) -> None:
    with (
        RawServer(answering("200 OK", body)) as raw,
        client(raw.url) as server,
        pytest.raises(BadAnswer),
    ):
        operation(server)


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        ({"data": None, "errors": [{"message": "No such field."}]}, OperationFailed),
        ({"data": {"e0": None}}, BadAnswer),
        ({"data": {}}, BadAnswer),
        ({"data": {"e0": {"files": None}}}, BadAnswer),
        ({"data": {"e0": {"files": [{"name": "a"}]}}}, BadAnswer),
        ({"data": {"e0": 7}}, BadAnswer),
        ({"errors": "all"}, BadAnswer),
        (
            {"data": None, "errors": [{"message": "Non-existing experiment with x.", "path": []}]},
            ExperimentNotFound,
        ),
        (
            {"errors": [{"message": 'duplicate key value violates "x"', "path": ["e0"]}]},
            ServerFailed,
        ),
    ],
)
def test_a_list_is_believed_only_if_it_is_one(
    answer: dict[str, object], error: type[AqsyncError]
) -> None:
    body = json.dumps(answer).encode()
    with RawServer(answering("200 OK", body)) as raw, client(raw.url) as server:
        with pytest.raises(error) as caught:
            listing(server)
        assert type(caught.value) is error


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


def chunks_of(size: int, taken: list[int]) -> Iterator[bytes]:
    while True:
        taken.append(size)
        yield bytes(size)


def early_answer(after: int, status: str, body: bytes, then: str) -> Callable[[Peer], None]:
    def handler(peer: Peer) -> None:
        peer.head()
        peer.body(after)
        peer.answer(status, body)
        if then == "keeps open":
            assert peer.sock.recv(1, socket.MSG_PEEK)
            while not _gone(peer.sock):
                pass
        elif then == "reads on":
            assert peer.wait_until_gone() < 64 * MIB
        elif then == "resets":
            peer.reset()

    return handler


def _gone(sock: socket.socket) -> bool:
    """Tell whether the client has left, without reading what it sent."""
    time.sleep(0.001)
    info = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)
    established = 1
    return info[0] != established


@pytest.mark.parametrize("then", ["closes", "keeps open", "reads on", "resets"])
@pytest.mark.parametrize(
    ("status", "body", "error", "told"),
    [
        (
            "413 Large",
            detail("Maximum file size limit (5 bytes) exceeded."),
            TransferRefused,
            "5 b",
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
        assert gone.wait(5)
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
        assert arrived.wait(5)
        raise FileChanged("changed at the last moment")

    with (
        RawServer(handler) as raw,
        client(raw.url) as server,
        pytest.raises(FileChanged, match="last moment"),
    ):
        server.upload(EXPERIMENT, "a", source(), MIB)
    [(announced, came)] = seen
    assert came < announced


def test_close_breaks_a_running_transfer_off() -> None:
    started = threading.Event()

    def hang(peer: Peer) -> None:
        peer.request()
        started.set()
        raw.stopping.wait()

    failures: list[BaseException] = []

    def work() -> None:
        try:
            upload(server)
        except ServerUnreachable as exc:
            failures.append(exc)

    with RawServer(hang) as raw, client(raw.url, stall=60) as server:
        thread = threading.Thread(target=work)
        thread.start()
        assert started.wait(5)
        server.close()
        thread.join(5)
        assert not thread.is_alive()
        assert failures
        with pytest.raises(ServerUnreachable, match="closed by this program"):
            listing(server)


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


def test_the_token_goes_to_the_server_and_into_no_log(caplog: pytest.LogCaptureFixture) -> None:
    heads: list[bytes] = []

    def handler(peer: Peer) -> None:
        head, _ = peer.request()
        heads.append(head)
        peer.answer("200 OK", STORED)

    caplog.set_level(logging.DEBUG)
    with RawServer(handler) as raw, client(raw.url) as server:
        upload(server)
    assert b"\r\nauthorization: bearer s3cret-token" in heads[0].lower()
    assert caplog.records
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


def test_the_header_check_names_the_cure() -> None:
    missing = answering("422 Unprocessable", detail("Filename header is missing."))
    with (
        RawServer(missing) as raw,
        client(raw.url) as server,
        pytest.raises(HeaderDropped) as caught,
    ):
        server.check_file_name_header()
    assert "underscores_in_headers on" in caught.value.hint
