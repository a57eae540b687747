"""The SHA-256 of a whole file, for who asks for it: RFC 9530."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.support.embedded import EmbeddedServer
from tests.support.visit import MULTIPART, Visit, form

CONTENT = b"content" * 100_000


@pytest.fixture(scope="module", params=["folders", "directory"])
def asked(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Visit]:
    if request.param == "folders":
        shared: EmbeddedServer = request.getfixturevalue("embedded_server")
        with Visit(shared.url) as visit:
            yield visit
        return
    folder: Path = tmp_path_factory.mktemp("digests")
    with (
        EmbeddedServer(folder / "data", files=str(folder / "files")) as server,
        Visit(server.url) as visit,
    ):
        yield visit


def told(content: bytes) -> str:
    return f"sha-256=:{base64.b64encode(hashlib.sha256(content).digest()).decode()}:"


def put(visit: Visit, uuid: str, content: bytes, wanted: str | None = None) -> httpx.Response:
    headers = {"Content-Type": MULTIPART, "file_name": "f"}
    if wanted is not None:
        headers["Want-Repr-Digest"] = wanted
    answer = visit.http.post(f"/api/files/{uuid}", content=form(content), headers=headers)
    assert answer.status_code == 200
    return answer


def get(visit: Visit, uuid: str, wanted: str) -> httpx.Response:
    return visit.http.get(f"/api/files/{uuid}/f", headers={"Want-Repr-Digest": wanted})


def test_an_upload_and_a_download_tell_it(asked: Visit) -> None:
    uuid = asked.create()["uuid"]
    for content in (CONTENT, b"", b"other"):
        assert put(asked, uuid, content, "sha-256=10").headers["repr-digest"] == told(content)
        for _ in range(2):
            answer = get(asked, uuid, "sha-512=3, sha-256=10")
            assert answer.headers["repr-digest"] == told(content)
            assert answer.content == content


def test_it_is_that_of_the_version_that_comes(asked: Visit) -> None:
    uuid = asked.create()["uuid"]
    for number in range(3):
        put(asked, uuid, bytes([number]))
        assert get(asked, uuid, "sha-256=1").headers["repr-digest"] == told(bytes([number]))


@pytest.mark.parametrize("wanted", ["", "sha-512=10", "sha-256=0", "nothing", "sha-2560=1"])
def test_who_does_not_ask_for_it_is_not_told(asked: Visit, wanted: str) -> None:
    uuid = asked.create()["uuid"]
    assert "repr-digest" not in put(asked, uuid, CONTENT, wanted).headers
    assert "repr-digest" not in get(asked, uuid, wanted).headers


def test_it_outlives_a_restart_and_a_change_by_hand(tmp_path: Path) -> None:
    """A note holds for the version with its time alone."""
    with EmbeddedServer(tmp_path / "data") as server, Visit(server.url) as visit:
        uuid = visit.create()["uuid"]
        put(visit, uuid, CONTENT)
        get(visit, uuid, "sha-256=1")
        server.restart()
        assert get(visit, uuid, "sha-256=1").headers["repr-digest"] == told(CONTENT)
        (server.data / "experiments" / uuid / "f").write_bytes(b"by hand")
        assert get(visit, uuid, "sha-256=1").headers["repr-digest"] == told(b"by hand")
