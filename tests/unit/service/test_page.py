"""The status page is for browsers that `aqsync open` has let in, and for nobody else."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPResponse
from pathlib import Path

import pytest

from aqsync.config.status import Listen, parse_listen
from aqsync.service import page
from aqsync.service.board import Board
from aqsync.service.page.gate import FORM_HEADER, form_token
from aqsync.service.page.secret import make_token, read_token, token_path
from aqsync.service.page.server import PageServer
from aqsync.service.web.local_socket import socket_path
from aqsync.service.web.models import DaemonStatus
from aqsync.sync.order import Order
from aqsync.sync.report import PushReport
from tests.support.lab import Lab
from tests.support.patience import HANG_S
from tests.support.stepping import config_of


class Shown:
    """What a daemon shows, and what it was asked to do."""

    def __init__(self, lab: Lab) -> None:
        self.config = config_of([lab.mapping])
        self.journal = lab.journal
        self.board = Board(lab.journal, lab.clock, lambda: self.config, lambda: 0)
        self.asked: list[object] = []

    def push(self, order: Order) -> PushReport:
        raise NotImplementedError

    def look_again(self) -> None:
        self.asked.append("look again")

    def pause(self, mapping: str | None, seconds: float | None) -> None:
        self.asked.append(("pause", mapping, seconds))

    def resume(self, mapping: str | None) -> None:
        self.asked.append(("resume", mapping))

    def reload(self) -> None:
        self.asked.append("reload")

    def status(self) -> DaemonStatus:
        return DaemonStatus(
            process=1,
            version="1",
            config="/c.yaml",
            mappings=["lab"],
            started_at_ns=0,
            uploaded=0,
            bytes=0,
            ready=0,
            under_way=[],
        )


@dataclass
class Browser:
    """What a browser sends to the page."""

    port: int
    token: str
    headers: dict[str, str] = field(default_factory=dict)

    def ask(self, path: str, method: str = "GET", **headers: str) -> HTTPResponse:
        connection = HTTPConnection("127.0.0.1", self.port, timeout=HANG_S)
        given = self.headers | {name.replace("_", "-"): value for name, value in headers.items()}
        connection.request(method, path, headers=given)
        answer = connection.getresponse()
        answer.body = answer.read()  # type: ignore[attr-defined]
        connection.close()
        return answer

    def enter(self) -> None:
        answer = self.ask(f"/enter?token={self.token}")
        assert (answer.status, answer.headers["location"]) == (303, "/")
        cookie = answer.headers["set-cookie"]
        assert "HttpOnly" in cookie
        assert "SameSite=strict" in cookie
        self.headers["cookie"] = cookie.partition(";")[0]


@pytest.fixture
def browser(lab: Lab) -> Iterator[Browser]:
    server = PageServer(lab.journal_path, Shown(lab), lab.clock)
    server.serve(Listen("127.0.0.1", 0))
    assert server.address is not None
    token = read_token(token_path(socket_path(lab.journal_path)))
    assert token is not None
    yield Browser(int(server.address.rstrip("/").rpartition(":")[2]), token)
    server.stop()


def test_only_who_was_let_in_sees_it(browser: Browser) -> None:
    for cookie in ("", f"aqsync-{browser.port}=", f"aqsync-{browser.port}={browser.token}"):
        answer = browser.ask("/", cookie=cookie)
        assert answer.status == 403
        assert b"aqsync open" in answer.body  # type: ignore[attr-defined]
    assert browser.ask("/enter?token=wrong").status == 403
    browser.enter()
    answer = browser.ask("/")
    assert answer.status == 200
    assert b"waiting" in answer.body  # type: ignore[attr-defined]
    assert browser.token.encode() not in answer.body  # type: ignore[attr-defined]


@pytest.mark.parametrize("path", ["/", "/events", "/static/page.css", "/metrics", "/nowhere"])
def test_a_name_of_others_is_refused(browser: Browser, path: str) -> None:
    browser.enter()
    for host in ("evil.example", f"evil.example:{browser.port}", "127.0.0.1:1", ""):
        assert browser.ask(path, host=host).status == 403


def test_a_change_comes_from_our_own_page_alone(browser: Browser) -> None:
    browser.enter()
    own = {"origin": f"http://127.0.0.1:{browser.port}", FORM_HEADER: form_token(browser.token)}
    assert browser.ask("/", "POST", **own).status != 403
    for wrong in (
        own | {"origin": "http://evil.example"},
        own | {"origin": f"http://127.0.0.1:{browser.port + 1}"},
        own | {FORM_HEADER: "wrong"},
        {FORM_HEADER: own[FORM_HEADER]},
    ):
        assert browser.ask("/", "POST", **wrong).status == 403


def test_every_answer_forbids_what_is_not_ours(browser: Browser) -> None:
    browser.enter()
    for path in ("/", "/static/page.css", "/nowhere", "/static/../app.py"):
        answer = browser.ask(path)
        assert "default-src 'none'" in answer.headers["content-security-policy"]
        assert "unsafe" not in answer.headers["content-security-policy"]
        assert answer.headers["x-content-type-options"] == "nosniff"


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
