"""The status page is for browsers that `aqsync open` has let in, and for nobody else."""

from __future__ import annotations

import hashlib
import re
import socket
from collections.abc import Iterator
from contextlib import ExitStack
from email.message import Message
from http.client import HTTPConnection, HTTPResponse
from pathlib import Path

import pytest

from aqsync.config.status import Listen, parse_listen
from aqsync.service import page
from aqsync.service.page.gate import FORM_HEADER
from aqsync.service.page.secret import make_token, read_token, token_path
from aqsync.service.page.server import PageServer
from aqsync.service.web import connection as connection_module
from aqsync.service.web.connection import MOST_CONNECTIONS
from aqsync.service.web.local_socket import socket_path
from tests.support.lab import Lab
from tests.support.patience import HANG_S
from tests.support.status_page import Browser, Shown, browsing


@pytest.fixture
def browser(lab: Lab) -> Iterator[Browser]:
    with browsing(lab) as made:
        yield made


def test_only_who_was_let_in_sees_it(browser: Browser) -> None:
    for cookie in ("", f"aqsync-{browser.port}=", f"aqsync-{browser.port}={browser.token}"):
        answer = browser.ask("/", cookie=cookie)
        assert answer.status == 403
        assert b"aqsync open" in answer.body
    assert browser.ask("/enter?token=wrong").status == 403
    browser.enter()
    answer = browser.ask("/")
    assert answer.status == 200
    assert b"waiting" in answer.body
    assert browser.token.encode() not in answer.body


def test_only_who_was_let_in_is_led_back(browser: Browser) -> None:
    assert b'href="/"' not in browser.ask("/nothing").body
    found = browser.enter().ask("/nothing")
    assert (found.status, found.text) == (
        404,
        "Not shown There is no such page. Back to the overview",
    )


@pytest.mark.parametrize(
    "path",
    [
        *("//", "/%2F", "/needs-you%3F", "/metrics%3F/../needs-you", "/static/..%2Fneeds-you"),
        *("/static/%2e%2e/needs-you", "/static/../needs-you", "/enter%3Ftoken=", "/do/retry"),
        *("/needs-you/files?mapping=lab", "/files?word=a", "/charts/data", "/health", "/fleet"),
    ],
)
def test_no_spelling_of_an_address_leads_past_the_gate(browser: Browser, path: str) -> None:
    for method in ("GET", "HEAD", "POST", "OPTIONS", "PUT", "DELETE", "TRACE"):
        answer = browser.ask(path, method)
        assert answer.status in {403, 404}, method
        assert b"lab" not in answer.body


@pytest.mark.parametrize("path", ["/", "/events", "/static/page.css", "/metrics", "/nowhere"])
def test_a_name_of_others_is_refused(browser: Browser, path: str) -> None:
    browser.enter()
    for host in ("evil.example", f"evil.example:{browser.port}", "127.0.0.1:1", ""):
        assert browser.ask(path, host=host).status == 403


def test_a_change_comes_from_our_own_page_alone(browser: Browser) -> None:
    browser.enter()
    own = browser.own
    assert browser.ask("/do/resume", "POST", **own).status != 403
    for wrong in (
        own | {"origin": "http://evil.example"},
        own | {"origin": f"http://127.0.0.1:{browser.port + 1}"},
        own | {FORM_HEADER: "wrong"},
        {FORM_HEADER: own[FORM_HEADER]},
    ):
        assert browser.ask("/do/resume", "POST", "mapping=", **wrong).status == 403
    assert browser.shown.asked == []


def forbids(headers: Message) -> bool:
    """Whether an answer forbids what is not ours, and says so once."""
    [policy] = headers.get_all("content-security-policy", [""])
    [sniffing] = headers.get_all("x-content-type-options", [""])
    return "default-src 'none'" in policy and "unsafe" not in policy and sniffing == "nosniff"


def test_every_answer_forbids_what_is_not_ours(browser: Browser) -> None:
    browser.enter()
    long = f"/static/{5000 * 'a'}.css"
    for path in ("/", "/static/page.css", "/nowhere", "/static/../app.py", long, "/readyz"):
        answer = browser.ask(path)
        assert forbids(answer.headers)
        assert answer.status < 500 or path == "/readyz"
    assert forbids(browser.ask("/", host="other").headers)


