"""Clients that are slow, silent, many or without end: others are served, and memory stays flat."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

import pytest

from aqsync.server.wire.file_limit import connections_for
from tests.support import warm
from tests.support.embedded import EmbeddedServer
from tests.support.patience import HANG_S, wait_until
from tests.support.visit import FILE_START, Visit, connected, head, read_all, upload_head

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
    with changed_server(tmp_path / "data", "http_protocol.HEAD_SECONDS = 0.4") as server:
        yield server.url


class Changed(NamedTuple):
    """A server with other limits."""

    url: str
    pid: int


@contextmanager
def changed_server(data: Path, change: str) -> Iterator[Changed]:
    code = (
        "import sys; from aqsync.server.wire import exchange, file_limit, http_protocol;"
        f" {change}; from aqsync.server.__main__ import main; sys.exit(main())"
    )
    command = [sys.executable, "-c", code, "--data", str(data), "--port", "0"]
    with warm.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            url = process.stdout.readline().removeprefix("listening on ").strip()
            yield Changed(url, process.pid)
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


@pytest.fixture(scope="module")
def unsilent(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Changed]:
    """A server that bears silence for a fraction of a second."""
    change = "http_protocol.IDLE_SECONDS = 0.2; exchange._SMALL_BODY_SECONDS = 0.2"
    with changed_server(tmp_path_factory.mktemp("unsilent") / "data", change) as server:
        yield server


def test_half_a_body_and_then_silence(unsilent: Changed) -> None:
    with Visit(unsilent.url) as visit:
        uuid = visit.create()["uuid"]
        with connected(unsilent.url) as peer:
            peer.sendall(upload_head(uuid, "a", 1_000_000, close=False) + FILE_START + b"half")
            assert read_all(peer).startswith(b"HTTP/1.1 408 ")
        assert visit.names(uuid) == []


@pytest.mark.parametrize("path", ["/login", "/api/graphql"])
def test_a_small_body_has_a_minute_even_if_it_drips(unsilent: Changed, path: str) -> None:
    fields = {"Content-Length": "16000", "Sec-Fetch-Site": "same-origin"}
    fields["Content-Type"] = "application/json"
    with connected(unsilent.url) as peer:
        peer.sendall(head("POST", path, fields, close=False))
        answer = b""
        peer.settimeout(0.05)
        while not answer:
            peer.sendall(b"x")
            with suppress(TimeoutError):
                answer = peer.recv(1000)
        assert answer.startswith(b"HTTP/1.1 408 ")


def test_an_answer_that_nobody_takes(unsilent: Changed) -> None:
    with Visit(unsilent.url) as visit:
        uuid = visit.create()["uuid"]
        visit.put(uuid, "a", b"x" * (32 << 20))
        before = open_files(unsilent.pid)
        with connected(unsilent.url) as peer:
            peer.sendall(head("GET", f"/api/files/{uuid}/a"))
            peer.recv(100)
            wait_until(lambda: open_files(unsilent.pid) <= before, "the server to hang up")
            assert len(read_all(peer)) < 32 << 20


def test_more_connections_than_there_may_be(tmp_path: Path) -> None:
    with (
        changed_server(tmp_path / "data", "file_limit.MAX_CONNECTIONS = 8") as server,
        Visit(server.url) as visit,
        ExitStack() as held,
    ):
        url = server.url
        uuid = visit.create()["uuid"]
        for _ in range(50):
            held.enter_context(connected(url))
        # Whoever is silent makes room for whoever comes.
        visit.put(uuid, "a", b"content")
        busy = upload_head(uuid, "b", 1_000_000, close=False) + FILE_START
        peers = []

        def is_full() -> bool:
            if greeting(url).startswith(b"HTTP/1.1 503 "):
                return True
            peers.append(held.enter_context(connected(url)))
            peers[-1].sendall(busy)
            return False

        # Whoever is being served is not cut off; then there is no room.
        wait_until(is_full, "no room")
        for peer in peers:
            peer.close()
        wait_until(lambda: not greeting(url), "room")


def greeting(url: str) -> bytes:
    """What the server says to one more connection before it was asked for anything."""
    with connected(url) as peer:
        peer.settimeout(0.05)
        with suppress(TimeoutError):
            return peer.recv(1000)
        return b""


@pytest.mark.parametrize(("files", "connections"), [(64, 1), (1024, 308), (1 << 20, 2000)])
def test_every_connection_has_its_files(files: int, connections: int) -> None:
    assert connections_for(files) == connections


def test_as_many_files_as_the_system_allows(server: EmbeddedServer) -> None:
    limits = Path(f"/proc/{server.pid}/limits").read_text()
    [line] = [line for line in limits.splitlines() if line.startswith("Max open files")]
    soft, hard = line.split()[3:5]
    assert soft == hard or int(soft) >= 65_536


class TightServer(EmbeddedServer):
    """Has few files, as where an administrator has limited them."""

    def command(self) -> list[str]:
        code = (
            "import resource, sys; resource.setrlimit(resource.RLIMIT_NOFILE, (200, 200));"
            " from aqsync.server.__main__ import main; sys.exit(main())"
        )
        return [sys.executable, "-c", code, *super().command()[3:]]


def test_a_crowd_that_wants_more_files_than_there_are(tmp_path: Path) -> None:
    with TightServer(tmp_path / "data") as server, ExitStack() as held:
        for _ in range(400):
            held.enter_context(connected(server.url))
        with Visit(server.url) as visit:
            uuid = visit.create()["uuid"]
            visit.put(uuid, "a", b"content")
            assert visit.names(uuid) == ["a"]
        [line] = server.log.splitlines()
        assert "33 connections are open" in line
