"""An object store whose certificate is of a lab's own authority."""

from __future__ import annotations

import ssl
import threading
from collections.abc import Iterator
from contextlib import closing
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from aqsync.server.errors import ServerStartError
from aqsync.server.files.opening import open_blobs
from tests.support.object_store import CREDENTIALS

AUTHORITY = Path(__file__).with_name("authority")


class Objects(BaseHTTPRequestHandler):
    """Takes an object and gives it back."""

    content = b""

    def do_PUT(self) -> None:
        Objects.content = self.rfile.read(int(self.headers["content-length"]))
        self._answer(b"")

    def do_GET(self) -> None:
        self._answer(Objects.content)

    def _answer(self, body: bytes) -> None:
        self.send_response(200)
        self.send_header("ETag", '"one"')
        self.send_header("Last-Modified", "Mon, 23 Nov 2026 10:11:45 GMT")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def place(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    for name, value in CREDENTIALS.items():
        monkeypatch.setenv(name, value)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(AUTHORITY / "server.pem")
    with HTTPServer(("127.0.0.1", 0), Objects) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield f"s3://lab?endpoint=https://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_it_is_trusted_if_it_is_named(place: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_CA_BUNDLE", str(AUTHORITY / "ca.pem"))
    with closing(open_blobs(place)) as blobs:
        assert blobs.mark("mine") == "mine"


def test_it_is_not_trusted_unasked(place: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("aqsync.server.files.object_blobs._TRIES", 0)
    with closing(open_blobs(place)) as blobs, pytest.raises(ServerStartError, match="cannot be"):
        blobs.mark("mine")


def test_one_that_cannot_be_read(place: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_CA_BUNDLE", "/no/such/file")
    with pytest.raises(ServerStartError, match="No such file"):
        open_blobs(place)
