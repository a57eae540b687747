"""The size limit: a setting of the server, so it is found out first.

A server with the usual limit of 4 GiB would take minutes to show it; then only the beginning of
such an upload is sent. The embedded server is started with a low limit for these tests.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import httpx
import pytest

from tests.contract.wire import Aqueduct, multipart
from tests.support.embedded import EmbeddedServer

TRIED = 16 * 1024 * 1024
CHUNK = b"x" * 65_536


@pytest.fixture(scope="module")
def server_url(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    given: str | None = request.config.getoption("--aqueduct-url")
    if given:
        yield given
        return
    data = tmp_path_factory.mktemp("limited") / "data"
    with EmbeddedServer(data, max_file_bytes=300_000) as server:
        yield server.url


@pytest.fixture(scope="module")
def limit(server_url: str, http: httpx.Client) -> int:
    """The largest file that the server takes, where it is small enough to be reached."""
    with Aqueduct(server_url, http) as aqueduct:
        refusal = refusal_of(aqueduct, aqueduct.create()["uuid"], TRIED, TRIED * 2)
    if refusal is None:
        pytest.skip(f"the server takes files of {TRIED:,} bytes and more")
    stated = re.search(r"\((\d+) bytes\)", refusal)
    assert stated, refusal
    is_of_body = "request body size limit" in refusal
    return int(stated[1]) - (1024 if is_of_body else 0)


def refusal_of(aqueduct: Aqueduct, folder: str, sent: int, declared: int) -> str | None:
    """Send that much of an upload of the declared length; return what a 413 says."""
    envelope = multipart(b"")
    body = envelope[: envelope.index(b"\r\n\r\n") + 4]
    with aqueduct.connection() as connection:
        connection.send(aqueduct.upload_head(folder, "large.bin", declared) + body)
        connection.send_until_answered(CHUNK, sent // len(CHUNK))
        if not connection.is_answered():
            return None
        status, answer = connection.answer()
    assert status == 413
    return answer.decode()


def test_beyond_the_usual_limit(aqueduct: Aqueduct, folder: str) -> None:
    """Refused early, or broken off by us: either way nothing is stored."""
    refusal = refusal_of(aqueduct, folder, len(CHUNK), 1 << 50)
    if refusal is not None:
        assert re.search(r"Maximum (file|request body) size limit \(\d+ bytes\)", refusal)
    assert aqueduct.names(folder) == []


def test_largest_file(aqueduct: Aqueduct, folder: str, limit: int) -> None:
    aqueduct.put(folder, "largest.bin", b"x" * limit)
    assert len(aqueduct.content(folder, "largest.bin")) == limit


def test_one_byte_more(aqueduct: Aqueduct, folder: str, limit: int) -> None:
    response = aqueduct.upload(folder, "larger.bin", b"x" * (limit + 1))
    assert response.status_code == 413
    assert response.json() == {"detail": f"Maximum file size limit ({limit} bytes) exceeded."}
    assert aqueduct.names(folder) == []


def test_envelope_of_more_than_a_kibibyte(aqueduct: Aqueduct, folder: str, limit: int) -> None:
    response = aqueduct.upload(folder, "a.bin", b"x" * limit, part_filename="y" * 1024)
    assert response.status_code == 413
    assert f"Maximum request body size limit ({limit + 1024} bytes)" in response.json()["detail"]
    assert aqueduct.names(folder) == []


def test_answered_before_the_body_ends(aqueduct: Aqueduct, folder: str, limit: int) -> None:
    refusal = refusal_of(aqueduct, folder, limit * 2, limit * 1000)
    assert refusal is not None
    assert "Maximum" in refusal
    assert aqueduct.names(folder) == []
