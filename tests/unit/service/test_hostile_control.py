"""Whatever comes by the Unix socket gets an answer or a close, and disturbs nobody else."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import threading
from collections.abc import Iterator
from http.client import HTTPResponse
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aqsync.config import Config, ServerConfig
from aqsync.errors import AqsyncError, BadRequest
from aqsync.journal import Journal
from aqsync.service.web import connection as connection_module
from aqsync.service.web.client import DaemonClient
from aqsync.service.web.connection import MOST_CONNECTIONS
from aqsync.service.web.control import ControlServer
from aqsync.service.web.local_socket import connect, socket_path
from aqsync.service.web.models import (
    LONGEST_REQUEST,
    DaemonStatus,
    Failure,
    Message,
    Nothing,
    PauseRequest,
    PushRequest,
    ResumeRequest,
    RetryRequest,
    decoded,
    encoded,
    event_from_dict,
)
from aqsync.sync.order import Order
from aqsync.sync.progress import Pausing, Sent
from aqsync.sync.report import PushReport
from aqsync.trust import trusted_users
from tests.support.lab import Lab
from tests.support.patience import HANG_S, wait_until


class Talkative:
    """A worker that answers at once; a push talks until it is stopped.

    Args:
        lab: Whose mapping it works on.
    """

    def __init__(self, lab: Lab) -> None:
        self.asked: list[str] = []
        self.stopped = threading.Event()
        self.said = 0
        self.words = ""
        self.journal: Journal = lab.journal
        self.config = Config(
            server=ServerConfig(url="http://127.0.0.1:1"),
            journal=lab.journal_path,
            mappings=(lab.mapping,),
            path=Path("/c"),
        )

    def push(self, order: Order) -> PushReport:
        while not order.stopped.is_set():
            order.show(Pausing(order.limits.longest_wait_s, self.words))
            self.said += 1
        self.stopped.set()
        raise AqsyncError("stopped")

    def look_again(self) -> None:
        self.asked.append("look again")

    def pause(self, mapping: str | None, seconds: float | None) -> None:
        self.asked.append(f"pause {mapping} {seconds}")

    def resume(self, mapping: str | None) -> None:
        self.asked.append(f"resume {mapping}")

    def reload(self) -> None:
        self.asked.append("reload")

    def status(self) -> DaemonStatus:
        return DaemonStatus(
            process=os.getpid(),
            version="0",
            config="/c",
            mappings=[],
            started_at_ns=0,
            uploaded=0,
            bytes=0,
            ready=0,
            under_way=[],
        )


@pytest.fixture
def worker(lab: Lab) -> Talkative:
    return Talkative(lab)


@pytest.fixture
def journal(worker: Talkative) -> Iterator[Path]:
    server = ControlServer(worker.config.journal, worker)
    server.start()
    yield worker.config.journal
    server.stop()


def talk(journal: Path) -> socket.socket:
    peer = connect(socket_path(journal), trusted_users())
    assert peer is not None
    peer.settimeout(HANG_S)
    return peer


def head(path: str, length: int, method: str = "POST") -> bytes:
    return f"{method} {path} HTTP/1.1\r\nhost: aqsync\r\ncontent-length: {length}\r\n\r\n".encode()


def order(path: str, body: bytes) -> bytes:
    return head(path, len(body)) + body


STATUS = b"GET /status HTTP/1.1\r\nhost: aqsync\r\n\r\n"


def answer(peer: socket.socket) -> tuple[int, Any] | None:
    """The status and the first object that come; None for a close."""
    with HTTPResponse(peer) as response:
        try:
            response.begin()
        except ConnectionError:
            return None
        return response.status, json.loads(response.readline())


def is_served(journal: Path) -> bool:
    daemon = DaemonClient.find(journal)
    assert daemon is not None
    with daemon:
        return daemon.status().process == os.getpid()


PUSH: dict[str, Any] = {
    "config": "/c",
    "mappings": {},
    "within": {},
    "wait": True,
    "longest_wait_s": 1,
    "overwrite": False,
    "at_once": False,
}

NO_HTTP = [
    b"\n",
    b"null\n\n",
    b'{"command": "status"}\n\n',
    b"GET /status\r\n\r\n",
    b"GET /status HTTP/1.1\r\n\r\n",  # names no host
    b"\x00\xff\xfe\n\n",
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
    bytes(range(256)) + b"\r\n\r\n",
    b"POST /reload HTTP/1.1\r\nhost: a\r\ncontent-length: -1\r\n\r\n",
    b"POST /reload HTTP/1.1\r\nhost: a\r\ncontent-length: 2\r\ncontent-length: 3\r\n\r\n{}",
    b"POST /reload HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n",
    b"GET /status HTTP/1.1\r\nhost: a\r\n bad: header\r\nx\r\n\r\n",
    b"GET /" + b"x" * 200_000,
    b"GET /status HTTP/1.1\r\nhost: a\r\nx: " + b"x" * 200_000,
    b"GET /status HTTP/1.1\r\n" + b"x: y\r\n" * 100_000,
]


@pytest.mark.parametrize("junk", NO_HTTP, ids=lambda junk: ascii(junk[:50]))
def test_what_is_no_http_is_refused(journal: Path, worker: Talkative, junk: bytes) -> None:
    with talk(journal) as peer:
        with contextlib.suppress(ConnectionError):  # it need not be read to its end
            peer.sendall(junk)
        found = answer(peer)
    assert found is not None
    assert found[0] == 400
    assert found[1]["kind"] == "BadRequest"
    assert worker.asked == []
    assert is_served(journal)


JUNK = [
    ("/reload", b""),
    ("/reload", b"null"),
    ("/reload", b"[]"),
    ("/reload", b"7"),
    ("/reload", b'"status"'),
    ("/reload", b"{"),
    ("/reload", b"\x00\xff\xfe"),
    ("/reload", bytes(range(256))),
    ("/reload", b"[" * 100_000),
    ("/reload", b'{"a":' * 100_000),
    ("/reload", b"9" * 100_000),
    ("/reload", "{}".encode("utf-16")),
    ("/reload", b'{"more": 1}'),
    ("/reload", b'{"\\udcff": 1}'),
    ("/push", b"{}"),
    ("/pause", b"{}"),
    ("/pause", b'{"mapping": 7, "seconds": 1}'),
    ("/pause", b'{"mapping": "a", "seconds": "1"}'),
    ("/pause", b'{"mapping": "a", "seconds": NaN}'),
    ("/pause", b'{"mapping": "a", "seconds": Infinity}'),
    ("/pause", b'{"mapping": "a", "seconds": -1}'),
    ("/pause", b'{"mapping": "a", "seconds": 1e300}'),
    ("/pause", b'{"mapping": "a", "seconds": ' + b"9" * 4000 + b"}"),
    ("/pause", b'{"mapping": "a", "seconds": true}'),
    ("/pause", b'{"mapping": "a\\u0000b", "seconds": 1}'),
    ("/retry", b'{"config": "c", "paths": "abc", "mappings": []}'),
    ("/retry", b'{"config": "c", "paths": [1], "mappings": []}'),
    ("/retry", b'{"config": "c", "paths": {}, "mappings": []}'),
    ("/push", json.dumps({**PUSH, "wait": 1}).encode()),
    ("/push", json.dumps({**PUSH, "within": {"a": "b"}}).encode()),
    ("/push", json.dumps({**PUSH, "mappings": ["a"]}).encode()),
    ("/retry", b"x" * (LONGEST_REQUEST + 10)),
    ("/retry", b"x" * (4 * LONGEST_REQUEST)),
]


@pytest.mark.parametrize(("path", "body"), JUNK, ids=lambda junk: ascii(junk[:50]))
def test_junk_is_refused(journal: Path, worker: Talkative, path: str, body: bytes) -> None:
    with talk(journal) as peer:
        try:
            peer.sendall(order(path, body))
        except ConnectionError:
            assert len(body) > LONGEST_REQUEST
        found = answer(peer)
    assert found is not None
    assert found[0] == 400
    assert found[1]["kind"] == "BadRequest"
    assert worker.asked == []
    assert is_served(journal)


def test_a_body_without_end_is_refused(journal: Path, worker: Talkative) -> None:
    with talk(journal) as peer:
        peer.sendall(b"POST /reload HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n")
        with contextlib.suppress(ConnectionError):
            while True:
                peer.sendall(b"10000\r\n" + b" " * (1 << 16) + b"\r\n")
        found = answer(peer)
    assert found is not None
    assert found[0] == 400
    assert "longer than" in found[1]["message"]
    assert worker.asked == []


KINDS: list[tuple[type[Message], dict[str, Any]]] = [
    (PushRequest, PUSH),
    (RetryRequest, {"config": "c", "paths": ["a"], "mappings": []}),
    (PauseRequest, {"mapping": None, "seconds": None}),
    (ResumeRequest, {"mapping": "a"}),
    (Nothing, {}),
]


@given(kind=st.sampled_from([kind for kind, _ in KINDS]), body=st.binary(max_size=200))
def test_any_bytes_are_a_request_or_refused(kind: type[Message], body: bytes) -> None:
    with contextlib.suppress(BadRequest):
        decoded(kind, body)


ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters()),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(st.characters()), inner),
    max_leaves=8,
)


@given(st.data())
def test_any_members_are_a_request_or_refused(data: st.DataObject) -> None:
    """What is let through is what it says, and the same after another way through JSON."""
    kind, base = data.draw(st.sampled_from(KINDS))
    key = data.draw(st.sampled_from([*base, "other"]))
    try:
        request = decoded(kind, json.dumps({**base, key: data.draw(ANY_JSON)}).encode())
    except BadRequest as exc:
        request, kind = Failure.of(exc), Failure  # it can be told, whatever it quotes
    assert decoded(kind, encoded(request)) == request


@given(ANY_JSON)
def test_no_event_is_too_strange(value: object) -> None:
    for kind in ("planned", "sent", "finished", "unheard"):
        event_from_dict({"event": kind, "size": value})
    event_from_dict({"event": value})


def test_an_event_of_a_newer_daemon_is_passed_over() -> None:
    assert event_from_dict({"event": "sent", "size": 7}) == Sent(7)
    assert event_from_dict({"event": "sent", "size": 7, "more": 1}) is None
    assert event_from_dict({"event": "sung"}) is None
    error = Failure(kind="New", message="m", hint="h", exit_code=4).error()
    assert (error.message, error.hint) == ("m", "h")


def test_a_request_in_pieces_is_served(journal: Path) -> None:
    with talk(journal) as peer:
        for byte in order("/pause", b'{"mapping": null, "seconds": null}'):
            peer.sendall(bytes([byte]))
        assert answer(peer) == (200, {})


def test_half_a_request_is_given_up(journal: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By the time of the whole, however steadily it drips."""
    monkeypatch.setattr(connection_module, "REQUEST_S", 0.1)
    with talk(journal) as silent, talk(journal) as dripping, talk(journal) as half:
        dripping.sendall(b'{"command": "status"}\n')
        half.sendall(head("/reload", 2) + b"{")
        assert is_served(journal)
        for peer in (silent, dripping, half):
            found = answer(peer)
            assert found is not None
            assert found[0] == 408
            assert "takes too long" in found[1]["message"]


