"""The page as it comes over HTTP: what it shows, and what it does not let through."""

from __future__ import annotations

import html
import os
import re
from urllib.parse import quote

import httpx
import pytest
from markupsafe import escape

from tests.support.embedded import EmbeddedServer
from tests.support.visit import Visit

EVIL = "<script>alert(1)</script>'\"&<img src=x onerror=alert(1)>{{ title }}{% raw %}"
NAMES = [
    "#1.txt",
    "100%.txt",
    "%2e%2e%2fcatalog.db.txt",
    "%41.txt",
    "it's µ & more;.txt",
    "..hidden.txt",
    "..",
    "a&lt;b.txt",
    "{{ name }} {# #}.txt",
    "delete_files",
    "view",
    "é" * 100 + ".txt",
    "=CE=94~f+g @!(1).txt",
]
STORED = [name for name in NAMES if name != ".."]


def get(visit: Visit, path: str, status: int = 200) -> httpx.Response:
    response = visit.http.get(path)
    assert response.status_code == status, response.text
    return response


def describe(visit: Visit, uuid: str, description: str) -> None:
    visit.ask(
        "mutation($uuid: UUID!, $text: String!) {updateExperiment(uuid: $uuid,"
        " experimentUpdateInput: {description: $text}) {eid}}",
        uuid=uuid,
        text=description,
    )


def links(page: str) -> list[str]:
    return [html.unescape(link) for link in re.findall(r'href="([^"]*)"', page)]


def test_an_empty_server_says_what_to_do(own: Visit) -> None:
    page = get(own, "/").text
    assert "There is no experiment yet" in page
    assert "aqsync experiment create" in page
    assert page.startswith("<!doctype html>")


def test_experiments_newest_first_in_pages(own: Visit) -> None:
    eids = [own.create(f"title {number}")["eid"] for number in range(51)]
    first, second = get(own, "/").text, get(own, "/?page=2").text
    assert "51 experiments" in first
    assert re.findall(r'class="eid"><a [^>]*>([\d-]+)<', first) == eids[:0:-1]
    assert re.findall(r'class="eid"><a [^>]*>([\d-]+)<', second) == eids[:1]
    assert "/?page=2" in links(first)
    assert 'rel="prev" href="/"' in second
    assert "Next" not in second
    assert "/?page=2" not in links(second)
    assert get(own, "/?page=999999999").text == second
    assert get(own, f"/?page={'9' * 100}").text == first


def test_search_and_tags(own: Visit) -> None:
    apple = own.create("Apple pie", ["Fruit", "qubit:q1"])["eid"]
    pear = own.create("Pear", ["fruit"])["eid"]
    hidden = own.create("Apple, old", ["__archived__"])["eid"]

    def found(query: str) -> set[str]:
        page = get(own, f"/?{query}").text
        return {eid for eid in (apple, pear, hidden) if f"/experiments/{eid}" in links(page)}

    assert found("") == {apple, pear}
    assert found("q=APPLE") == {apple}
    assert found(f"q={pear}") == {pear}
    assert found("tag=FRUIT") == {apple, pear}
    assert found("q=pie&tag=fruit") == {apple}
    assert found("q=+pie+&tag=+fruit+") == {apple}
    assert found("tag=__archived__") == {hidden}
    assert found("q=nothing") == set()
    assert "No experiment fits" in get(own, "/?q=nothing").text
    assert "/?tag=qubit%3Aq1" in links(get(own, "/").text)


@pytest.mark.parametrize("query", ["q=" + "x" * 65, "q=%00", "tag=no+tag%21", "tag=" + "x" * 65])
def test_a_search_that_is_refused_says_why(visit: Visit, query: str) -> None:
    page = get(visit, f"/?{query}", 400).text
    assert 'role="alert"' in page


@pytest.mark.parametrize("query", ["q=%ff%fe", "q=%ed%a0%80", "&&=;&q", "page=%ff", "a=1&" * 500])
def test_odd_queries_are_searches(visit: Visit, query: str) -> None:
    visit.create("findable")
    get(visit, f"/?{query}")


