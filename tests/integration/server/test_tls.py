"""TLS of the server's own: renewed while it runs, and no bad file stops it."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from aqsync.aqueduct.client import Client
from aqsync.errors import ServerUnreachable
from aqsync.server.errors import ServerStartError
from aqsync.server.wire.tls import Certificate
from tests.integration.aqueduct.test_tls import CERTIFICATE as BOTH
from tests.support.embedded import EmbeddedServer
from tests.support.patience import HANG_S, wait_until

FIRST, RENEWED = BOTH.read_text(), Path(__file__).with_name("renewed.pem").read_text()
NOT_WHOLE = "not whole, or the key has a passphrase"
SPOILED: list[tuple[str, Callable[[Path, Path], object]]] = [
    ("belongs to another", lambda chain, _: chain.write_text(certificate(RENEWED))),
    (NOT_WHOLE, lambda chain, _: chain.write_text("")),
    (NOT_WHOLE, lambda _, secret: secret.write_text("")),
    (NOT_WHOLE, lambda chain, _: chain.write_text(FIRST[:300])),
    ("No such file", lambda chain, _: chain.unlink()),
]


def certificate(pem: str) -> str:
    return pem[: pem.index("-----END CERT")] + "-----END CERTIFICATE-----\n"


def key(pem: str) -> str:
    return pem[pem.index("-----END CERT") :].partition("\n")[2]


def der(pem: str) -> bytes:
    return ssl.PEM_cert_to_DER_cert(certificate(pem))


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    return store(tmp_path, FIRST)


def store(folder: Path, pem: str) -> tuple[Path, Path]:
    """Write a certificate and its key, as programs that renew them do: by other files."""
    for name, text in (("c.pem", certificate(pem)), ("k.pem", key(pem))):
        new = folder / f"{name}.new"
        new.touch(mode=0o600)
        new.write_text(text)
        new.replace(folder / name)
    return folder / "c.pem", folder / "k.pem"


def shown(context: ssl.SSLContext, name: str | None) -> bytes | None:
    """The certificate that a client gets that asks for a name, or for none."""
    client_context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client_context.check_hostname = False
    client_context.verify_mode = ssl.CERT_NONE
    one, other = socket.socketpair()
    with one, other:
        server = context.wrap_socket(one, server_side=True, do_handshake_on_connect=False)
        client = client_context.wrap_socket(
            other, server_hostname=name, do_handshake_on_connect=False
        )
        with server, client:
            server.setblocking(False)
            client.setblocking(False)
            waiting = [client, server]
            while waiting:
                each = waiting.pop(0)
                try:
                    each.do_handshake()
                except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
                    waiting.append(each)
            return client.getpeercert(binary_form=True)


@pytest.mark.parametrize("name", ["localhost", None])
def test_a_renewed_certificate_is_shown(files: tuple[Path, Path], name: str | None) -> None:
    served = Certificate(*files)
    assert shown(served.context, name) == der(FIRST)
    served.look()
    assert shown(served.context, name) == der(FIRST)
    store(files[0].parent, RENEWED)
    served.look()
    assert shown(served.context, name) == der(RENEWED)


@pytest.mark.parametrize(("why", "spoil"), SPOILED)
def test_a_bad_file_keeps_what_was_shown(
    files: tuple[Path, Path],
    why: str,
    spoil: Callable[[Path, Path], object],
    caplog: pytest.LogCaptureFixture,
) -> None:
    served = Certificate(*files)
    spoil(*files)
    served.look()
    [told] = [record.getMessage() for record in caplog.records]
    assert "was not renewed" in told
    assert why in told
    assert shown(served.context, None) == der(FIRST)
    store(files[0].parent, RENEWED)
    served.look()
    assert shown(served.context, None) == der(RENEWED)
    assert len(caplog.records) == 1


@pytest.mark.parametrize(("why", "spoil"), SPOILED)
def test_no_server_begins_with_a_bad_file(
    files: tuple[Path, Path], why: str, spoil: Callable[[Path, Path], object]
) -> None:
    spoil(*files)
    with pytest.raises(ServerStartError, match=why):
        Certificate(*files)


def test_a_passphrase_is_not_asked_for(files: tuple[Path, Path]) -> None:
    files[1].write_text(Path(__file__).with_name("locked-key.pem").read_text())
    with pytest.raises(ServerStartError, match=NOT_WHOLE):
        Certificate(*files)


def test_a_key_that_others_can_read_is_told_of(
    files: tuple[Path, Path], caplog: pytest.LogCaptureFixture
) -> None:
    files[1].chmod(0o640)
    Certificate(*files)
    assert "can be read by others" in caplog.text


def test_a_client_with_the_labs_own_authority(tmp_path: Path) -> None:
    with EmbeddedServer(tmp_path / "data", tls=store(tmp_path, FIRST)) as server:
        assert server.url.startswith("https://127.0.0.1:")
        with Client(server.url, verify=str(tmp_path / "c.pem")) as client:
            made = client.create_experiment("over TLS", "")
            client.upload(made.uuid, "a", [b"x" * 300_000], 300_000)
            lists = client.list_files([made.uuid])
            assert lists is not None
            assert lists.files[made.uuid] is not None
        with Client(server.url) as stranger, pytest.raises(ServerUnreachable, match="trust"):
            stranger.find()
        # Who speaks without encryption gets nothing, and holds up nobody.
        place = urlsplit(server.url)
        with socket.create_connection(("127.0.0.1", int(place.port or 0)), HANG_S) as plain:
            plain.sendall(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n")
            assert b"HTTP" not in plain.recv(1000)
    assert "Traceback" not in server.log


@pytest.mark.long
def test_connections_outlive_a_renewal(tmp_path: Path) -> None:
    with EmbeddedServer(tmp_path / "data", tls=store(tmp_path, FIRST)) as server:
        authorities = tmp_path / "both.pem"
        authorities.write_text(certificate(FIRST) + certificate(RENEWED))
        port = int(urlsplit(server.url).port or 0)

        def now_shown() -> str:
            return ssl.get_server_certificate(("127.0.0.1", port))

        with Client(server.url, verify=str(authorities)) as client:
            made = client.create_experiment("over TLS", "")
            sockets = len(client._transport._sockets._open)
            store(tmp_path, RENEWED)
            wait_until(lambda: der(RENEWED) == ssl.PEM_cert_to_DER_cert(now_shown()), "renewal")
            client.upload(made.uuid, "a", [b"x"], 1)
            assert len(client._transport._sockets._open) == sockets
