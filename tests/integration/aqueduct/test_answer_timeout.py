"""Small answers come to an end: one that only drips is left."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from itertools import repeat
from threading import Event

import pytest

from aqsync.aqueduct import transport
from aqsync.aqueduct.answer_timeout import SLOWEST_BYTES_PER_SECOND, AnswerTimeout
from aqsync.aqueduct.client import Client
from aqsync.errors import ServerUnreachable
from tests.support.client_faults import (
    EVERYTHING,
    EXPERIMENT,
    STORED,
    Operation,
    client,
    download,
    listing,
    removal,
    upload,
)
from tests.support.raw_server import Peer, RawServer

DRIP_S = 0.005
LIMIT_S = 10


class Time:
    """A clock that a test sets, or that goes on whenever it is looked at."""

    def __init__(self, step: float = 0.0) -> None:
        self.now = 1000.0
        self._step = step

    def clock(self) -> float:
        self.now += self._step
        return self.now


@pytest.fixture
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each look at an answer takes a second: nothing has to be waited for."""
    passing = Time(step=1)
    monkeypatch.setattr(
        transport, "AnswerTimeout", lambda seconds: AnswerTimeout(seconds, passing.clock)
    )


def probe(server: Client) -> None:
    server.probe_file(EXPERIMENT, "a")


def dripping(start: bytes, drops: Iterable[bytes]) -> Callable[[Peer], None]:
    """Answer with `start`, and then drop by drop."""

    def handler(peer: Peer) -> None:
        peer.request()
        peer.sock.sendall(start)
        between = Event()
        for drop in drops:
            between.wait(DRIP_S)  # so that each is read alone
            peer.sock.sendall(drop)

    return handler


HEAD = b"HTTP/1.1 200 OK\r\n"
DRIPS = {
    "status line": (b"HTTP/1.1 200 ", b"x"),
    "header": (HEAD + b"x: ", b"x"),
    "headers": (HEAD, b"x: y\r\n"),
    "other answers": (b"", b"HTTP/1.1 103 Early Hints\r\n\r\n"),
}
BODIES = {
    "body": (HEAD + b"content-length: 10000000\r\n\r\n{", b" "),
    "chunks": (HEAD + b"transfer-encoding: chunked\r\n\r\n", b"1\r\n \r\n"),
    "size of a chunk": (HEAD + b"transfer-encoding: chunked\r\n\r\n", b"0"),
    "body without end": (HEAD + b"\r\n", b" "),
    "error": (b"HTTP/1.1 500 No\r\ncontent-length: 10000\r\n\r\n", b" "),
}


def is_left(operation: Operation, start: bytes, drop: bytes) -> bool:
    with (
        RawServer(dripping(start, repeat(drop))) as raw,
        client(raw.url, answer=LIMIT_S, stall=LIMIT_S) as server,
        pytest.raises(ServerUnreachable) as caught,
    ):
        operation(server)
    return "answers too slowly" in caught.value.message and "10 s" in caught.value.message


@pytest.mark.usefixtures("hurried")
@pytest.mark.parametrize("operation", [*EVERYTHING, probe])
@pytest.mark.parametrize(("start", "drop"), DRIPS.values(), ids=DRIPS)
def test_a_head_that_drips_is_left(operation: Operation, start: bytes, drop: bytes) -> None:
    assert is_left(operation, start, drop)


@pytest.mark.usefixtures("hurried")
@pytest.mark.parametrize("operation", [upload, listing, removal])
@pytest.mark.parametrize(("start", "drop"), BODIES.values(), ids=BODIES)
def test_a_small_answer_that_drips_is_left(operation: Operation, start: bytes, drop: bytes) -> None:
    assert is_left(operation, start, drop)


@pytest.mark.usefixtures("hurried")
def test_what_little_a_probe_reads_is_left_too() -> None:
    assert is_left(probe, HEAD + b"content-length: 10000\r\n\r\n", b"x")


@pytest.mark.usefixtures("hurried")
def test_a_download_may_take_as_long_as_it_takes() -> None:
    size = 5 * LIMIT_S
    start = HEAD + f"content-length: {size}\r\n\r\n".encode()
    with (
        RawServer(dripping(start, [b"x"] * size)) as raw,
        client(raw.url, answer=LIMIT_S, stall=LIMIT_S) as server,
    ):
        download(server)


@pytest.mark.usefixtures("hurried")
def test_a_long_list_on_a_slow_line_comes_whole() -> None:
    files = [{"name": f"{n:06}", "modifiedAt": "2026-11-23T10:11:45+00:00"} for n in range(5000)]
    body = json.dumps({"data": {"e0": {"files": files}}}).encode()
    step = 4 * SLOWEST_BYTES_PER_SECOND
    start = HEAD + f"content-length: {len(body)}\r\n\r\n".encode()
    drops = [body[at : at + step] for at in range(0, len(body), step)]
    assert len(drops) > 5 * LIMIT_S
    with RawServer(dripping(start, drops)) as raw, client(raw.url, answer=LIMIT_S) as server:
        lists = server.list_files([EXPERIMENT])
    assert lists is not None
    assert len(lists.files[EXPERIMENT] or []) == 5000


@pytest.mark.usefixtures("hurried")
def test_each_request_on_a_connection_has_its_own_time() -> None:
    def handler(peer: Peer) -> None:
        while peer.request()[0]:
            peer.answer("200 OK", STORED)

    with RawServer(handler) as raw, client(raw.url, answer=LIMIT_S, stall=LIMIT_S) as server:
        for _ in range(5 * LIMIT_S):
            upload(server)
        assert raw.connections == 1


# The rule itself


@pytest.fixture
def time() -> Time:
    return Time()


def test_a_head_has_one_time_in_all(time: Time) -> None:
    limit = AnswerTimeout(30, time.clock)
    time.now += 500  # an upload's body
    assert limit.next_wait() == 30
    for left in (29, 28, 27):
        time.now += 1
        limit.came(10_000)
        assert limit.next_wait() == left
    time.now += 100
    assert limit.next_wait() == 0


def test_a_body_has_more_time_as_bytes_come(time: Time) -> None:
    limit = AnswerTimeout(30, time.clock)
    limit.next_wait()
    limit.begin_body(of_any_length=False)
    time.now += 7
    assert limit.next_wait() == 30
    for _ in range(1000):  # at the slowest rate
        time.now += 25
        assert limit.next_wait() == 5
        limit.came(25 * SLOWEST_BYTES_PER_SECOND)
        assert limit.next_wait() == 30


def test_what_came_quickly_is_not_saved_up_for_long(time: Time) -> None:
    limit = AnswerTimeout(30, time.clock)
    limit.begin_body(of_any_length=False)
    limit.next_wait()
    limit.came(1 << 30)
    waited = 0
    while limit.next_wait() > 0:
        time.now += 3
        waited += 3
        limit.came(1)
    assert waited <= 63


def test_a_new_request_begins_anew(time: Time) -> None:
    limit = AnswerTimeout(30, time.clock)
    limit.next_wait()
    time.now += 40
    assert limit.next_wait() == 0
    limit.begin()
    assert limit.next_wait() == 30


def test_a_download_is_only_left_when_it_is_silent(time: Time) -> None:
    limit = AnswerTimeout(30, time.clock)
    limit.begin_body(of_any_length=True)
    for _ in range(1000):
        time.now += 29
        assert limit.next_wait() == 30
        limit.came(1)
