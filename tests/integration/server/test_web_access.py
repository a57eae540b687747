"""Who may see and change what through the page, and what web pages of others cannot do."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.support.embedded import EmbeddedServer
from tests.support.visit import MULTIPART, Visit, form

TOKEN = "token-of-the-page-tests"
OWN = {"Sec-Fetch-Site": "same-origin"}


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedServer]:
    """A server with a token."""
    data: Path = tmp_path_factory.mktemp("guarded") / "data"
    with EmbeddedServer(data, token=TOKEN) as server:
        yield server


@pytest.fixture
def person(guarded: EmbeddedServer) -> Iterator[Visit]:
    """Somebody who has not logged in, with a browser that keeps cookies."""
    with Visit(guarded.url) as visit:
        yield visit


@pytest.fixture
def program(guarded: EmbeddedServer) -> Iterator[Visit]:
    with Visit(guarded.url, TOKEN) as visit:
        yield visit


def log_in(person: Visit, token: str = TOKEN, wanted: str = "") -> httpx.Response:
    return person.http.post("/login", data={"token": token, "next": wanted}, headers=OWN)


def test_the_page_asks_for_the_token_once(person: Visit, program: Visit) -> None:
    eid = program.create("seen by those who know the token")["eid"]
    wanted = f"/experiments/{eid}?name=%23"
    asked = person.http.get(wanted)
    assert asked.status_code == 303
    assert asked.headers["location"] == f"/login?next=%2Fexperiments%2F{eid}%3Fname%3D%2523"
    login = person.http.get(asked.headers["location"])
    assert login.status_code == 200
    assert 'type="password"' in login.text
    assert "seen by" not in login.text

    entered = log_in(person, wanted=wanted)
    assert entered.status_code == 303
    assert entered.headers["location"] == wanted
    cookie = entered.headers["set-cookie"]
    assert TOKEN not in cookie
    assert "HttpOnly" in cookie
    assert "SameSite=Strict" in cookie
    assert "seen by" in person.http.get(wanted).text
    assert person.http.get("/login").headers["location"] == "/"

    left = person.http.post("/logout", headers=OWN)
    assert left.headers["location"] == "/login"
    assert "Max-Age=0" in left.headers["set-cookie"]
    assert person.http.get("/").status_code == 303
    # The old cookie is worth nothing, not only forgotten by the browser.
    old = cookie.partition(";")[0]
    assert person.http.get("/", headers={"Cookie": old}).status_code == 303


@pytest.mark.parametrize("token", ["", "wrong", TOKEN + "x", "é", "\0", "x" * 10_000])
def test_a_wrong_token(person: Visit, token: str) -> None:
    refused = log_in(person, token)
    assert refused.status_code == 401
    assert "This is not a token of this server." in refused.text
    assert "set-cookie" not in refused.headers
    assert person.http.get("/").status_code == 303


def test_a_login_that_is_too_large(person: Visit) -> None:
    assert log_in(person, "x" * 100_000).status_code == 413


@pytest.mark.parametrize(
    "wanted",
    ["//evil.example", "/\\evil.example", "https://evil.example/", "x", "/a\r\nX: y", "/é"],
)
def test_a_login_leads_to_this_server_only(person: Visit, wanted: str) -> None:
    assert log_in(person, wanted=wanted).headers["location"] == "/"


@pytest.mark.parametrize(
    "path",
    ["/", "/experiments/20000101-1", "/experiments/20000101-1/download/a", "/experiments/x/y"],
)
def test_without_a_login_nothing_is_told(person: Visit, path: str) -> None:
    assert person.http.get(path).status_code == 303
    assert person.http.get(path, headers={"Cookie": "aqsync_session=x"}).status_code == 303


def test_an_upload_without_a_login_is_refused(person: Visit, program: Visit) -> None:
    made = program.create()
    headers = {**OWN, "Content-Type": MULTIPART}
    answer = person.http.post(f"/experiments/{made['eid']}", content=form(b"x"), headers=headers)
    assert answer.status_code == 401
    assert program.names(made["uuid"]) == []


def test_the_api_takes_no_cookie_and_the_page_no_bearer_token(
    person: Visit, program: Visit
) -> None:
    log_in(person)
    assert person.http.get("/").status_code == 200
    assert person.http.post("/api/graphql", json={"query": "{tags {tagsData}}"}).status_code == 401
    assert person.http.get("/api/files/x/y").status_code == 401
    assert person.http.get("/elsewhere").status_code == 401
    assert program.http.get("/").status_code == 303


def test_the_token_is_on_no_page(person: Visit, guarded: EmbeddedServer) -> None:
    log_in(person)
    for path in ("/", "/login", "/experiments/gone", "/static/upload.js"):
        answer = person.http.get(path)
        assert TOKEN not in answer.text + str(answer.headers)
    assert TOKEN not in guarded.log


def test_without_a_token_there_is_no_login(visit: Visit) -> None:
    assert visit.http.get("/").status_code == 200
    assert visit.http.get("/login").headers["location"] == "/"
    assert "Log out" not in visit.http.get("/").text


FOREIGN = [
    {"Origin": "https://evil.example"},
    {"Origin": "null"},
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site"},
]


@pytest.mark.parametrize("headers", [*FOREIGN, {}])
@pytest.mark.parametrize("path", ["/experiments/{eid}", "/login", "/logout"])
def test_forms_of_other_pages_do_nothing(visit: Visit, headers: dict[str, str], path: str) -> None:
    made = visit.create()
    headers = {**headers, "Content-Type": MULTIPART}
    answer = visit.http.post(path.format(**made), content=form(b"x"), headers=headers)
    assert answer.status_code == 403
    assert visit.names(made["uuid"]) == []


@pytest.mark.parametrize("headers", FOREIGN)
def test_other_pages_cannot_use_an_open_api(visit: Visit, headers: dict[str, str]) -> None:
    # As a form of any page could send it: browsers ask nobody before they do.
    query = b'{"query": "{tags {tagsData}}"}'
    kind = {"Content-Type": "text/plain"}
    assert visit.http.post("/api/graphql", content=query, headers=kind).status_code == 400
    kind = {"Content-Type": "application/json"}
    refused = visit.http.post("/api/graphql", content=query, headers={**headers, **kind})
    assert refused.status_code == 403
    assert "data" not in refused.json()
    assert visit.http.post("/api/graphql", content=query, headers=kind).status_code == 200


@pytest.mark.parametrize("path", ["/", "/login", "/static/page.css"])
def test_a_name_that_strangers_point_at_this_machine(visit: Visit, path: str) -> None:
    answer = visit.http.get(path, headers={"Host": "evil.example:8000"})
    assert answer.status_code == 403
    assert "--token-file" in answer.text


def test_such_a_name_does_not_open_the_api(visit: Visit) -> None:
    body = {"query": "{tags {tagsData}}"}
    host = {"Host": "evil.example:8000"}
    origin = {"Origin": "http://evil.example:8000"}
    assert visit.http.post("/api/graphql", json=body, headers={**host, **origin}).status_code == 403
    # Over plain HTTP a browser does not say which page wants a GET.
    assert visit.http.get("/api/files/x/y", headers=host).status_code == 403
    assert "--allowed-host" in visit.http.post("/api/graphql", json=body, headers=host).text


def test_behind_a_proxy_the_token_is_enough(person: Visit) -> None:
    headers = {"Host": "lab.example", "X-Forwarded-Proto": "https", "Origin": "https://lab.example"}
    entered = person.http.post("/login", data={"token": TOKEN}, headers=headers)
    assert entered.status_code == 303
    cookie = entered.headers["set-cookie"]
    assert cookie.startswith("__Host-aqsync_")
    assert "; Secure" in cookie
    given = {**headers, "Cookie": cookie.partition(";")[0]}
    assert person.http.get("/", headers=given).status_code == 200
    # A cookie that went over TLS is not taken without it.
    plain = {"Cookie": given["Cookie"].removeprefix("__Host-")}
    assert person.http.get("/", headers=plain).status_code == 303
