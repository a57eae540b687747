"""The same over TLS, with a certificate that the test server signed itself."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import UUID

import pytest

from aqsync.aqueduct.client import Client
from aqsync.errors import ConfigError, ServerUnreachable, TransferRefused
from tests.support.raw_server import Peer, RawServer

CERTIFICATE = Path(__file__).with_name("localhost.pem")  # and its key; valid until 2126
EXPERIMENT = UUID("00000000-0000-4000-8000-000000000001")
STORED = b'{"result": "Successfuly uploaded a"}'
MIB = 1 << 20


def over_tls(handler: Callable[[Peer], None]) -> Callable[[Peer], None]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(CERTIFICATE)

    def handle(peer: Peer) -> None:
        try:
            with context.wrap_socket(peer.sock, server_side=True) as peer.sock:
                handler(peer)
        except (ssl.SSLError, ConnectionError):
            return  # the client did not like the certificate, or left

    return handle


def stores(peer: Peer) -> None:
    while peer.request()[0]:
        peer.answer("200 OK", STORED)


def refuses(peer: Peer) -> None:
    peer.head()
    peer.body(64 * 1024)
    peer.answer("413 Large", b'{"detail": "too much"}')
    peer.wait_until_gone()


def url(raw: RawServer) -> str:
    return f"https://localhost:{raw.port}"


def test_uploads_and_downloads_pass_with_the_labs_own_authority() -> None:
    with (
        RawServer(over_tls(stores)) as raw,
        Client(url(raw), verify=str(CERTIFICATE)) as server,
    ):
        for length in (0, 10, 5 * MIB):
            server.upload(EXPERIMENT, "a", iter([bytes(length)]), length)
        with server.download(EXPERIMENT, "a") as found:
            assert b"".join(found.chunks()) == STORED
        assert raw.connections == 1


def test_the_check_of_certificates_can_be_switched_off() -> None:
    with RawServer(over_tls(stores)) as raw, Client(url(raw), verify=False) as server:
        server.upload(EXPERIMENT, "a", [b"x"], 1)


def test_an_early_answer_stops_a_large_upload() -> None:
    taken = 0

    def source() -> Iterator[bytes]:
        nonlocal taken
        while True:
            taken += MIB
            yield bytes(MIB)

    with (
        RawServer(over_tls(refuses)) as raw,
        Client(url(raw), verify=str(CERTIFICATE)) as server,
        pytest.raises(TransferRefused, match="too much"),
    ):
        server.upload(EXPERIMENT, "a", source(), 2048 * MIB)
    assert taken < 64 * MIB


def test_a_certificate_of_an_unknown_authority_is_told_with_the_cure() -> None:
    with (
        RawServer(over_tls(stores)) as raw,
        Client(url(raw)) as server,
        pytest.raises(ServerUnreachable, match="certificate") as caught,
    ):
        server.upload(EXPERIMENT, "a", [b"x"], 1)
    assert "CA file" in caught.value.hint


def test_https_where_the_server_speaks_http_is_told() -> None:
    with (
        RawServer(stores) as raw,
        Client(url(raw), verify=False, connect_timeout=0.3) as server,
        pytest.raises(ServerUnreachable, match="https://localhost"),
    ):
        server.upload(EXPERIMENT, "a", [b"x"], 1)


@pytest.mark.parametrize("content", [None, "not a certificate"])
def test_a_ca_file_that_cannot_be_used_is_told(tmp_path: Path, content: str | None) -> None:
    path = tmp_path / "ca.pem"
    if content is not None:
        path.write_text(content)
    with pytest.raises(ConfigError, match=r"ca\.pem"):
        Client("https://localhost", verify=str(path))


def test_tls_passes_through_a_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    def proxy(peer: Peer) -> None:
        tunnels.append(peer.head().split(b"\r\n")[0])
        peer.sock.sendall(b"HTTP/1.1 200 Go on\r\n\r\n")
        over_tls(stores)(peer)

    tunnels: list[bytes] = []
    with RawServer(proxy) as raw:
        monkeypatch.setenv("https_proxy", raw.url)
        monkeypatch.delenv("no_proxy", raising=False)
        monkeypatch.delenv("NO_PROXY", raising=False)
        with Client("https://lab.invalid", verify=False) as server:
            for length in (10, 5 * MIB):
                server.upload(EXPERIMENT, "a", iter([bytes(length)]), length)
    assert tunnels == [b"CONNECT lab.invalid:443 HTTP/1.1"]
