"""The page of the fleet says what the command says, and asks the server while somebody looks."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from aqsync.config.fleet import FleetConfig
from aqsync.errors import ServerUnreachable
from aqsync.layout.fleet import Need, fleet_name, seal
from tests.support.fleet import ID, FleetPc, a_status
from tests.support.lab import EID, Lab
from tests.support.status_page import Browser, browsing

SECTION = FleetConfig(experiment=EID, name="<b>pc</b>")


@pytest.fixture
def visitor(lab: Lab) -> Iterator[Browser]:
    """One that was let in."""
    with browsing(lab) as browser:
        yield browser.enter()


def test_without_a_fleet_it_says_how_to_have_one(lab: Lab, visitor: Browser) -> None:
    calls = len(lab.server.calls)
    assert "names no fleet" in visitor.ask("/fleet").text
    assert len(lab.server.calls) == calls


def test_it_shows_all_pcs_and_escapes_what_they_say(
    lab: Lab, visitor: Browser, tmp_path: Path
) -> None:
    visitor.shown.config = visitor.shown.config.model_copy(update={"fleet": SECTION})
    pc = FleetPc(tmp_path / "pc", lambda: lab.server, lab.clock, SECTION)
    with closing(pc.journal):
        pc.writer.step()
    lab.server.put(EID, fleet_name("<i>junk", "0" * 12), b"<script>")
    shown = visitor.ask("/fleet")
    assert "<b>pc</b>" in shown.text
    assert "all up there" in shown.text
    assert "not believed it is no status file of aqsync" in shown.text
    assert shown.text.index("not believed") < shown.text.index("all up there 0.0 s ago")
    for tag in (b"<b>", b"<i>", b"<script>"):
        assert tag not in shown.body
    lab.clock.advance(901)
    lab.server.always["list_files"] = ServerUnreachable("the server is away", hint="see to it")
    said = "How the PCs stand cannot be told now: the server is away hint: see to it"
    assert said in visitor.ask("/fleet").text
    del lab.server.always["list_files"]
    lab.clock.advance(31)
    assert "silent 16 min ago nothing nothing" in visitor.ask("/fleet").text


def test_why_a_pc_needs_a_person_is_told_in_words(lab: Lab, visitor: Browser) -> None:
    visitor.shown.config = visitor.shown.config.model_copy(update={"fleet": SECTION})
    now, uuid = lab.server.server_time(), str(lab.server.experiment_by_eid(EID).uuid)
    codes = {"conflict-name-taken": 14, "of-a-later-release": 0}
    needs = tuple(Need(mapping="main", code=code, files=files) for code, files in codes.items())
    status = a_status(experiment=uuid, server_time=now, started_at=now, needs=needs)
    lab.server.put(EID, fleet_name("pc", ID), seal(status, None))
    shown = visitor.ask("/fleet").text
    said = "conflict: another file of this name was on the server first (14) of-a-later-release"
    assert said in shown