def test_who_goes_at_once_is_forgotten(journal: Path) -> None:
    for content in (b"", b"GET /sta", head("/reload", 2), STATUS):
        for _ in range(MOST_CONNECTIONS):
            with talk(journal) as peer, contextlib.suppress(ConnectionError):
                peer.sendall(content)  # one too many is refused, and may be closed already
    assert_served_soon(journal)


def test_too_many_connections_are_refused_and_the_others_served(journal: Path) -> None:
    held = [talk(journal) for _ in range(MOST_CONNECTIONS)]
    try:
        with talk(journal) as one_more:
            found = answer(one_more)
        assert found is not None
        assert found[0] == 503
        assert "busy" in found[1]["message"]
        daemon = DaemonClient.find(journal)
        assert daemon is not None
        with daemon, pytest.raises(AqsyncError, match="busy with other commands"):
            daemon.status()
        held[0].sendall(STATUS)
        found = answer(held[0])
        assert found is not None
        assert found[0] == 200
    finally:
        for peer in held:
            peer.close()
    assert_served_soon(journal)


def test_pushes_whose_clients_have_gone_count_until_they_end(
    journal: Path, worker: Talkative, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else each could leave a thread behind."""
    monkeypatch.setattr(connection_module, "MOST_CONNECTIONS", 1)
    begun, go_on = threading.Event(), threading.Event()

    def stubborn(*_: object) -> PushReport:
        begun.set()
        assert go_on.wait(HANG_S)
        raise AqsyncError("stopped")

    monkeypatch.setattr(worker, "push", stubborn)
    with talk(journal) as peer:
        peer.sendall(order("/push", json.dumps(PUSH).encode()))
        assert begun.wait(HANG_S)
    with talk(journal) as peer:
        found = answer(peer)
    assert found is not None
    assert found[0] == 503
    go_on.set()
    assert_served_soon(journal)


def assert_served_soon(journal: Path) -> None:
    """Once the daemon has noticed that the others have gone."""

    def so() -> bool:
        try:
            return is_served(journal)
        except AqsyncError:
            return False

    wait_until(so, "an answer")


def test_who_takes_nothing_is_given_up(
    journal: Path, worker: Talkative, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nor does it pile up what was to be told."""
    monkeypatch.setattr(connection_module, "TAKE_S", 0.2)
    worker.words = "c" * 10_000
    with talk(journal) as peer:
        peer.sendall(order("/push", json.dumps(PUSH).encode()))
        assert worker.stopped.wait(HANG_S)
    assert worker.said < 5000
    assert is_served(journal)


def test_who_leaves_the_last_of_an_answer_is_given_up(
    journal: Path, worker: Talkative, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Though all of it has been handed to the system, or waits in a buffer."""
    monkeypatch.setattr(connection_module, "TAKE_S", 0.1)
    monkeypatch.setattr(connection_module, "MOST_CONNECTIONS", 1)
    long = worker.status().model_copy(update={"config": "c" * 400_000})
    monkeypatch.setattr(worker, "status", lambda: long)
    with talk(journal) as peer:
        peer.sendall(STATUS)
        assert_served_soon(journal)


@pytest.mark.parametrize("more", [order("/reload", b"{}"), STATUS, b"\x00" * 5000])
def test_what_follows_a_request_is_not_heard(journal: Path, worker: Talkative, more: bytes) -> None:
    """And who goes then is missed all the same."""
    with talk(journal) as peer:
        peer.sendall(order("/pause", b'{"mapping": null, "seconds": null}') + more)
        assert answer(peer) == (200, {})
        assert peer.recv(1) == b""
    with talk(journal) as peer:
        peer.sendall(order("/push", json.dumps(PUSH).encode()) + more)
    assert worker.stopped.wait(HANG_S)
    assert worker.asked == ["pause None None"]


def test_memory_stays_flat(journal: Path) -> None:
    """A megabyte of brackets costs many at the time, but not for ever."""
    worst = order("/reload", b'{"a":[' + b"[]," * (LONGEST_REQUEST // 3 - 10) + b"[]]}")

    def attack() -> None:
        with talk(journal) as peer:
            peer.sendall(worst)
            assert answer(peer) is not None

    def attack_at_once() -> int:
        threads = [threading.Thread(target=attack) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return resident()

    # Each attack takes some 20 MB for a moment, and the allocator keeps some of it: were it lost
    # each time, it would be ten times as much.
    before = attack_at_once()
    assert [attack_at_once() for _ in range(5)][-1] - before < 64 << 20
    assert is_served(journal)


def resident() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def test_a_stop_waits_for_nobody_who_hangs(worker: Talkative) -> None:
    server = ControlServer(worker.config.journal, worker)
    server.start()
    path = worker.config.journal
    with talk(path) as silent, talk(path) as half, talk(path) as body:
        half.sendall(b"GET /status HTTP/1.1\r\n")
        body.sendall(head("/reload", 2) + b"{")
        assert is_served(path)
        server.stop(within_s=int(10 * HANG_S))
        for peer in (silent, half, body):
            assert answer(peer) is None


def test_a_stop_leaves_behind_what_does_not_end(
    worker: Talkative, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, go_on = threading.Event(), threading.Event()

    def stubborn() -> None:
        begun.set()
        assert go_on.wait(HANG_S)

    monkeypatch.setattr(worker, "reload", stubborn)
    server = ControlServer(worker.config.journal, worker)
    server.start()
    with talk(worker.config.journal) as peer:
        peer.sendall(order("/reload", b"{}"))
        assert begun.wait(HANG_S)
        server.stop(within_s=0)
        found = answer(peer)
    assert found is not None
    assert found[0] == 503
    assert found[1]["kind"] == "DaemonStopped"
    go_on.set()
