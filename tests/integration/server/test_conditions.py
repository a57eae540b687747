"""Uploads and removals on a condition: what the headers say, and one winner in every race."""

from __future__ import annotations

import re
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import httpx
import pytest

from tests.support.embedded import EmbeddedServer
from tests.support.visit import (
    FILE_START,
    FORM_END,
    MULTIPART,
    Visit,
    form,
    head,
    read_all,
    upload_head,
)

LONG_AGO = "2001-01-01T00:00:00.000000+00:00"
NOBODY = "00000000-0000-4000-8000-000000000000"


def upload(visit: Visit, uuid: str, name: str, content: bytes, *expect: str) -> httpx.Response:
    headers = [("Content-Type", MULTIPART), ("file_name", name)]
    headers += [("Aqueduct-Expect", each) for each in expect]
    return visit.http.post(f"/api/files/{uuid}", content=form(content), headers=headers)


def delete(visit: Visit, uuid: str, names: list[str], expect: str) -> httpx.Response:
    headers = {"Aqueduct-Expect": expect}
    content = {"file_list": names}
    return visit.http.post(f"/api/files/{uuid}/delete_files", json=content, headers=headers)


def listed(visit: Visit, uuid: str) -> dict[str, str]:
    return {file["name"]: file["modifiedAt"] for file in visit.files(uuid)}


def said(response: httpx.Response) -> tuple[int, str | None, str | None]:
    """The status, what is said of the condition, and of the version."""
    headers = response.headers
    return response.status_code, headers.get("aqueduct-condition"), headers.get("aqueduct-modified")


@pytest.fixture
def uuid(visit: Visit) -> str:
    made: str = visit.create()["uuid"]
    return made


@pytest.mark.parametrize("size", [0, 10, 3_000_000])
def test_every_upload_tells_the_time_that_lists_show(visit: Visit, uuid: str, size: int) -> None:
    plain = visit.upload(uuid, "plain", bytes(size))
    new = upload(visit, uuid, "new", bytes(size), "absent")
    times = listed(visit, uuid)
    assert said(plain) == (200, None, times["plain"])
    assert said(new) == (200, "checked", times["new"])


def test_a_client_without_conditions_notices_nothing(visit: Visit, uuid: str) -> None:
    for content in (b"1", b"2"):
        assert visit.upload(uuid, "f", content).headers.get("aqueduct-condition") is None
    assert visit.get(uuid, "f") == b"2"
    for _ in range(2):
        assert "aqueduct-condition" not in visit.delete(uuid, ["f"]).headers


def test_absent_stores_only_what_is_new(visit: Visit, uuid: str) -> None:
    first = upload(visit, uuid, "f", b"first", "absent")
    time = listed(visit, uuid)["f"]
    assert said(first) == (200, "checked", time)
    second = upload(visit, uuid, "f", b"second", "absent")
    assert said(second) == (412, "checked", time)
    assert second.json() == {
        "detail": "Another version of the file is there than the request expects."
    }
    assert visit.get(uuid, "f") == b"first"
    assert listed(visit, uuid) == {"f": time}


def test_a_time_stores_only_over_that_version(visit: Visit, uuid: str) -> None:
    assert said(upload(visit, uuid, "f", b"0", LONG_AGO)) == (412, "checked", "absent")
    assert visit.names(uuid) == []
    visit.put(uuid, "f", b"1")
    time = listed(visit, uuid)["f"]
    assert said(upload(visit, uuid, "f", b"2", LONG_AGO)) == (412, "checked", time)
    replaced = upload(visit, uuid, "f", b"3", time)
    assert said(replaced) == (200, "checked", listed(visit, uuid)["f"])
    assert replaced.headers["aqueduct-modified"] > time
    assert said(upload(visit, uuid, "f", b"4", time))[0] == 412
    assert visit.get(uuid, "f") == b"3"


