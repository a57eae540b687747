"""Whatever comes by the local socket gets an answer or a close, and disturbs nobody else."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aqsync.clock import SystemClock
from aqsync.errors import AqsyncError
from aqsync.service.control import connection as connection_module
from aqsync.service.control.client import Daemon
from aqsync.service.control.commands import DaemonStatus
from aqsync.service.control.lines import LONGEST_REQUEST, BadLine, decoded, encoded
from aqsync.service.control.local_socket import connect, socket_path
from aqsync.service.control.protocol import (
    BadRequest,
    PushRequest,
    RetryRequest,
    StatusRequest,
    error_from_dict,
    event_from_dict,
    request_from_dict,
    request_to_dict,
)
from aqsync.service.control.server import MOST_CONNECTIONS, ControlServer
from aqsync.sync.progress import Reporter, Sent
from tests.support.patience import HANG_S, wait_until


class Talkative:
    """Commands that answer at once; a push talks until it is stopped."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.stopped = threading.Event()
        self.said = 0

    def push(
        self, request: PushRequest, reporter: Reporter, stop: threading.Event
    ) -> dict[str, Any]:
        while not stop.is_set():
            reporter.waiting(1.0, request.config)
            self.said += 1
        self.stopped.set()
        raise AqsyncError("stopped")

    def retry(self, request: RetryRequest) -> int:
        self.asked.append(f"retry {len(request.paths)}")
        return len(request.paths)

    def pause(self, mapping: str | None, seconds: float | None) -> None:
        self.asked.append(f"pause {mapping} {seconds}")

    def resume(self, mapping: str | None) -> None:
        self.asked.append(f"resume {mapping}")

    def reload(self) -> None:
        self.asked.append("reload")

    def status(self) -> DaemonStatus:
        return {
            "process": os.getpid(),
            "version": "0",
            "config": "/c",
            "mappings": [],
            "started_at_ns": 0,
            "uploaded": 0,
            "bytes": 0,
            "ready": 0,
            "under_way": [],
        }


@pytest.fixture
def commands() -> Talkative:
    return Talkative()


@pytest.fixture
def journal(tmp_path: Path, commands: Talkative) -> Iterator[Path]:
    path = tmp_path / "journal.db"
    server = ControlServer(path, commands, SystemClock())
    server.start()
    yield path
    server.stop()


def talk(journal: Path) -> socket.socket:
    peer = connect(socket_path(journal))
    assert peer is not None
    peer.settimeout(HANG_S)
    return peer


def answer(peer: socket.socket) -> dict[str, Any] | None:
    """The first line that comes; None for a close."""
    with peer.makefile("rb") as lines:
        try:
            line = lines.readline()
        except ConnectionError:
            return None
    return json.loads(line) if line else None


def is_served(journal: Path) -> bool:
    daemon = Daemon.find(journal)
    assert daemon is not None
    with daemon:
        return daemon.status()["process"] == os.getpid()


PUSH = {
    "command": "push",
    "config": "/c",
    "mappings": {},
    "within": {},
    "wait": True,
    "longest_wait_s": 1,
    "overwrite": False,
    "at_once": False,
}

JUNK = [
    b"\n",
    b"null\n",
    b"[]\n",
    b"7\n",
    b'"status"\n',
    b"{}\n",
    b"{\n",
    b"GET / HTTP/1.1\r\n\r\n",
    b"\x00\xff\xfe\n",
    bytes(range(256)) + b"\n",
    b"[" * 100_000 + b"\n",
    b'{"a":' * 100_000 + b"\n",
    b"9" * 100_000 + b"\n",
    '{"command": "status"}\n'.encode("utf-16"),
    b'{"command": "shutdown"}\n',
    b'{"command": ["push"]}\n',
    b'{"command": "status", "more": 1}\n',
    b'{"command": "push"}\n',
    b'{"command": "pause"}\n',
    b'{"command": "pause", "mapping": 7, "seconds": 1}\n',
    b'{"command": "pause", "mapping": "a", "seconds": "1"}\n',
    b'{"command": "pause", "mapping": "a", "seconds": NaN}\n',
    b'{"command": "pause", "mapping": "a", "seconds": Infinity}\n',
    b'{"command": "pause", "mapping": "a", "seconds": -1}\n',
    b'{"command": "pause", "mapping": "a", "seconds": 1e300}\n',
    b'{"command": "pause", "mapping": "a", "seconds": ' + b"9" * 4000 + b"}\n",
    b'{"command": "pause", "mapping": "a", "seconds": true}\n',
    b'{"command": "pause", "mapping": "a\\u0000b", "seconds": 1}\n',
    b'{"command": "retry", "config": "c", "paths": "abc", "mappings": []}\n',
    b'{"command": "retry", "config": "c", "paths": [1], "mappings": []}\n',
    b'{"command": "retry", "config": "c", "paths": {}, "mappings": []}\n',
    json.dumps({**PUSH, "wait": 1}).encode() + b"\n",
    json.dumps({**PUSH, "within": {"a": "b"}}).encode() + b"\n",
    json.dumps({**PUSH, "mappings": ["a"]}).encode() + b"\n",
    b"x" * (LONGEST_REQUEST + 10) + b"\n",
    b"x" * (4 * LONGEST_REQUEST),
]


@pytest.mark.parametrize("junk", JUNK, ids=lambda junk: ascii(junk[:50]))
def test_junk_is_refused(journal: Path, commands: Talkative, junk: bytes) -> None:
    with talk(journal) as peer:
        try:
            peer.sendall(junk)
        except ConnectionError:
            assert len(junk) > LONGEST_REQUEST
        found = answer(peer)
    assert found is not None
    assert found["error"]["kind"] == "BadRequest"
    assert commands.asked == []
    assert is_served(journal)


