"""Looking at one file without fetching it."""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID, uuid4

import pytest

from aqsync.aqueduct.client import Client
from aqsync.aqueduct.probe import TINY, probe_of
from aqsync.aqueduct.records import RemoteProbe
from aqsync.errors import BadAnswer, ExperimentNotFound
from tests.support.client_faults import EXPERIMENT, GIB, answering, client, detail
from tests.support.embedded import EmbeddedServer
from tests.support.raw_server import Peer, RawServer

MODIFIED = "Mon, 23 Nov 2026 10:11:45 GMT"
SECOND = 1795428705


def serving(size: int, sent: int, left: list[int]) -> Callable[[Peer], None]:
    """Announce `size` bytes, send `sent` of them, and note how the client goes on."""

    def handler(peer: Peer) -> None:
        while peer.head():
            head = f'HTTP/1.1 200 OK\r\ncontent-length: {size}\r\netag: "e"\r\n'
            peer.sock.sendall(f"{head}last-modified: {MODIFIED}\r\n\r\n".encode() + bytes(sent))
        left.append(peer.number)

    return handler


@pytest.mark.parametrize("size", [0, 1, TINY])
def test_the_connection_is_kept_where_hardly_anything_follows(size: int) -> None:
    with RawServer(serving(size, size, [])) as raw, client(raw.url) as server:
        for _ in range(3):
            assert server.probe_file(EXPERIMENT, "a") == RemoteProbe(size, SECOND, '"e"')
        assert raw.connections == 1


def test_of_a_large_file_nothing_is_waited_for() -> None:
    left: list[int] = []
    with RawServer(serving(GIB, 100, left)) as raw, client(raw.url) as server:
        for _ in range(3):
            assert server.probe_file(EXPERIMENT, "a") == RemoteProbe(GIB, SECOND, '"e"')
        assert raw.connections == 3
    assert sorted(left) == [0, 1, 2]


def test_proxies_are_told_to_ask_the_server() -> None:
    heads: list[bytes] = []

    def handler(peer: Peer) -> None:
        heads.append(peer.head())
        peer.answer("200 OK", b"x")

    with RawServer(handler) as raw, client(raw.url) as server:
        server.probe_file(EXPERIMENT, "a b")
    assert heads[0].startswith(b"GET /api/files/" + str(EXPERIMENT).encode() + b"/a%20b HTTP/1.1")
    assert b"\r\ncache-control: no-cache" in heads[0].lower()


@pytest.mark.parametrize(
    ("headers", "found"),
    [
        ({}, RemoteProbe(None, None, None)),
        ({"content-length": "3", "content-encoding": "gzip"}, RemoteProbe(None, None, None)),
        ({"content-length": "3", "content-encoding": "identity"}, RemoteProbe(3, None, None)),
        ({"content-length": "-3"}, RemoteProbe(None, None, None)),
        ({"last-modified": "yesterday", "etag": ""}, RemoteProbe(None, None, None)),
        ({"last-modified": "Mon, 23 Nov 2026 10:11:45 -0000"}, RemoteProbe(None, SECOND, None)),
        ({"last-modified": "Fri, 31 Dec 9999 23:59:59 -1000"}, RemoteProbe(None, None, None)),
        ({"etag": 'W/"x"'}, RemoteProbe(None, None, 'W/"x"')),
    ],
)
def test_what_a_head_does_not_tell_is_none(headers: dict[str, str], found: RemoteProbe) -> None:
    assert probe_of(headers) == found


def test_only_the_server_itself_says_that_a_file_is_not_there() -> None:
    missing = detail("The requested file is not found.")
    with RawServer(answering("404 Not Found", missing)) as raw, client(raw.url) as server:
        assert server.probe_file(EXPERIMENT, "a") is None
    with (
        RawServer(answering("404 Not Found", b"<h1>nginx</h1>")) as raw,
        client(raw.url) as server,
        pytest.raises(BadAnswer),
    ):
        server.probe_file(EXPERIMENT, "a")


@pytest.mark.parametrize("name", ["", ".", "..", "a/b"])
def test_a_name_that_no_file_can_have_is_not_there(name: str) -> None:
    with client("http://127.0.0.1:9") as server:
        assert server.probe_file(EXPERIMENT, name) is None


def test_files_of_the_embedded_server(embedded_server: EmbeddedServer) -> None:
    with Client(embedded_server.url) as server:
        uuid: UUID = server.create_experiment("probed", "").uuid
        assert server.probe_file(uuid, "µ #1") is None
        server.upload(uuid, "µ #1", [b"abc"], 3)
        first = server.probe_file(uuid, "µ #1")
        assert first is not None
        assert first.size == 3
        assert server.probe_file(uuid, "µ #1") == first
        server.upload(uuid, "µ #1", [bytes(1 << 20)] * 8, 8 << 20)
        second = server.probe_file(uuid, "µ #1")
        assert second is not None
        assert second.size == 8 << 20
        assert second.etag not in {None, first.etag}
        assert second.modified_second is not None
        with pytest.raises(ExperimentNotFound):
            server.probe_file(uuid4(), "a")
