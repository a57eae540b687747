"""Whatever comes in: no failure of the server's own, no traceback, nothing but an answer."""

from __future__ import annotations

import json
from collections.abc import Iterator
from uuid import uuid4

import pytest

from tests.support.embedded import EmbeddedServer
from tests.support.visit import BOUNDARY, Visit, head, upload_head

ABSENT = "0" * 8 + "-0000-4000-8000-" + "0" * 12


@pytest.fixture(autouse=True)
def nothing_failed(embedded_server: EmbeddedServer) -> Iterator[None]:
    before = len(embedded_server.log)
    yield
    written = embedded_server.log[before:]
    assert written == "", "nobody fills the log with what the server refuses"


@pytest.mark.parametrize(
    "tail",
    [
        "..",
        ".",
        "%2e%2e",
        "%2E",
        "../..",
        "../../catalog.db",
        "../../../../../../../../etc/passwd",
        "..%2f..%2fcatalog.db",
        "%2e%2e%2f%2e%2e%2fcatalog.db",
        "..%5c..%5ccatalog.db",
        "..\\..\\catalog.db",
        "%2fetc%2fpasswd",
        "/etc/passwd",
        "%00",
        "kept%00.txt",
        "%c0%ae%c0%ae%c0%afcatalog.db",
        "%ff%fe",
        "kept.txt/",
        "kept.txt/..",
        "kept.txt/../kept.txt",
        "n" * 300,
        "%C3%A9" * 200,
        "",
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST", "HEAD", "PUT", "DELETE"])
def test_a_path_leads_nowhere_but_to_files(visit: Visit, method: str, tail: str) -> None:
    experiment = visit.create()["uuid"]
    visit.put(experiment, "kept.txt", b"content")
    status, answer = visit.raw(head(method, f"/api/files/{experiment}/{tail}"))
    assert status in {400, 404, 405}
    assert b"SQLite" not in answer
    assert b"root:" not in answer
    assert visit.names(experiment) == ["kept.txt"]


@pytest.mark.parametrize("name", [".", "..", "../x", "/etc/x", "a/b", "..\\x", "C:x"])
def test_a_name_leads_nowhere_but_into_the_experiment(visit: Visit, name: str) -> None:
    experiment = visit.create()["uuid"]
    response = visit.upload(experiment, name, b"content")
    assert response.status_code == 400
    assert response.json() == {"detail": "Invalid file name."}
    deleted = visit.delete(experiment, [name])
    assert deleted.status_code == 400
    assert deleted.json() == {"detail": "Invalid file names."}


@pytest.mark.parametrize(
    "experiment", ["..", ".", "%2e%2e", "x", "%00", "..%2f..", "", "{" + ABSENT, ABSENT + "0"]
)
def test_an_experiment_is_named_by_a_uuid(visit: Visit, experiment: str) -> None:
    for method, path in (
        ("GET", f"/api/files/{experiment}/x"),
        ("POST", f"/api/files/{experiment}/delete_files"),
        ("POST", f"/api/files/{experiment}"),
    ):
        assert visit.raw(head(method, path))[0] in {404, 405, 422}


FORM = f"--{BOUNDARY}\r\n".encode()
FILE = b'Content-Disposition: form-data; name="file"; filename="f"\r\n'


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\0",
        b"content and nothing around it",
        b"--",
        FORM,
        FORM + b"\r\n",
        FORM + b"\r\ncontent",
        FORM + FILE,
        FORM + b"Content-Disposition: form-data\r\n\r\ncontent",
        FORM + b"Content-Disposition: attachment; name=file\r\n\r\ncontent",
        FORM + b'Content-Disposition: form-data; name="other"\r\n\r\ncontent',
        FORM + b"Content-Disposition\r\n\r\ncontent",
        FORM + b": \r\n\r\ncontent",
        FORM + b"\xff\xfe: \xff\r\n\r\ncontent",
        FORM + b"X: " + b"x" * 100_000 + b"\r\n" + FILE + b"\r\ncontent",
        FORM + b"X: y\r\n" * 1000 + FILE + b"\r\ncontent",
        FORM.replace(b"\r\n", b"\n") + FILE.replace(b"\r\n", b"\n") + b"\ncontent",
        FORM + FILE + b"\r\none\r\n" + FORM + FILE + b"\r\ntwo",
        f"--{BOUNDARY}--\r\n".encode(),
    ],
)
def test_a_malformed_form_is_refused_and_leaves_nothing(
    visit: Visit, embedded_server: EmbeddedServer, body: bytes
) -> None:
    experiment = visit.create()["uuid"]
    status, answer = visit.raw(upload_head(experiment, "f", len(body)) + body)
    assert status == 400
    assert answer.endswith(b'{"detail": "The file is not sent correctly."}')
    assert visit.names(experiment) == []
    assert not any((embedded_server.data / "incoming").iterdir())


