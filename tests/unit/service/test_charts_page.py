"""The charts show what the journal tells of the past, in words and tables too."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from aqsync.journal.backlog import ToCome
from aqsync.journal.history import Event, HistoryKind
from aqsync.model import SECOND_NS
from tests.support.lab import Lab
from tests.support.status_page import Browser, browsing


@pytest.fixture
def visitor(lab: Lab) -> Iterator[Browser]:
    """One that was let in."""
    with browsing(lab) as browser:
        yield browser.enter()


def text(visitor: Browser, path: str) -> str:
    answer = visitor.ask(path)
    assert answer.status == 200
    return answer.body.decode()


def data(visitor: Browser, path: str) -> dict[str, Any]:
    found = json.loads(text(visitor, path))
    assert isinstance(found, dict)
    return found


def test_nothing_is_said_of_nothing(visitor: Browser) -> None:
    shown = text(visitor, "/charts")
    assert "In the last day nothing was uploaded." in shown
    assert "No file was still to come" in shown
    found = data(visitor, "/charts/data?span=week")
    assert {len(column) for name, column in found.items() if name != "said"} == {7 * 24}
    assert set(found["median"]) == {None}


def test_uploads_waits_and_what_was_still_to_come(lab: Lab, visitor: Browser) -> None:
    now = lab.clock.now_ns()
    for minutes, size in ((1, 100), (2, 200), (70, 4000), (60 * 24 * 3, 9)):
        at_ns = now - minutes * 60 * SECOND_NS
        lab.journal.history.note(
            Event(
                *(at_ns, HistoryKind.UPLOADED, "lab", "a", "", None, size, "00", "1"),
                *(at_ns - minutes * SECOND_NS, 1),
            )
        )
    lab.journal.backlog.note(now - 1, {"lab": ToCome(4, 400)})
    found = data(visitor, "/charts/data")
    assert found["at"][-1] == now // SECOND_NS // 3600 * 3600
    assert (sum(found["files"]), sum(found["bytes"])) == (3, 4300)
    assert (found["queue_files"][-1], found["queue_bytes"][-1]) == (4, 400)
    assert "3 files (4.2 KiB) came to the server" in found["said"]["uploads"]
    assert "within about 2 s of their last write, and 95 %" in found["said"]["waits"]
    assert found["said"]["queue"] == (
        "At most 4 files (400 B) were still to come at one time; now it is nothing."
    )
    shown = text(visitor, "/charts?span=month")
    assert found["said"]["queue"] in shown
    assert "4 files" in data(visitor, "/charts/data?span=month")["said"]["uploads"]
    assert '<td class="number">4</td>' in shown
    assert "<script>" not in shown
    assert "style=" not in shown


def test_an_unknown_span_is_a_day(visitor: Browser) -> None:
    assert len(data(visitor, "/charts/data?span=%3Cyear%3E")["at"]) == 24