def answered(connection: socket.socket) -> tuple[int, Message]:
    """What comes on a connection that sends no request as a browser would."""
    answer = HTTPResponse(connection)
    answer.begin()
    return answer.status, answer.headers


def test_an_answer_that_no_page_makes_forbids_it_too(
    browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = ("127.0.0.1", browser.port)
    with socket.create_connection(place, HANG_S) as junk:
        junk.sendall(b"no HTTP\r\n\r\n")
        status, headers = answered(junk)
        assert (status, forbids(headers)) == (400, True)
    with ExitStack() as many:
        for _ in range(MOST_CONNECTIONS):
            many.enter_context(socket.create_connection(place, HANG_S))
        refused = many.enter_context(socket.create_connection(place, HANG_S))
        status, headers = answered(refused)
        assert (status, forbids(headers)) == (503, True)
    monkeypatch.setattr(connection_module, "REQUEST_S", 0.05)
    with socket.create_connection(place, HANG_S) as slow:
        status, headers = answered(slow)
        assert (status, forbids(headers)) == (408, True)


def test_an_answer_to_a_fault_of_ours_forbids_it_too(
    browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail() -> None:
        raise RuntimeError

    monkeypatch.setattr(browser.shown, "hangs", fail)
    answer = browser.ask("/healthz")
    assert (answer.status, forbids(answer.headers)) == (500, True)


def test_an_open_page_is_told_at_once(browser: Browser) -> None:
    browser.enter()
    connection = HTTPConnection("127.0.0.1", browser.port, timeout=HANG_S)
    connection.request("GET", "/events", headers=browser.headers)
    answer = connection.getresponse()
    assert answer.headers["content-type"].startswith("text/event-stream")
    lines = [answer.readline() for _ in range(3)]
    answer.close()
    connection.close()
    assert lines == [b"retry: 1000\n", b"\n", b"event: restated\n"]


def test_a_port_that_is_taken_is_told_and_tried_again(lab: Lab) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        wanted = Listen("127.0.0.1", other.getsockname()[1])
        server = PageServer(lab.journal_path, Shown(lab), lab.clock)
        server.serve(wanted)
        assert (server.address, server.problem) == (
            None,
            f"{wanted} cannot be listened at: Address already in use",
        )
    server.serve(wanted)
    assert (server.address, server.problem) == (f"http://{wanted}/", None)
    address = server.address
    server.serve(wanted)
    assert server.address is address
    server.serve(None)
    assert (server.address, server.problem) == (None, None)
    token_path(socket_path(lab.journal_path)).unlink()
    token_path(socket_path(lab.journal_path)).mkdir()
    server.serve(wanted)
    assert server.problem is not None
    assert "its token cannot be kept" in server.problem


def test_a_token_that_others_could_have_made_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "control" / "page-token"
    token = make_token(path)
    assert make_token(path) == read_token(path) == token
    assert path.stat().st_mode & 0o777 == 0o600
    path.chmod(0o644)
    assert read_token(path) is None
    assert make_token(path) != token
    path.unlink()
    path.symlink_to(tmp_path / "elsewhere")
    assert make_token(path) == read_token(path)
    assert not path.is_symlink()


def test_what_others_have_made_is_unchanged() -> None:
    static = Path(page.__file__).parent / "static"
    told = (static / "VENDORED.md").read_text()
    rows = re.findall(r"^\| `(.+?)` \| .+ \| `([0-9a-f]{64})` \|$", told, re.MULTILINE)
    assert {name for name, _ in rows} == {f.name for f in static.glob("*.min.*")}
    for name, sha256 in rows:
        assert hashlib.sha256((static / name).read_bytes()).hexdigest() == sha256


def test_addresses_that_others_could_reach_are_refused() -> None:
    assert str(parse_listen("localhost:1")) == "127.0.0.1:1"
    assert str(parse_listen("[::1]:8384")) == "[::1]:8384"
    for wrong in ("0.0.0.0:1", "192.168.1.2:1", "pc.lab:1", "127.0.0.1", "127.0.0.1:x", ":1", "1"):
        with pytest.raises(ValueError, match=r".+"):
            parse_listen(wrong)
