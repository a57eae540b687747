"""Downloading a file: whole, with its size told in front."""

from __future__ import annotations

import time
import uuid
from email.utils import parsedate_to_datetime

import pytest

from tests.contract.wire import Aqueduct, Json, instant

CLOCK_TICK = 0.02
"""Seconds within which a file system may give two files the same time."""

CONTENT = b"0123456789" * 10


@pytest.fixture
def file(aqueduct: Aqueduct, folder: str) -> Json:
    """What the list says about a file of 100 bytes, `a.txt`."""
    aqueduct.put(folder, "a.txt", CONTENT)
    [listed] = aqueduct.files(folder)
    return listed


@pytest.mark.usefixtures("file")
def test_size_is_told(aqueduct: Aqueduct, folder: str) -> None:
    response = aqueduct.download(folder, "a.txt")
    assert response.status_code == 200
    assert response.content == CONTENT
    assert response.headers["content-length"] == "100"


def test_last_modified_is_the_time_in_the_list(aqueduct: Aqueduct, folder: str, file: Json) -> None:
    told = parsedate_to_datetime(aqueduct.download(folder, "a.txt").headers["last-modified"])
    assert told == instant(file["modifiedAt"]).replace(microsecond=0)


@pytest.mark.usefixtures("file")
def test_etag_is_of_the_upload_not_of_the_content(aqueduct: Aqueduct, folder: str) -> None:
    before = [aqueduct.download(folder, "a.txt").headers["etag"] for _ in range(2)]
    time.sleep(CLOCK_TICK)
    aqueduct.put(folder, "a.txt", CONTENT)
    after = aqueduct.download(folder, "a.txt").headers["etag"]
    assert before[0] == before[1] != after


@pytest.mark.usefixtures("file")
@pytest.mark.parametrize("asked", ["bytes=0-0", "bytes=10-", "bytes=1000-2000"])
def test_range_is_ignored(aqueduct: Aqueduct, folder: str, asked: str) -> None:
    response = aqueduct.download(folder, "a.txt", {"Range": asked})
    assert (response.status_code, response.content) == (200, CONTENT)


@pytest.mark.usefixtures("file")
def test_conditions_are_ignored(aqueduct: Aqueduct, folder: str) -> None:
    first = aqueduct.download(folder, "a.txt").headers
    for condition in (
        {"If-None-Match": first["etag"]},
        {"If-Modified-Since": first["last-modified"]},
        {"If-Match": '"another"'},
        {"If-Unmodified-Since": "Thu, 01 Jan 1970 00:00:00 GMT"},
    ):
        response = aqueduct.download(folder, "a.txt", condition)
        assert (response.status_code, response.content) == (200, CONTENT)


@pytest.mark.usefixtures("file")
def test_head_tells_nothing(aqueduct: Aqueduct, folder: str) -> None:
    """It is an error, or where a page for people is installed that page: never the file."""
    response = aqueduct.http.head(aqueduct.file_url(folder, "a.txt"))
    etag = aqueduct.download(folder, "a.txt").headers["etag"]
    assert response.status_code >= 400 or response.headers.get("etag") != etag


def test_closed_after_the_headers(aqueduct: Aqueduct, folder: str) -> None:
    aqueduct.put(folder, "large.bin", b"x" * 3_000_000)
    with aqueduct.http.stream("GET", aqueduct.file_url(folder, "large.bin")) as response:
        assert response.headers["content-length"] == "3000000"
    assert len(aqueduct.content(folder, "large.bin")) == 3_000_000


def test_replaced_while_it_is_read(aqueduct: Aqueduct, folder: str) -> None:
    old = b"x" * 3_000_000
    aqueduct.put(folder, "a.bin", old)
    with aqueduct.http.stream("GET", aqueduct.file_url(folder, "a.bin")) as response:
        chunks = response.iter_bytes(1000)
        first = next(chunks)
        aqueduct.put(folder, "a.bin", b"new")
        assert first + b"".join(chunks) == old
    assert aqueduct.content(folder, "a.bin") == b"new"


def test_unknown_file(aqueduct: Aqueduct, folder: str) -> None:
    response = aqueduct.download(folder, "none.txt")
    assert response.status_code == 404
    assert response.json() == {"detail": "The requested file is not found."}


def test_unknown_experiment(aqueduct: Aqueduct) -> None:
    assert aqueduct.download(str(uuid.uuid4()), "a.txt").status_code == 404


def test_malformed_uuid(aqueduct: Aqueduct, experiment: Json) -> None:
    assert aqueduct.download(experiment["eid"], "a.txt").status_code == 422
