"""What `aqsync doctor` finds stands on the page once a person has asked for it, and not sooner."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from aqsync.service.doctor.findings import Finding
from aqsync.service.page import health
from aqsync.service.page.examination import Examination
from tests.support.fake_clock import FakeClock
from tests.support.lab import Lab
from tests.support.patience import HANG_S, wait_until
from tests.support.status_page import Browser, browsing

OK = Finding("config", "ok", "<b>all</b> is well", "")
ILL = Finding("clock", "fault", "the clock is wrong", "set it <right>")


@pytest.fixture
def visitor(lab: Lab) -> Iterator[Browser]:
    """One that was let in."""
    with browsing(lab) as browser:
        yield browser.enter()


def wait_for(visitor: Browser, text: str) -> None:
    wait_until(lambda: text in visitor.ask("/health").text, text)


def test_nothing_is_examined_until_a_person_asks(
    visitor: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def examine(*_: object) -> Iterator[Finding]:
        asked.append(1)
        yield OK
        yield ILL

    monkeypatch.setattr(health, "examine", examine)
    for _ in range(2):
        assert "Nothing has been examined" in visitor.ask("/health").text
    assert asked == []
    assert visitor.ask("/do/examine", "POST").status == 403
    assert "has begun" in visitor.send("/do/examine").text
    wait_for(visitor, "1 fault, 0 warnings.")
    shown = visitor.ask("/health")
    assert "Examined 0.0 s ago" in shown.text
    fault = "fault clock the clock is wrong cure: set it <right>"
    assert f"{fault} ok config <b>all</b> is well" in shown.text
    assert b"<b>" not in shown.body
    assert asked == [1]


def test_who_is_not_told_is_named(visitor: Browser) -> None:
    assert "Others are not told" not in visitor.ask("/health").text
    visitor.shown.not_told = ["https://<b>.example.com does not answer", "fleet hangs"]
    shown = visitor.ask("/health").text
    assert "Others are not told https://<b>.example.com does not answer fleet hangs" in shown


def test_what_is_found_is_that_of_doctor(lab: Lab, visitor: Browser) -> None:
    assert lab.journal_path.exists()
    visitor.send("/do/examine")
    wait_for(visitor, "Examined")
    shown = visitor.ask("/health").text
    assert "fault config" in shown
    assert "cure: " in shown


def test_the_page_says_what_the_daemon_knows(lab: Lab, visitor: Browser) -> None:
    lab.scan()
    wait_for(visitor, "file events are trusted")
    assert "Server usable" in visitor.ask("/health").text


def test_one_examination_goes_on_at_a_time() -> None:
    go_on, clock = threading.Event(), FakeClock()

    def examine() -> Iterator[Finding]:
        yield OK
        assert go_on.wait(HANG_S)
        yield ILL

    examination = Examination(examine, clock)

    def found() -> tuple[Finding, ...]:
        return () if examination.last is None else examination.last.findings

    assert found() == ()
    assert examination.begin()
    assert not examination.begin()
    wait_until(lambda: found() == (OK,), "the first finding")
    assert not examination.begin()
    go_on.set()
    wait_until(lambda: found() == (OK, ILL), "both findings")
    wait_until(lambda: examination.last is not None and examination.last.done, "the end")
    assert examination.last == (clock.now_ns(), (OK, ILL), True)
    assert examination.begin()