@pytest.mark.parametrize(
    "content_type",
    [
        None,
        "",
        "text/plain",
        "multipart/form-data",
        "multipart/form-data; boundary=",
        "multipart/form-data; boundary=" + "b" * 300,
        "multipart/mixed; boundary=b",
        "multipart/form-data; boundary=\xff",
    ],
)
def test_a_form_needs_a_boundary(visit: Visit, content_type: str | None) -> None:
    experiment = visit.create()["uuid"]
    headers = {"file_name": "f", "Content-Length": "7"}
    if content_type is not None:
        headers["Content-Type"] = content_type
    request = head("POST", f"/api/files/{experiment}", headers)
    assert visit.raw(request + b"content")[0] == 400


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"null",
        b"[]",
        b"1",
        b'"query"',
        b"\xff\xfe",
        b"[" * 100_000,
        b'{"query": 1}',
        b'{"query": ""}',
        b'{"query": null}',
        b"{}",
        b'{"query": "{__typename}", "variables": []}',
        b'{"query": "{__typename}", "variables": "x"}',
        b'{"query": "{__typename}", "operationName": 1}',
        b'{"query": "{__typename}", "operationName": "Missing"}',
        b'{"query": "fragment F on Query {__typename}"}',
        b'{"query": "type T {x: Int}"}',
        rb'{"query": "{__typename}", "variables": {"x": "\ud800"}}',
        b'[{"query": "{__typename}"}]',
    ],
)
def test_a_body_that_is_no_operation_is_refused(visit: Visit, body: bytes) -> None:
    response = visit.http.post("/api/graphql", content=body, headers=JSON)
    assert response.status_code == 400
    assert response.headers["content-type"] == "text/plain; charset=utf-8"
    assert response.text


JSON = {"Content-Type": "application/json"}
NESTED = 20_000
NUL_IN_A_TITLE = r"""mutation {createExperiment(createExperimentInput:
    {title: "\u0000", description: "", tags: []}) {uuid}}"""
EXTENSION_RUN = f'{{experimentUuid: "{ABSENT}", extension: "e", action: "a", params: [["k", "v"]]}}'


def dated(condition: str) -> str:
    query = "{experiments(offset: 0, limit: 1, filters: {CONDITION}) {totalExperimentsCount}}"
    return query.replace("CONDITION", condition)


@pytest.mark.parametrize(
    "query",
    [
        "{",
        "x",
        "\0",
        "{a" * NESTED + "}" * NESTED,
        "{experiment(experimentIdentifier: " + "[" * NESTED,
        "query($x: " + "[" * NESTED + "Int" + "]" * NESTED + ") {__typename}",
        "query Q {...F} fragment F on Query {...F}",
        "query Q {...F} fragment F on Query {...G} fragment G on Query {...F}",
        "query Q {...Missing}",
        "query A {__typename} query A {__typename}",
        "subscription {x}",
        "{experiments(offset: 99999999999, limit: 1) {totalExperimentsCount}}",
        r'{experiment(experimentIdentifier: {type: EID, value: "\ud800"}) {eid}}',
        '{experiment(experimentIdentifier: {type: UUID, value: ""}) {eid}}',
        '{experiment(experimentIdentifier: {type: OTHER, value: ""}) {eid}}',
        dated('startDate: "yesterday"'),
        dated('startDate: "0001-01-01T00:00:00+14:00"'),
        dated('endDate: "9999-12-31T23:59:59-14:00"'),
        '{task(taskId: "x") {uuid}}',
        f'{{task(taskId: "{ABSENT}") {{uuid}}}}',
        f'mutation {{cancelTask(cancelTaskInput: {{taskId: "{ABSENT}"}}) {{uuid}}}}',
        f"mutation {{executeExtension(executeExtensionInput: {EXTENSION_RUN}) {{uuid}}}}",
        "{__schema {types {fields {type {fields {type {fields {type {name}}}}}}}}",
        NUL_IN_A_TITLE,
    ],
)
def test_a_query_that_cannot_be_answered_is_an_error(visit: Visit, query: str) -> None:
    answer = visit.graphql(query)
    assert all(error["message"] for error in answer["errors"])
    assert not any(value is not None for value in (answer["data"] or {}).values())
    assert "server failed" not in str(answer["errors"])