@pytest.mark.parametrize(
    "expect", [(), ("",), ("absent", LONG_AGO), ("ABSENT",), ("*",), ("absent, absent",)]
)
def test_only_what_is_meant_fulfils_a_condition(
    visit: Visit, uuid: str, expect: tuple[str, ...]
) -> None:
    visit.put(uuid, "g", b"1")
    for name in ("f", "g"):
        status = upload(visit, uuid, name, b"2", *expect).status_code
        assert status == (412 if expect else 200)


def test_other_refusals_come_first_and_say_that_conditions_count(visit: Visit, uuid: str) -> None:
    for answer, status in (
        (upload(visit, NOBODY, "f", b"", "absent"), 404),
        (upload(visit, uuid, "a/b", b"", "absent"), 400),
        (delete(visit, NOBODY, ["f"], "absent"), 404),
        (delete(visit, uuid, [], "absent"), 400),
        (delete(visit, uuid, ["a", "b"], LONG_AGO), 400),
    ):
        assert said(answer) == (status, "checked", None)


def test_a_large_file_that_cannot_be_stored_is_refused_at_once(visit: Visit, uuid: str) -> None:
    visit.put(uuid, "f", b"there")
    start = upload_head(uuid, "f", 3_000_000_000).replace(
        b"\r\n\r\n", b"\r\nAqueduct-Expect: absent\r\n\r\n"
    )
    with visit.connection() as connection:
        connection.sendall(start + FILE_START)
        answer = connection.recv(65536)
    assert answer.startswith(b"HTTP/1.1 412 ")
    assert b"\r\nconnection: close\r\n" in answer
    assert visit.get(uuid, "f") == b"there"


@pytest.mark.parametrize("by", ["api", "page", "nobody"])
def test_what_comes_in_between_is_not_replaced(own: Visit, server: EmbeddedServer, by: str) -> None:
    made = own.create()
    uuid = made["uuid"]
    body = FILE_START + b"late" + FORM_END
    start = upload_head(uuid, "f", len(body)).replace(
        b"\r\n\r\n", b"\r\nAqueduct-Expect: absent\r\n\r\n"
    )
    with own.connection() as connection:
        connection.sendall(start + body[:-1])
        if by == "api":
            own.put(uuid, "f", b"other")
        elif by == "page":
            fields = {"file": ("f", b"other")}
            sent = own.http.post(
                f"/experiments/{made['eid']}",
                files=fields,
                headers={"Sec-Fetch-Site": "same-origin"},
            )
            assert sent.status_code == 303
        connection.sendall(body[-1:])
        answer = read_all(connection)
    assert answer.startswith(b"HTTP/1.1 200 " if by == "nobody" else b"HTTP/1.1 412 ")
    assert b"\r\naqueduct-condition: checked\r\n" in answer
    time = re.search(rb"\r\naqueduct-modified: ([^\r]+)\r\n", answer)
    assert time is not None
    assert time[1].decode() == listed(own, uuid)["f"]
    assert own.get(uuid, "f") == (b"late" if by == "nobody" else b"other")
    assert not any((server.data / "incoming").iterdir())


def test_removals(visit: Visit, uuid: str) -> None:
    assert said(delete(visit, uuid, ["f"], LONG_AGO)) == (412, "checked", "absent")
    assert said(delete(visit, uuid, ["f"], "absent")) == (400, "checked", None)
    visit.put(uuid, "f", b"1")
    old = listed(visit, uuid)["f"]
    visit.put(uuid, "f", b"2")
    time = listed(visit, uuid)["f"]
    for wrong in ("absent", old):
        assert said(delete(visit, uuid, ["f"], wrong)) == (412, "checked", time)
    assert visit.names(uuid) == ["f"]
    assert said(delete(visit, uuid, ["f"], time)) == (200, "checked", None)
    assert visit.names(uuid) == []
    assert said(delete(visit, uuid, ["f"], "absent")) == (409, "checked", None)