def test_nothing_that_users_write_is_html(visit: Visit) -> None:
    made = visit.create(EVIL)
    describe(visit, made["uuid"], EVIL + "\n" + EVIL)
    name = "{{ name }}'&amp;onerror=.txt"
    visit.put(made["uuid"], name, EVIL.encode())
    pages = [
        get(visit, f"/?q={made['eid']}").text,
        get(visit, f"/experiments/{made['eid']}").text,
        get(visit, f"/experiments/{made['eid']}/view/{quote(name)}").text,
        get(visit, f"/?q={quote(EVIL[:60])}").text,
        get(visit, f"/?tag={quote(EVIL[:60])}", 400).text,
        get(visit, f"/experiments/{made['eid']}?name={quote(EVIL)}").text,
        get(visit, f"/experiments/{quote(EVIL)}", 404).text,
    ]
    for page in pages:
        assert "<script>" not in page
        assert "<img src=x" not in page
        assert page.count("<script") == 1
    assert str(escape(EVIL)) in pages[1]
    assert str(escape(name)) in pages[1]
    assert str(escape(EVIL)) in pages[2]


@pytest.mark.parametrize("name", STORED)
def test_files_of_any_name_are_shown_and_come_down(visit: Visit, name: str) -> None:
    made = visit.create()
    content = f"content of {name}\n".encode()
    visit.put(made["uuid"], name, content)
    page = get(visit, f"/experiments/{made['eid']}").text
    assert str(escape(name)) in page
    (view,) = [link for link in links(page) if "/view/" in link]
    (download,) = [link for link in links(page) if "/download/" in link]
    assert str(escape(content.decode())) in get(visit, view).text
    response = get(visit, download)
    assert response.content == content
    assert response.headers["content-disposition"] == (
        f"attachment; filename*=UTF-8''{quote(name, safe='')}"
    )
    assert download in links(get(visit, view).text)


def test_files_in_pages_and_by_part_of_name(own: Visit, server: EmbeddedServer) -> None:
    made = own.create()
    folder = server.data / "experiments" / made["uuid"]
    for number in range(501):
        (folder / f"File {number:03}.txt").write_bytes(b"x" * number)
    page = get(own, f"/experiments/{made['eid']}").text
    assert "501 files" in page
    assert "File 499.txt" in page
    assert "File 500.txt" not in page
    assert "File 500.txt" in get(own, f"/experiments/{made['eid']}?page=2").text
    found = get(own, f"/experiments/{made['eid']}?name=fILE+50").text
    assert "File 500.txt" in found
    assert "500 bytes" in found
    assert "File 499.txt" not in found


def test_a_large_text_shows_its_first_mebibyte(visit: Visit) -> None:
    made = visit.create()
    # The limit falls into the middle of a character.
    visit.put(made["uuid"], "large.txt", b"a" + "µ".encode() * 1024 * 1024 + b"the end")
    page = get(visit, f"/experiments/{made['eid']}/view/large.txt").text
    assert "The first 1 MiB are shown." in page
    assert "µ" * (512 * 1024 - 1) + "</pre>" in page
    assert "the end" not in page


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("empty.txt", b"", "The file is empty."),
        ("raw.bin", b"\0\1\2", "neither a text nor an image"),
        ("bell.txt", b"a\x07b", "a\u2407b"),
        (
            "first.txt",
            b"\n\nafter two",
            '<pre class="text" tabindex="0" aria-label="Content of the file">\n\n\nafter two</pre>',
        ),
    ],
)
def test_what_a_file_looks_like(visit: Visit, name: str, content: bytes, says: str) -> None:
    made = visit.create()
    visit.put(made["uuid"], name, content)
    assert says in get(visit, f"/experiments/{made['eid']}/view/{name}").text


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("a.png", "image/png"),
        ("a.JPG", "image/jpeg"),
        ("a.svg", "image/svg+xml"),
        ("a.webp", "image/webp"),
        ("a.gif", "image/gif"),
    ],
)
def test_images_can_be_looked_at_but_not_run(visit: Visit, name: str, kind: str) -> None:
    made = visit.create()
    visit.put(made["uuid"], name, b"<svg onload='alert(1)'/>")
    path = f"/experiments/{made['eid']}/image/{name}"
    assert (
        f'<img class="picture" src="{path}"'
        in get(visit, f"/experiments/{made['eid']}/view/{name}").text
    )
    image = get(visit, path)
    assert image.headers["content-type"] == kind
    assert_harmless(image)


def assert_harmless(response: httpx.Response) -> None:
    assert response.headers["content-security-policy"] == "sandbox; default-src 'none'"
    assert response.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize("name", ["a.html", "a.xml", "a.js", "png", "a.png.html"])
