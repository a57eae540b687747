"""Files pass through: what a server holds in memory does not grow with them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.support.embedded import EmbeddedServer
from tests.support.visit import FILE_START, FORM_END, Visit, head, upload_head

FILE = 300_000_000
PIECE = bytes(1_000_000)
MOST = 100_000_000


def peak_bytes(server: EmbeddedServer) -> int:
    status = Path(f"/proc/{server.pid}/status").read_text()
    found = re.search(r"VmHWM:\s*(\d+) kB", status)
    assert found is not None
    return int(found[1]) * 1024


@pytest.mark.long
def test_a_large_file_goes_in_and_out(server: EmbeddedServer, own: Visit) -> None:
    uuid = own.create()["uuid"]
    with own.connection() as connection:
        length = len(FILE_START) + FILE + len(FORM_END)
        connection.sendall(upload_head(uuid, "large", length) + FILE_START)
        for _ in range(FILE // len(PIECE)):
            connection.sendall(PIECE)
        connection.sendall(FORM_END)
        assert b" 200 " in connection.recv(65536)
    assert peak_bytes(server) < MOST
    with own.http.stream("GET", f"/api/files/{uuid}/large") as response:
        assert int(response.headers["content-length"]) == FILE
        assert sum(map(len, response.iter_raw())) == FILE
    assert peak_bytes(server) < MOST


@pytest.mark.long
def test_a_download_that_is_not_read_waits(server: EmbeddedServer, own: Visit) -> None:
    uuid = own.create()["uuid"]
    own.put(uuid, "large", bytes(100_000_000))
    before = peak_bytes(server)
    with own.connection() as connection:
        connection.sendall(head("GET", f"/api/files/{uuid}/large"))
        assert connection.recv(10) == b"HTTP/1.1 2"
        for _ in range(50):
            own.names(uuid)
        assert peak_bytes(server) < before + 20_000_000
