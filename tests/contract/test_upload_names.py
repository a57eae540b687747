"""Which names a file may have, and how they travel in the header."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from tests.contract.wire import Aqueduct, multipart

DEVICES = ["CON", "con.txt", "NUL", "nul.tar", "PRN.md", "aux", "COM1", "com9.csv", "LPT1"]


@pytest.fixture(scope="module")
def aqueduct(server_url: str, http: httpx.Client) -> Iterator[Aqueduct]:
    with Aqueduct(server_url, http) as server:
        yield server


@pytest.fixture(scope="module")
def folder(aqueduct: Aqueduct) -> str:
    """One experiment for all names: each test asks for its own one only."""
    uuid: str = aqueduct.create()["uuid"]
    return uuid


@pytest.mark.parametrize(
    "name",
    [
        *(f"a{character}b" for character in '/\\:*?"<>|\t'),
        *("a.", ".dot.", "...", "/", "/etc/passwd", "../a", "a/../../b"),
        *DEVICES,
        *("x" * 256, "µ" * 127 + "xx", "µ" * 200),
        "",
    ],
)
def test_refused(aqueduct: Aqueduct, folder: str, name: str) -> None:
    before = aqueduct.names(folder)
    response = aqueduct.upload(folder, name, b"a")
    assert response.status_code == 400
    assert response.json() == {"detail": "Invalid file name."}
    assert aqueduct.names(folder) == before


@pytest.mark.parametrize("name", [".", ".."])
def test_folder_itself(aqueduct: Aqueduct, folder: str, name: str) -> None:
    before = aqueduct.names(folder)
    assert aqueduct.upload(folder, name, b"a").status_code in (400, 500)
    assert aqueduct.names(folder) == before


@pytest.mark.parametrize("character", ["\x00", "\x01", "\x1f", "\x7f"])
def test_control_character(aqueduct: Aqueduct, folder: str, character: str) -> None:
    """It may already be refused where HTTP is parsed, with another text."""
    before = aqueduct.names(folder)
    head = aqueduct.upload_head(folder, f"a{character}b", 0)
    with aqueduct.connection() as connection:
        connection.send(head.replace(b"HTTP/1.1\r\n", b"HTTP/1.1\r\nConnection: close\r\n"))
        status = connection.status()
    assert status == 400
    assert aqueduct.names(folder) == before


@pytest.mark.parametrize(
    "name",
    [
        *("run 7.csv", "a~b=c@d+e!f&g", "[1](2){3}", "a,b;c'd`e^f$g", "-x", "_", ".hidden", "..a"),
        *("µ.txt", "2°C ÅÄÖ ñ ÿ.csv", "a\xa0b"),
        *("a%b.txt", "a%2Fb", "%41.txt", "#7_iq.csv", "100%"),
        *("console", "CONX.txt", "COM10", "nullable.csv"),
        *("x" * 255, "µ" * 127 + "x"),
    ],
)
def test_accepted(aqueduct: Aqueduct, folder: str, name: str) -> None:
    response = aqueduct.upload(folder, name, b"content")
    assert response.status_code == 200
    assert response.json() == {"result": f"Successfuly uploaded {name}"}
    assert name in aqueduct.names(folder)
    assert aqueduct.content(folder, name) == b"content"
    assert aqueduct.delete(folder, [name]).status_code == 200
    assert name not in aqueduct.names(folder)


def test_header_is_read_as_latin_1(aqueduct: Aqueduct, folder: str) -> None:
    assert aqueduct.upload(folder, "é".encode("latin-1"), b"latin").status_code == 200
    assert aqueduct.upload(folder, "é".encode(), b"utf-8").status_code == 200
    assert {"é", "Ã©"} <= set(aqueduct.names(folder))
    assert aqueduct.content(folder, "é") == b"latin"
    assert aqueduct.content(folder, "Ã©") == b"utf-8"


def test_blanks_around_a_name_do_not_arrive(aqueduct: Aqueduct, folder: str) -> None:
    """Servers differ in which of them belong to a header's value, but none is ever stored."""
    body = multipart(b"a")
    for name in ("  blank.txt", "blank.txt  ", "\tblank.txt"):
        with aqueduct.connection() as connection:
            connection.send(aqueduct.upload_head(folder, name, len(body)) + body)
            assert connection.answer()[0] in (200, 400)
        stored = [one for one in aqueduct.names(folder) if "blank" in one]
        assert stored in ([], ["blank.txt"])


def test_header_name_in_any_case(aqueduct: Aqueduct, folder: str) -> None:
    body = multipart(b"a")
    head = aqueduct.upload_head(folder, "any-case.txt", len(body)).replace(
        b"file_name", b"File_Name"
    )
    with aqueduct.connection() as connection:
        connection.send(head + body)
        assert connection.answer()[0] == 200
    assert "any-case.txt" in aqueduct.names(folder)
