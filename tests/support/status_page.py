"""The status page of a lab over its real socket, and what a browser sends to it."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPMessage
from typing import NamedTuple, Self
from urllib.parse import urlencode

from aqsync.config.status import Listen
from aqsync.errors import AqsyncError
from aqsync.service.board import Board
from aqsync.service.fleet.view import Fleet
from aqsync.service.metrics.collect import Metrics
from aqsync.service.page.gate import FORM_HEADER, form_token
from aqsync.service.page.secret import read_token, token_path
from aqsync.service.page.server import PageServer
from aqsync.service.web.local_socket import socket_path
from aqsync.service.web.models import DaemonStatus, FileUnderWay
from aqsync.sync.order import Limits, Order
from aqsync.sync.overview import NO_DOUBTS
from aqsync.sync.report import COUNTS, PushReport
from tests.support.lab import Lab
from tests.support.patience import HANG_S
from tests.support.stepping import config_of


class Shown:
    """What a daemon shows, and what it was asked to do."""

    def __init__(self, lab: Lab) -> None:
        self.config = config_of([lab.mapping])
        self.journal = lab.journal
        self.doubts = NO_DOUBTS
        self.board = Board(
            *(lab.journal, lab.clock, lambda: self.config, lambda: 0, HANG_S),
            doubts=lambda: self.doubts,
        )
        self.fleet = Fleet(lambda: self.config, lambda _config: lab.server, lab.clock)
        self.metrics = Metrics(self)
        self.asked: list[object] = []
        self.limits: list[Limits] = []
        """Of each push."""
        self.refuse: AqsyncError | None = None
        """Raised by the next reload and pushes."""
        self.under_way: list[FileUnderWay] = []
        self.stuck: str | None = None
        self.not_told: list[str] = []
        self.scanned = {"lab": 0.25}
        """How long the last look at everything took."""
        self._lab = lab

    def push(self, order: Order) -> PushReport:
        if self.refuse is not None:
            raise self.refuse
        self.limits.append(order.limits)
        result = self._lab.serve(order)
        counts = dict.fromkeys(COUNTS, 0) | {"uploaded": result.uploaded}
        return PushReport(
            counts=counts,
            bytes=result.bytes,
            seconds=1.0,
            interrupted=False,
            complete=True,
            server=None,
            problems=[],
            notes=[],
        )

    def sending(self) -> int:
        return len(self.under_way)

    def scan_seconds(self) -> dict[str, float]:
        return self.scanned

    def hangs(self) -> str | None:
        return self.stuck

    def look_again(self) -> None:
        self.asked.append("look again")

    def pause(self, mapping: str | None, seconds: float | None) -> None:
        self.asked.append(("pause", mapping, seconds))

    def resume(self, mapping: str | None) -> None:
        self.asked.append(("resume", mapping))

    def reload(self) -> None:
        if self.refuse is not None:
            raise self.refuse
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
            not_told=self.not_told,
            under_way=self.under_way,
        )


class Answer(NamedTuple):
    """What the page answers."""

    status: int
    headers: HTTPMessage
    body: bytes

    @property
    def text(self) -> str:
        """What a person reads of it: no tags, and each run of spaces as one."""
        shown = re.sub(r"<head>.*?</head>|<[^>]*>", " ", self.body.decode(), flags=re.DOTALL)
        return " ".join(html.unescape(shown).split())

    def addresses(self, path: str) -> list[str]:
        """The links of the page that lead to a path with a query."""
        found = re.findall(r'href="([^"]+)"', self.body.decode())
        return [html.unescape(each) for each in found if each.startswith(f"{path}?")]


@dataclass
class Browser:
    """What a browser sends to the page."""

    port: int
    token: str
    shown: Shown
    headers: dict[str, str] = field(default_factory=dict)

    def ask(
        self, path: str, method: str = "GET", body: str | None = None, **headers: str
    ) -> Answer:
        connection = HTTPConnection("127.0.0.1", self.port, timeout=HANG_S)
        given = self.headers | {name.replace("_", "-"): value for name, value in headers.items()}
        connection.request(method, path, body, headers=given)
        answer = connection.getresponse()
        found = Answer(answer.status, answer.headers, answer.read())
        connection.close()
        return found

    def enter(self) -> Self:
        answer = self.ask(f"/enter?token={self.token}")
        assert (answer.status, answer.headers["location"]) == (303, "/")
        cookie = answer.headers["set-cookie"]
        assert "HttpOnly" in cookie
        assert "SameSite=strict" in cookie
        self.headers["cookie"] = cookie.partition(";")[0]
        return self

    @property
    def own(self) -> dict[str, str]:
        """What our own page sends with every change."""
        return {"origin": f"http://127.0.0.1:{self.port}", FORM_HEADER: form_token(self.token)}

    def send(self, path: str, **fields: str) -> Answer:
        """Press a button."""
        return self.ask(path, "POST", urlencode(fields), **self.own)

    def press(self, question: Answer) -> Answer:
        """Answer a question with yes: what its form holds is sent."""
        [(path, form)] = re.findall(
            r'<form[^>]* hx-post="([^"]*)".*?>(.*?)</form>', question.body.decode(), re.DOTALL
        )
        fields = re.findall(r'<input type="hidden" name="([^"]*)" value="([^"]*)">', form)
        return self.send(path, **{name: html.unescape(value) for name, value in fields})


@contextmanager
def browsing(lab: Lab) -> Iterator[Browser]:
    """Serve the page of a lab."""
    shown = Shown(lab)
    server = PageServer(lab.journal_path, shown, lab.clock)
    server.serve(Listen("127.0.0.1", 0))
    assert server.address is not None
    token = read_token(token_path(socket_path(lab.journal_path)))
    assert token is not None
    try:
        yield Browser(int(server.address.rstrip("/").rpartition(":")[2]), token, shown)
    finally:
        server.stop()