@given(line=st.binary(max_size=200))
def test_any_bytes_are_a_request_or_refused(line: bytes) -> None:
    with contextlib.suppress(BadLine, BadRequest):
        request_from_dict(decoded(line))


ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters()),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(st.characters()), inner),
    max_leaves=8,
)


@given(st.data())
def test_any_members_are_a_request_or_refused(data: st.DataObject) -> None:
    """What is let through is what it says, and the same after another way through JSON."""
    base: dict[str, Any] = data.draw(
        st.sampled_from(
            [
                PUSH,
                {"command": "retry", "config": "c", "paths": ["a"], "mappings": []},
                {"command": "pause", "mapping": None, "seconds": None},
                {"command": "resume", "mapping": "a"},
                {"command": "reload"},
                {"command": "status"},
            ]
        )
    )
    key = data.draw(st.sampled_from([*base, "other"]))
    try:
        request = request_from_dict({**base, key: data.draw(ANY_JSON)})
    except BadRequest:
        return
    assert request_from_dict(decoded(encoded(request_to_dict(request)).rstrip())) == request


@given(ANY_JSON)
def test_no_event_is_too_strange(value: object) -> None:
    for kind in ("planned", "sent", "finished", "unheard"):
        event_from_dict({"event": kind, "size": value})
    event_from_dict({"event": value})


def test_an_event_of_a_newer_daemon_is_passed_over() -> None:
    assert event_from_dict({"event": "sent", "size": 7}) == Sent(7)
    assert event_from_dict({"event": "sent", "size": 7, "more": 1}) is None
    assert event_from_dict({"event": "sung"}) is None
    assert error_from_dict({"kind": "New", "message": "m", "hint": "h", "exit_code": 4}).hint == "h"


def test_a_request_in_pieces_is_served(journal: Path) -> None:
    with talk(journal) as peer:
        for byte in encoded(request_to_dict(StatusRequest())):
            peer.sendall(bytes([byte]))
        found = answer(peer)
    assert found is not None
    assert found["done"]["process"] == os.getpid()


def test_half_a_request_is_given_up(journal: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By the time of the whole, however steadily it drips."""
    monkeypatch.setattr(connection_module, "REQUEST_S", 0.1)
    with talk(journal) as silent, talk(journal) as dripping:
        dripping.sendall(b'{"comm')
        assert is_served(journal)
        for peer in (silent, dripping):
            found = answer(peer)
            assert found is not None
            assert "takes too long" in found["error"]["message"]


def test_who_goes_at_once_is_forgotten(journal: Path) -> None:
    for content in (b"", b'{"comm', encoded(request_to_dict(StatusRequest()))):
        for _ in range(MOST_CONNECTIONS):
            with talk(journal) as peer:
                peer.sendall(content)
    assert_served_soon(journal)


def test_too_many_connections_are_refused_and_the_others_served(journal: Path) -> None:
    held = [talk(journal) for _ in range(MOST_CONNECTIONS)]
    try:
        with talk(journal) as one_more:
            found = answer(one_more)
        assert found is not None
        assert "busy" in found["error"]["message"]
        daemon = Daemon.find(journal)
        assert daemon is not None
        with daemon, pytest.raises(AqsyncError, match="busy with other commands"):
            daemon.status()
        held[0].sendall(encoded(request_to_dict(StatusRequest())))
        found = answer(held[0])
        assert found is not None
        assert "done" in found
    finally:
        for peer in held:
            peer.close()
    assert_served_soon(journal)


def assert_served_soon(journal: Path) -> None:
    """Once the threads of those who have gone have noticed."""

    def so() -> bool:
        try:
            return is_served(journal)
        except AqsyncError:
            return False

    wait_until(so, "an answer")


def test_who_takes_nothing_is_given_up(
    journal: Path, commands: Talkative, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nor does it pile up what was to be told."""
    monkeypatch.setattr(connection_module, "TAKE_S", 0.2)
    with talk(journal) as peer:
        peer.sendall(json.dumps({**PUSH, "config": "c" * 10_000}).encode() + b"\n")
        assert commands.stopped.wait(HANG_S)
    assert commands.said < 1000
    assert is_served(journal)


@pytest.mark.parametrize("more", [b'{"stop": true}\n', b'{"command": "status"}\n', b"\x00" * 5000])
def test_what_follows_a_request_ends_it(journal: Path, commands: Talkative, more: bytes) -> None:
    with talk(journal) as peer:
        peer.sendall(json.dumps(PUSH).encode() + b"\n" + more)
        with peer.makefile("rb") as lines:
            while "error" not in (found := json.loads(lines.readline())):
                pass
    assert found["error"]["message"] == "stopped"
    assert commands.stopped.is_set()


def test_memory_stays_flat(journal: Path) -> None:
    """A megabyte of brackets costs many at the time, but not for ever."""
    worst = b'{"a":[' + b"[]," * (LONGEST_REQUEST // 3 - 10) + b"[]]}\n"

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


def test_a_stop_waits_for_nobody_who_hangs(tmp_path: Path, commands: Talkative) -> None:
    path = tmp_path / "journal.db"
    server = ControlServer(path, commands, SystemClock())
    server.start()
    with talk(path) as silent, talk(path) as half:
        half.sendall(b'{"command"')
        server.stop(within_s=10 * HANG_S)
        assert answer(silent) is None
        assert answer(half) is None