def test_one_connection_goes_on_after_refusals(visit: Visit, uuid: str) -> None:
    visit.put(uuid, "f", b"1")
    absent = "Aqueduct-Expect: absent"
    body = form(b"2")
    refused = upload_head(uuid, "f", len(body), close=False).replace(
        b"\r\n\r\n", f"\r\n{absent}\r\n\r\n".encode()
    )
    end = head("GET", f"/api/files/{uuid}/f")
    _, answers = visit.raw((refused + body) * 3 + end)
    assert answers.count(b"HTTP/1.1 412 ") == 3
    assert answers.endswith(b"1")


# Races

WORKERS = 8


def race(visit: Visit, requests: list[tuple[str, str, str, bytes]]) -> list[httpx.Response]:
    """Do all of these at once: upload or delete, to which experiment, on which condition."""
    ready = Barrier(len(requests))

    def do(request: tuple[str, str, str, bytes]) -> httpx.Response:
        what, uuid, expect, content = request
        ready.wait()
        if what == "delete":
            return delete(visit, uuid, ["f"], expect)
        return upload(visit, uuid, "f", content, expect)

    with ThreadPoolExecutor(len(requests)) as pool:
        return list(pool.map(do, requests))


@pytest.mark.parametrize("size", [10, 300_000])
def test_of_many_that_come_first_one_does(visit: Visit, uuid: str, size: int) -> None:
    contents = [bytes([number]) * size for number in range(WORKERS)]
    for _ in range(5):
        answers = race(visit, [("upload", uuid, "absent", content) for content in contents])
        statuses = Counter(answer.status_code for answer in answers)
        assert statuses == {200: 1, 412: WORKERS - 1}
        [winner] = [number for number in range(WORKERS) if answers[number].status_code == 200]
        assert visit.get(uuid, "f") == contents[winner]
        time = listed(visit, uuid)["f"]
        assert {said(answer)[2] for answer in answers} == {time}
        assert said(delete(visit, uuid, ["f"], time))[0] == 200


def test_of_many_that_replace_a_version_one_does(visit: Visit, uuid: str) -> None:
    visit.put(uuid, "f", b"0")
    for _ in range(10):
        time = listed(visit, uuid)["f"]
        requests = [("upload", uuid, time, bytes([number])) for number in range(WORKERS)]
        answers = race(visit, requests)
        assert sorted(answer.status_code for answer in answers) == [200] + [412] * (WORKERS - 1)
        assert listed(visit, uuid)["f"] > time


def test_of_many_that_remove_or_replace_a_version_one_does(visit: Visit, uuid: str) -> None:
    for _ in range(10):
        visit.put(uuid, "f", b"0")
        time = listed(visit, uuid)["f"]
        requests = [
            ("delete" if number % 2 else "upload", uuid, time, b"1") for number in range(WORKERS)
        ]
        answers = race(visit, requests)
        statuses = [answer.status_code for answer in answers]
        assert sorted(statuses) == [200] + [412] * (WORKERS - 1)
        assert visit.names(uuid) == ([] if statuses.index(200) % 2 else ["f"])


def test_an_unconditional_upload_never_slips_under_a_condition(visit: Visit, uuid: str) -> None:
    """Whatever the order: a version that was replaced on a condition was the one expected."""
    times = [said(visit.upload(uuid, "f", b"0"))[2]]

    def always() -> None:
        times.extend(said(visit.upload(uuid, "f", b"other"))[2] for _ in range(40))

    def on_condition() -> list[tuple[str, str | None]]:
        steps = []
        for _ in range(40):
            expect = listed(visit, uuid)["f"]
            status, _, time = said(upload(visit, uuid, "f", b"mine", expect))
            if status == 200:
                steps.append((expect, time))
        return steps

    with ThreadPoolExecutor(4) as pool:
        others = [pool.submit(always) for _ in range(2)]
        mine = [pool.submit(on_condition) for _ in range(2)]
        for other in others:
            other.result()
        steps = [step for one in mine for step in one.result()]
    replaced = [expect for expect, _ in steps]
    assert len(set(replaced)) == len(replaced)
    stored = [*times, *(time for _, time in steps)]
    assert len(set(stored)) == len(stored)
    assert set(replaced) <= set(stored)
    assert listed(visit, uuid)["f"] == max(time for time in stored if time is not None)
