"""Clients that are slow, silent, many or without end: others are served, and memory stays flat."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import pytest

from tests.support.embedded import EmbeddedServer
from tests.support.patience import HANG_S
from tests.support.visit import FILE_START, Visit, connected, head, upload_head

MANY = 300


def resident(pid: int) -> int:
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def open_files(pid: int) -> int:
    return len(list(Path(f"/proc/{pid}/fd").iterdir()))


def test_hundreds_that_never_get_on_keep_nobody_else_waiting(
    server: EmbeddedServer, own: Visit
) -> None:
    uuid = own.create()["uuid"]
    own.put(uuid, "a", b"content")
    beginnings = (
        b"",
        b"GET / HT",
        head("GET", f"/api/files/{uuid}/a")[:-2],
        upload_head(uuid, "b", 1_000_000),
        upload_head(uuid, "c", 1_000_000) + FILE_START + b"dripping",
    )

    def crowd() -> None:
        with ExitStack() as held:
            peers = [held.enter_context(connected(server.url)) for _ in range(MANY)]
            for number, peer in enumerate(peers):
                peer.sendall(beginnings[number % len(beginnings)])
            for drip in range(3):
                for peer in peers:
                    with suppress(ConnectionError):  # of a body that is none it has hung up
                        peer.sendall(b"x")
                assert own.names(uuid) == ["a"]
                own.put(uuid, "a", f"content {drip}".encode())

    crowd()  # what it takes to have met so many once may stay
    before, files = resident(server.pid), open_files(server.pid)
    for _ in range(2):
        crowd()
    assert resident(server.pid) - before < 24 << 20
    assert own.names(uuid) == ["a"]
    assert open_files(server.pid) <= files + 5
    assert "Traceback" not in server.log


def test_a_head_without_end_is_refused(server: EmbeddedServer, own: Visit) -> None:
    own.create()
    before = resident(server.pid)
    for _ in range(20):
        with connected(server.url) as peer:
            peer.sendall(b"GET / HTTP/1.1\r\n")
            try:
                for number in range(2000):
                    peer.sendall(f"x-{number}: ".encode() + b"y" * 1000 + b"\r\n")
                answer = peer.recv(1000)
            except ConnectionError:
                continue
            assert answer.startswith(b"HTTP/1.1 431 ") or not answer
        assert resident(server.pid) - before < 24 << 20
    own.create()


def test_a_head_in_pieces_is_served(own: Visit) -> None:
    with connected(own.url) as peer:
        for byte in head("GET", "/api/files/x/y", close=False):
            peer.sendall(bytes([byte]))
        assert peer.recv(100).startswith(b"HTTP/1.1 4")
        # The next request on the same connection has its own time and size.
        peer.sendall(head("GET", "/api/files/x/y", {"x": "y" * 60_000}))
        assert peer.recv(100)


@pytest.fixture
def impatient(tmp_path: Path) -> Iterator[str]:
    """The URL of a server that waits a fraction of a second for a head."""
    with impatient_server(tmp_path / "data") as url:
        yield url


@contextmanager
def impatient_server(data: Path) -> Iterator[str]:
    code = (
        "import sys; import aqsync.server.http_protocol as guard; guard.HEAD_SECONDS = 0.4;"
        " from aqsync.server.__main__ import main; sys.exit(main())"
    )
    command = [sys.executable, "-c", code, "--data", str(data), "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield process.stdout.readline().removeprefix("listening on ").strip()
        finally:
            process.terminate()
            process.wait(HANG_S)


@pytest.mark.parametrize("beginning", [b"", b"GET / HTTP/1.1\r\nhost: "])
def test_who_sends_no_head_is_hung_up_on(impatient: str, beginning: bytes) -> None:
    with connected(impatient) as peer:
        peer.sendall(beginning)
        assert peer.recv(100) == b""
    with connected(impatient) as peer:
        peer.sendall(head("GET", "/nothing", close=False))
        assert peer.recv(100).startswith(b"HTTP/1.1 404 ")
        peer.sendall(beginning or b"G")
        while rest := peer.recv(1000):
            assert b"HTTP/1.1" not in rest


def test_who_is_between_two_requests_may_take_longer(impatient: str) -> None:
    with connected(impatient) as peer:
        for pause_s in (0.8, 0.0):
            peer.sendall(head("GET", "/nothing", close=False))
            answer = b""
            while not answer.endswith(b'{"detail":"Not Found"}'):
                more = peer.recv(1000)
                assert more, answer
                answer += more
            assert answer.startswith(b"HTTP/1.1 404 ")
            time.sleep(pause_s)
