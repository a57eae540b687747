"""What the client makes of answers that are not the hoped-for ones."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from aqsync.aqueduct.client import Client
from aqsync.errors import (
    AqsyncError,
    BadAnswer,
    ExperimentNotFound,
    Forbidden,
    HeaderDropped,
    OperationFailed,
    RemoteFileNotFound,
    ServerBusy,
    ServerFailed,
    TokenRefused,
    TransferRefused,
)
from tests.support.client_faults import (
    EVERYTHING,
    EXPERIMENT,
    NGINX_413,
    Operation,
    answering,
    client,
    detail,
    listing,
    upload,
)
from tests.support.patience import HANG_S
from tests.support.raw_server import Peer, RawServer


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
            ServerBusy,
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


@pytest.mark.parametrize(
    "handler",
    [
        answering("400 Bad", detail("x" * 60_000)),
        answering("422 Bad", detail([{"msg": "x" * 6_000}] * 10)),
        answering("302 Found", b"", "location: /" + "x" * 60_000),
        answering("500 Failed", b"<title>" + b"x" * 60_000),
    ],
)
def test_of_long_words_an_error_repeats_the_beginning(handler: Callable[[Peer], None]) -> None:
    """The journal keeps the error of each file."""
    with RawServer(handler) as raw, client(raw.url) as server, pytest.raises(AqsyncError) as caught:
        upload(server)
    assert len(caught.value.message) < 1500


def test_the_header_check_names_the_cure() -> None:
    missing = answering("422 Unprocessable", detail("Filename header is missing."))
    with (
        RawServer(missing) as raw,
        client(raw.url) as server,
        pytest.raises(HeaderDropped) as caught,
    ):
        server.check_file_name_header()
    assert "underscores_in_headers on" in caught.value.hint


STRANGE: dict[str, object] = {
    "uuid": "no uuid",
    "eid": "1",
    "title": "t",
    "description": None,
    "tags": [],
}


@pytest.mark.parametrize(
    "data",
    [
        {"e0": STRANGE, "experiments": {"experimentsData": [STRANGE], "totalExperimentsCount": 1}},
        {"e0": {}, "experiments": {"experimentsData": []}},
        {"e0": {"uuid": 1}, "experiments": None},
    ],
)
@pytest.mark.parametrize(
    "operation", [lambda server: server.find(), lambda server: server.resolve(["20261123-1"])]
)
def test_a_strange_description_of_an_experiment_is_no_experiment(
    operation: Operation, data: dict[str, object]
) -> None:
    body = json.dumps({"data": data}).encode()
    with (
        RawServer(answering("200 OK", body)) as raw,
        client(raw.url) as server,
        pytest.raises(BadAnswer, match="unknown way"),
    ):
        operation(server)


@pytest.mark.parametrize("operation", EVERYTHING)
@pytest.mark.parametrize(
    ("status", "headers", "pause"),
    [
        ("503 Unavailable", ("retry-after: 120",), 120),
        ("429 Too Many", ("retry-after: 0",), 0),
        ("429 Too Many", ("retry-after:  7 ",), 7),
        ("503 Unavailable", ("retry-after: 3601",), 3600),
        ("503 Unavailable", ("retry-after: " + "9" * 5000,), 3600),
        ("503 Unavailable", ("retry-after: -5",), None),
        ("503 Unavailable", ("retry-after: soon",), None),
        ("503 Unavailable", ("retry-after:",), None),
        ("503 Unavailable", (), None),
        ("500 Internal Server Error", ("retry-after: 120",), None),
        (
            "503 Unavailable",
            ("date: Tue, 24 Nov 2026 13:31:28 GMT", "retry-after: Tue, 24 Nov 2026 13:33:28 GMT"),
            120,
        ),
        (
            "429 Too Many",
            ("date: Tue, 24 Nov 2026 13:31:28 GMT", "retry-after: Tue, 24 Nov 2026 13:31:27 GMT"),
            None,
        ),
        ("503 Unavailable", ("retry-after: Fri, 31 Dec 9999 23:59:59 GMT",), 3600),
        ("503 Unavailable", ("retry-after: Thu, 01 Jan 1970 00:00:00 GMT",), None),
    ],
)
def test_a_pause_that_the_server_asks_for_is_told(
    operation: Operation, status: str, headers: tuple[str, ...], pause: float | None
) -> None:
    with (
        RawServer(answering(status, b"", *headers)) as raw,
        client(raw.url) as server,
        pytest.raises(ServerFailed) as caught,
    ):
        operation(server)
    assert caught.value.retry_after_s == pause


def busy_at_first(asked: list[bytes], *headers: str) -> Callable[[Peer], None]:
    """Has too many requests once, and stores the file when it comes again."""

    def handler(peer: Peer) -> None:
        while (request := peer.request())[0]:
            asked.append(request[1])
            if len(asked) == 1:
                peer.answer("429 Too Many", b"", *headers)
            else:
                peer.answer("200 OK", b'{"result": "Successfuly uploaded a"}')

    return handler


def test_a_patient_client_comes_again_when_the_server_says() -> None:
    asked: list[bytes] = []
    with (
        RawServer(busy_at_first(asked, "retry-after: 0")) as raw,
        Client(raw.url, patience=HANG_S) as server,
    ):
        upload(server)
    assert len(asked) == 2
    assert asked[0] == asked[1], "nothing of the file is missing"


@pytest.mark.parametrize(
    ("header", "patience"), [("retry-after: 0", 0.0), ("retry-after: 60", 59.0), ("x: y", HANG_S)]
)
def test_no_client_waits_longer_than_it_was_told(header: str, patience: float) -> None:
    asked: list[bytes] = []
    with (
        RawServer(busy_at_first(asked, header)) as raw,
        Client(raw.url, patience=patience) as server,
        pytest.raises(ServerFailed),
    ):
        upload(server)
    assert len(asked) == 1
