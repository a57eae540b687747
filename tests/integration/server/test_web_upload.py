"""Uploads by the page's form."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

import httpx
import pytest

from tests.support.embedded import EmbeddedServer
from tests.support.visit import Visit, head

OWN = {"Sec-Fetch-Site": "same-origin"}
BOUNDARY = "----boundary-of-a-browser"
KIND = f"multipart/form-data; boundary={BOUNDARY}"


def part(name: str | bytes, content: bytes, field: str = "file") -> bytes:
    shown = name if isinstance(name, bytes) else name.encode()
    start = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{field}"; filename="'.encode()
    return (
        start + shown + b'"\r\nContent-Type: application/octet-stream\r\n\r\n' + content + b"\r\n"
    )


REPLACE = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="replace"\r\n\r\nyes\r\n'.encode()
END = f"--{BOUNDARY}--\r\n".encode()


def send(visit: Visit, eid: str, parts: Sequence[bytes], end: bytes = END) -> httpx.Response:
    headers = {**OWN, "Content-Type": KIND}
    return visit.http.post(f"/experiments/{eid}", content=b"".join(parts) + end, headers=headers)


def leftovers(server: EmbeddedServer) -> list[Path]:
    return list((server.data / "incoming").iterdir())


def test_several_files_arrive_byte_for_byte(own: Visit, server: EmbeddedServer) -> None:
    made = own.create()
    contents = {
        "a.bin": bytes(range(256)) * 20_000,
        "empty": b"",
        "µ #1 100%.txt": f"\r\n--{BOUNDARY}x\r\n--".encode(),
        "Δf.csv": b"1\n",
        ".hidden": b"\r\n",
    }
    answer = send(own, made["eid"], [part(name, content) for name, content in contents.items()])
    assert answer.status_code == 303
    assert answer.headers["location"] == f"/experiments/{made['eid']}?stored=5"
    assert "5 files stored." in own.http.get(answer.headers["location"]).text
    assert {name: own.get(made["uuid"], name) for name in own.names(made["uuid"])} == contents
    assert leftovers(server) == []


def test_nothing_is_replaced_unless_it_is_said(visit: Visit) -> None:
    made = visit.create()
    visit.put(made["uuid"], "there.txt", b"old")
    parts = [part("there.txt", b"new"), part("other.txt", b"other")]
    answer = send(visit, made["eid"], parts)
    assert answer.status_code == 409
    assert "1 file stored, 1 not:" in answer.text
    assert "<bdi>there.txt</bdi>: A file of this name is there already." in answer.text
    assert visit.get(made["uuid"], "there.txt") == b"old"
    assert visit.get(made["uuid"], "other.txt") == b"other"

    assert send(visit, made["eid"], [REPLACE, *parts]).status_code == 303
    assert visit.get(made["uuid"], "there.txt") == b"new"


def test_one_name_twice_in_a_form(visit: Visit) -> None:
    made = visit.create()
    answer = send(visit, made["eid"], [part("a", b"first"), part("a", b"second")])
    assert answer.status_code == 409
    assert visit.get(made["uuid"], "a") == b"first"


def test_of_two_at_the_same_moment_one_is_refused(own: Visit) -> None:
    made = own.create()
    statuses: list[int] = []
    contents = [bytes([number]) * 300_000 for number in range(8)]

    def upload(content: bytes) -> None:
        statuses.append(send(own, made["eid"], [part("a", content)]).status_code)

    threads = [threading.Thread(target=upload, args=(content,)) for content in contents]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(statuses) == [303] + [409] * 7
    assert own.get(made["uuid"], "a") in contents


@pytest.mark.parametrize(
    "name",
    [
        b"a/b",
        b"..",
        b"../../x",
        b"a\\b",
        b"a:b",
        b"con.txt",
        b"a.",
        b"\xff\xfe",
        b"n" * 256,
        b"a\0b",
        b"<script>alert(1)</script>",
    ],
)
def test_names_that_are_refused(own: Visit, server: EmbeddedServer, name: bytes) -> None:
    made = own.create()
    answer = send(own, made["eid"], [part(name, b"x"), part("good", b"y")])
    assert answer.status_code == 400
    assert "Invalid file name." in answer.text
    assert "<script>alert" not in answer.text
    assert own.names(made["uuid"]) == ["good"]
    assert leftovers(server) == []


@pytest.fixture
def small(tmp_path: Path) -> Iterator[EmbeddedServer]:
    with EmbeddedServer(tmp_path / "data", max_file_bytes=1000) as server:
        yield server


def test_a_file_that_is_too_large_stops_no_other(small: EmbeddedServer) -> None:
    with Visit(small.url) as visit:
        made = visit.create()
        parts = [
            part("large", b"x" * 3_000_000),
            part("full", b"x" * 1000),
            part("over", b"x" * 1001),
        ]
        answer = send(visit, made["eid"], parts)
        assert answer.status_code == 413
        assert answer.text.count("Maximum file size limit (1000 bytes) exceeded.") == 2
        assert visit.names(made["uuid"]) == ["full"]
    assert leftovers(small) == []


def test_a_form_without_a_file(visit: Visit) -> None:
    made = visit.create()
    answer = send(visit, made["eid"], [REPLACE, part("", b"")])
    assert answer.status_code == 400
    assert "No file was chosen." in answer.text
    assert visit.names(made["uuid"]) == []


def test_other_fields_are_nothing(visit: Visit) -> None:
    made = visit.create()
    answer = send(visit, made["eid"], [part("a", b"x", field="files"), part("b", b"y")])
    assert answer.status_code == 303
    assert visit.names(made["uuid"]) == ["b"]


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (part("a", b"x"), KIND),
        (part("a", b"x")[:-10], KIND),
        (b"garbage", KIND),
        (b"", KIND),
        (part("a", b"x") + END, "multipart/form-data"),
        (b"file=a", "application/x-www-form-urlencoded"),
    ],
)
def test_what_is_no_whole_form(own: Visit, server: EmbeddedServer, body: bytes, kind: str) -> None:
    made = own.create()
    headers = {**OWN, "Content-Type": kind}
    answer = own.http.post(f"/experiments/{made['eid']}", content=body, headers=headers)
    assert answer.status_code == 400
    assert own.names(made["uuid"]) == []
    assert leftovers(server) == []
    assert server.log == ""


def test_a_browser_that_leaves_stores_nothing(own: Visit, server: EmbeddedServer) -> None:
    made = own.create()
    fields = {**OWN, "Content-Type": KIND, "Content-Length": "9000000"}
    with own.connection() as connection:
        connection.sendall(head("POST", f"/experiments/{made['eid']}", fields))
        connection.sendall(part("a", b"x" * 2_000_000)[:-100])
    server.stop()
    assert list((server.data / "experiments" / made["uuid"]).iterdir()) == []
    assert leftovers(server) == []
    assert server.log == ""
    server.start()


def test_an_experiment_that_is_not_there(visit: Visit) -> None:
    answer = send(visit, "20000101-1", [part("a", b"x" * 2_000_000)])
    assert answer.status_code == 404
    assert "Non-existing experiment" in answer.text
