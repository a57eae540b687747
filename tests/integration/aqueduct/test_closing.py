"""Closing the client while its threads work: all ends soon, and no socket is left behind."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable

import pytest

from aqsync.aqueduct.client import Client
from aqsync.errors import ServerUnreachable
from tests.support.client_faults import EVERYTHING, Operation, client, listing, upload
from tests.support.patience import HANG_S, wait_until
from tests.support.raw_server import Peer, RawServer

CLOSED = "closed by this program"


class Work:
    """An operation on a thread of its own."""

    def __init__(self, operation: Operation, server: Client) -> None:
        self._failures: list[BaseException] = []
        self._thread = threading.Thread(target=self._run, args=(operation, server))
        self._thread.start()

    def _run(self, operation: Operation, server: Client) -> None:
        try:
            operation(server)
        except BaseException as exc:  # noqa: BLE001 - looked at by the test
            self._failures.append(exc)

    def ends_as_closed(self) -> None:
        self._thread.join(HANG_S)
        assert not self._thread.is_alive()
        [failure] = self._failures
        assert isinstance(failure, ServerUnreachable)
        assert CLOSED in failure.message


class HeldBack:
    """Lets connections be made, but keeps them from the client until they are released."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._made = threading.Event()
        self._released = threading.Event()
        self._connect = socket.create_connection
        self.sockets: list[socket.socket] = []
        monkeypatch.setattr("aqsync.aqueduct.sockets.socket.create_connection", self._hold)

    def _hold(self, *args: object) -> socket.socket:
        made: Callable[..., socket.socket] = self._connect
        sock = made(*args)
        self.sockets.append(sock)
        self._made.set()
        assert self._released.wait(HANG_S)
        return sock

    def wait_until_made(self) -> None:
        assert self._made.wait(HANG_S)

    def release(self) -> None:
        self._released.set()


@pytest.mark.parametrize("operation", EVERYTHING)
def test_a_connection_that_is_made_too_late_is_closed_unused(
    operation: Operation, monkeypatch: pytest.MonkeyPatch
) -> None:
    came: list[int] = []
    with RawServer(lambda peer: came.append(peer.wait_until_gone())) as raw:
        server = client(raw.url)
        held = HeldBack(monkeypatch)
        work = Work(operation, server)
        held.wait_until_made()
        server.close()
        held.release()
        work.ends_as_closed()
        assert [sock.fileno() for sock in held.sockets] == [-1]
        wait_until(lambda: came, "its end is seen")
    assert came == [0]


def test_a_tls_handshake_that_hangs_is_broken_off() -> None:
    greeted = threading.Event()

    def hang(peer: Peer) -> None:
        assert peer.sock.recv(1)
        greeted.set()
        peer.wait_until_gone()

    with RawServer(hang) as raw:
        url = raw.url.replace("http:", "https:")
        server = Client(url, verify=False, connect_timeout=HANG_S)
        work = Work(listing, server)
        assert greeted.wait(HANG_S)
        server.close()
        work.ends_as_closed()


@pytest.mark.parametrize("operation", EVERYTHING)
def test_a_wait_for_an_answer_is_broken_off(operation: Operation) -> None:
    asked = threading.Event()

    def hang(peer: Peer) -> None:
        peer.request()
        asked.set()
        peer.wait_until_gone()

    with RawServer(hang) as raw:
        server = client(raw.url)
        work = Work(operation, server)
        assert asked.wait(HANG_S)
        server.close()
        work.ends_as_closed()
        assert raw.connections == 1


def test_a_closed_client_connects_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    held = HeldBack(monkeypatch)
    held.release()
    server = client("http://127.0.0.1:9")
    server.close()
    with pytest.raises(ServerUnreachable, match=CLOSED):
        upload(server)
    assert held.sockets == []