def test_nothing_else_comes_as_what_a_browser_would_run(visit: Visit, name: str) -> None:
    made = visit.create()
    visit.put(made["uuid"], name, b"<script>alert(1)</script>")
    get(visit, f"/experiments/{made['eid']}/image/{name}", 404)
    download = get(visit, f"/experiments/{made['eid']}/download/{name}")
    assert download.headers["content-type"] == "application/octet-stream"
    assert_harmless(download)


def test_pages_say_what_browsers_may_do(visit: Visit) -> None:
    made = visit.create()
    for path in ("/", f"/experiments/{made['eid']}", "/static/page.css", "/static/upload.js"):
        headers = get(visit, path).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["cross-origin-resource-policy"] == "same-origin"
    policy = get(visit, "/").headers["content-security-policy"]
    assert policy.startswith("default-src 'self';")
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy


@pytest.mark.parametrize("kind", ["view", "download", "image"])
def test_no_way_out_of_the_experiment(own: Visit, server: EmbeddedServer, kind: str) -> None:
    made = own.create()
    folder = server.data / "experiments" / made["uuid"]
    (folder / "link.png").symlink_to(server.data / "catalog.db")
    (folder / "folder.png").mkdir()
    for name in (
        "..%2f..%2fcatalog.db",
        "..%2fcatalog.db",
        "%2e%2e",
        "..%5ccatalog.db",
        "%00",
        "%2fetc%2fpasswd",
        "../../../catalog.db",
        "gone.png",
        "n" * 300 + ".png",
        "link.png",
        "folder.png",
        "%ff%fe.png",
        "",
    ):
        # As it is: no library may tidy the path up.
        path = f"/experiments/{made['eid']}/{kind}/{name}"
        request = f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
        status, answer = own.raw(request.encode())
        assert status in {400, 404}, name
        assert b"SQLite" not in answer
    assert server.log == ""


@pytest.mark.parametrize(
    "path",
    [
        "/experiments/",
        "/experiments/20000101-1",
        "/experiments/a/b/c/d",
        "/static/nothing",
        "/experiments/%00",
    ],
)
def test_pages_that_are_not_there(visit: Visit, path: str) -> None:
    response = get(visit, path, 404)
    assert response.headers["content-type"] == "text/html; charset=utf-8"


@pytest.mark.parametrize("method", ["PUT", "DELETE", "HEAD", "OPTIONS"])
def test_other_methods(visit: Visit, method: str) -> None:
    assert visit.http.request(method, "/").status_code == 405


def test_a_name_that_is_no_text_is_not_listed(own: Visit, server: EmbeddedServer) -> None:
    made = own.create()
    own.put(made["uuid"], "a.txt", b"a")
    folder = server.data / "experiments" / made["uuid"]
    (folder / os.fsdecode(b"\xff")).write_bytes(b"")
    page = get(own, f"/experiments/{made['eid']}").text
    assert "1 file<" in page


def test_a_disk_that_fails(own: Visit, server: EmbeddedServer) -> None:
    made = own.create()
    folder = server.data / "experiments" / made["uuid"]
    folder.rmdir()
    folder.write_bytes(b"")
    page = get(own, f"/experiments/{made['eid']}/view/a.txt", 500).text
    assert "The server&#39;s disk failed." in page
    assert "Not a directory" in server.log


@pytest.mark.parametrize("name", ["a.html", "a.svg", "a.xml", "a.xhtml", "a.js", "a.pdf", "a.mht"])
def test_what_a_browser_could_run_is_saved_and_never_opened(visit: Visit, name: str) -> None:
    made = visit.create()
    visit.put(made["uuid"], name, b"<script>alert(1)</script>")
    headers = visit.http.get(f"/api/files/{made['uuid']}/{name}").headers
    assert headers["content-disposition"] == f"attachment; filename*=UTF-8''{name}"
    assert "sandbox" in headers["content-security-policy"]
    assert headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize("name", ["a.png", "a.txt", "a.csv", "nameless"])
def test_pixels_and_plain_text_may_be_shown_by_a_browser(visit: Visit, name: str) -> None:
    made = visit.create()
    visit.put(made["uuid"], name, b"<script>alert(1)</script>")
    headers = visit.http.get(f"/api/files/{made['uuid']}/{name}").headers
    assert "content-disposition" not in headers
    assert headers["content-security-policy"] == "sandbox; default-src 'none'"
    assert headers["x-content-type-options"] == "nosniff"
