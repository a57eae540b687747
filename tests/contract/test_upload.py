"""Uploading a file: multipart, its name in a header, all of it or nothing."""

from __future__ import annotations

import random
import uuid
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from tests.contract.wire import BOUNDARY, MULTIPART, Aqueduct, Json, multipart
from tests.support.patience import HANG_S


def test_accepted(aqueduct: Aqueduct, folder: str) -> None:
    response = aqueduct.upload(folder, "iq.csv", b"1,2\n")
    assert response.status_code == 200
    assert response.json() == {"result": "Successfuly uploaded iq.csv"}
    assert aqueduct.content(folder, "iq.csv") == b"1,2\n"


@pytest.mark.parametrize("size", [0, 1, 1023, 65_536, 1024 * 1024 + 1, 3_000_000])
def test_content_of_any_size(aqueduct: Aqueduct, folder: str, size: int) -> None:
    content = random.Random(size).randbytes(size)
    aqueduct.put(folder, "data.bin", content)
    assert aqueduct.content(folder, "data.bin") == content


@pytest.mark.parametrize(
    "content",
    [
        bytes(range(256)),
        b"\r\n" * 600,
        f"\r\n--{BOUNDARY[:-1]}".encode() * 40,
        f"--{BOUNDARY}--\r\n".encode(),
        b"\r\n--",
        b"\n",
        f"\r\n--{BOUNDARY}".encode()[:-1],
    ],
)
def test_content_that_looks_like_the_envelope(
    aqueduct: Aqueduct, folder: str, content: bytes
) -> None:
    aqueduct.put(folder, "data.bin", content)
    assert aqueduct.content(folder, "data.bin") == content


def test_name_of_the_part_is_ignored(aqueduct: Aqueduct, folder: str) -> None:
    assert aqueduct.upload(folder, "a.txt", b"a", part_filename="b.txt").status_code == 200
    assert aqueduct.names(folder) == ["a.txt"]


def test_same_name_replaces(aqueduct: Aqueduct, folder: str) -> None:
    for content in (b"first, the longer one", b"second", b""):
        aqueduct.put(folder, "a.txt", content)
        assert aqueduct.content(folder, "a.txt") == content
    assert aqueduct.names(folder) == ["a.txt"]


def test_names_differ_by_case(aqueduct: Aqueduct, folder: str) -> None:
    aqueduct.put(folder, "a.txt", b"small")
    aqueduct.put(folder, "A.txt", b"large")
    assert aqueduct.content(folder, "a.txt") == b"small"
    assert aqueduct.names(folder) == ["A.txt", "a.txt"]


def test_experiments_are_apart(aqueduct: Aqueduct, folder: str) -> None:
    other = aqueduct.create()["uuid"]
    aqueduct.put(folder, "a.txt", b"here")
    aqueduct.put(other, "a.txt", b"there")
    assert aqueduct.content(folder, "a.txt") == b"here"


def test_many_on_one_connection(aqueduct: Aqueduct, folder: str) -> None:
    headers = {"content-type": MULTIPART, **aqueduct.authorization}
    with httpx.Client(headers=headers, timeout=HANG_S, trust_env=False) as kept:
        for number in range(5):
            response = kept.post(
                aqueduct.file_url(folder),
                content=multipart(b"x" * number),
                headers={"file_name": f"{number}.txt"},
            )
            assert response.status_code == 200
    assert [len(aqueduct.content(folder, f"{n}.txt")) for n in range(5)] == [0, 1, 2, 3, 4]


def test_several_at_once(aqueduct: Aqueduct, folder: str) -> None:
    contents = {f"{number}.bin": bytes([number]) * 200_000 for number in range(8)}
    with ThreadPoolExecutor(4) as clients:
        list(clients.map(lambda name: aqueduct.put(folder, name, contents[name]), contents))
    assert {name: aqueduct.content(folder, name) for name in contents} == contents


def test_same_name_at_once_leaves_one_of_them_whole(aqueduct: Aqueduct, folder: str) -> None:
    contents = [bytes([number]) * 300_000 for number in range(4)]
    with ThreadPoolExecutor(4) as clients:
        list(clients.map(lambda content: aqueduct.put(folder, "a.bin", content), contents))
    assert aqueduct.content(folder, "a.bin") in contents
    assert aqueduct.names(folder) == ["a.bin"]


def test_reader_sees_the_old_file_until_the_new_one_is_whole(
    aqueduct: Aqueduct, folder: str
) -> None:
    aqueduct.put(folder, "a.bin", b"old")
    body = multipart(b"new" * 100_000)
    with aqueduct.connection() as connection:
        connection.send(aqueduct.upload_head(folder, "a.bin", len(body)) + body[:200_000])
        assert aqueduct.content(folder, "a.bin") == b"old"
        assert aqueduct.names(folder) == ["a.bin"]
        connection.send(body[200_000:])
        assert connection.answer()[0] == 200
    assert aqueduct.content(folder, "a.bin") == b"new" * 100_000


def test_broken_off_upload_leaves_nothing(aqueduct: Aqueduct, folder: str) -> None:
    aqueduct.put(folder, "old.bin", b"old")
    body = multipart(b"x" * 300_000)
    for name in ("old.bin", "new.bin"):
        with aqueduct.connection() as connection:
            connection.send(aqueduct.upload_head(folder, name, len(body)) + body[:200_000])
    # what is uploaded after them is there, so the server has dealt with them before
    aqueduct.put(folder, "later.bin", b"later")
    assert aqueduct.names(folder) == ["later.bin", "old.bin"]
    assert aqueduct.content(folder, "old.bin") == b"old"
    assert aqueduct.download(folder, "new.bin").status_code == 404


@pytest.mark.parametrize("size", [100, 5_000, 300_000])
def test_body_without_its_closing_boundary_is_accepted(
    aqueduct: Aqueduct, folder: str, size: int
) -> None:
    content = random.Random(size).randbytes(size)
    assert aqueduct.upload(folder, "a.bin", content, closed=False).status_code == 200
    stored = aqueduct.content(folder, "a.bin")
    # a server that holds back what might be the boundary loses up to 1 KiB of the end
    assert content.startswith(stored)
    assert len(content) - len(stored) <= 1024


def test_without_the_name(aqueduct: Aqueduct, folder: str) -> None:
    response = aqueduct.upload(folder, None, b"a")
    assert response.status_code == 422
    assert response.json() == {"detail": "Filename header is missing."}
    assert aqueduct.names(folder) == []


def test_without_the_right_part(aqueduct: Aqueduct, folder: str) -> None:
    response = aqueduct.upload(folder, "a.txt", b"a", part="data")
    assert response.status_code == 400
    assert response.json() == {"detail": "The file is not sent correctly."}
    assert aqueduct.names(folder) == []


def test_to_an_unknown_experiment(aqueduct: Aqueduct) -> None:
    response = aqueduct.upload(str(uuid.uuid4()), "a.txt", b"a")
    assert response.status_code == 404
    assert response.json() == {"detail": "The specified experiment was not found."}


def test_to_a_malformed_uuid(aqueduct: Aqueduct, experiment: Json) -> None:
    assert aqueduct.upload(experiment["eid"], "a.txt", b"a").status_code == 422


def test_fresh_connection_works_after_an_error(aqueduct: Aqueduct, folder: str) -> None:
    """After an error of 500 the server may close the old one, so that is not used again."""
    assert aqueduct.upload(folder, "..", b"a").status_code in (400, 500)
    aqueduct.put(folder, "a.txt", b"a")
    assert aqueduct.names(folder) == ["a.txt"]