@pytest.mark.parametrize("title", ["\u202e", "'; DROP TABLE experiment; --", "%", "_", "😀"])
def test_a_title_is_only_text(visit: Visit, title: str) -> None:
    mark = uuid4().hex
    made = visit.create(title=title + mark)
    found = visit.ask(
        "query($title: String!) {experiments(offset: 0, limit: 9, filters: {title: $title})"
        " {experimentsData {uuid title}}}",
        title=title + mark,
    )
    assert found["experimentsData"] == [{"uuid": made["uuid"], "title": title + mark}]


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 422),
        (b"{", 422),
        (b"[]", 422),
        (b"{}", 422),
        (b'{"file_list": "x"}', 422),
        (b'{"file_list": [1]}', 422),
        (b'{"file_list": [null]}', 422),
        (b"[" * 100_000, 422),
        (rb'{"file_list": ["\ud800"]}', 400),
        (b'{"file_list": [""]}', 400),
        (json.dumps({"file_list": [str(n) for n in range(50_001)]}).encode(), 400),
    ],
)
def test_a_deletion_that_makes_no_sense_is_refused(visit: Visit, body: bytes, status: int) -> None:
    experiment = visit.create()["uuid"]
    response = visit.http.post(f"/api/files/{experiment}/delete_files", content=body)
    assert response.status_code == status
    assert response.json()["detail"]


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"\0\1\2\3\r\n\r\n",
        b"GET\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"POST /api/graphql HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
        b"POST /api/graphql HTTP/1.1\r\nHost: x\r\nContent-Length: 1e9\r\n\r\n",
        b"GET /" + b"x" * 200_000 + b" HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
    ],
)
def test_what_is_no_http_is_refused(visit: Visit, request_bytes: bytes) -> None:
    assert 400 <= visit.raw(request_bytes)[0] < 500


@pytest.mark.parametrize("path", ["/x", "/api", "/api/", "/api/files", "/api/nothing", "/%2e%2e"])
def test_other_paths_are_not_found(visit: Visit, path: str) -> None:
    status, answer = visit.raw(head("GET", path))
    assert status == 404
    assert answer.endswith(b'{"detail":"Not Found"}')


@pytest.mark.parametrize("method", ["HEAD", "PUT", "DELETE", "OPTIONS", "PATCH"])
def test_graphql_is_asked_by_get_or_post(visit: Visit, method: str) -> None:
    response = visit.http.request(method, "/api/graphql")
    assert response.status_code == 405
    assert response.headers["allow"] == "GET, POST"


def test_a_query_that_would_take_minutes_is_refused(visit: Visit) -> None:
    answer = visit.graphql("{" + "tags {tagsData} " * 100_000 + "}")
    assert answer["data"] is None
    assert "characters of text" in answer["errors"][0]["message"]
    too_large = visit.http.post("/api/graphql", json={"query": "x" * (9 << 20)})
    assert too_large.status_code == 413
    body = b'{"query": [' + b"[]," * 600_000 + b"0]}"
    bomb = visit.http.post("/api/graphql", content=body, headers=JSON)
    assert bomb.status_code == 400
