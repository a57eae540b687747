"""While no file is known to be to come, it is said what is waited for, and not that files go."""

from __future__ import annotations

from dataclasses import replace

import pytest

from aqsync.errors import ServerUnreachable
from aqsync.journal.pauses import EVERYTHING
from aqsync.model import OnLocalDelete
from aqsync.sync.overview import Doubts, Light, Overview, overview
from aqsync.sync.waited_for import waited_for
from tests.support.lab import EID, Lab
from tests.support.status_page import browsing
from tests.support.stepping import config_of


def stands(lab: Lab, *unseen: str) -> Overview:
    config, now_ns = config_of([lab.mapping]), lab.clock.now_ns()
    return overview(lab.journal, config, now_ns, doubts=Doubts(unseen))


@pytest.fixture
def whole(lab: Lab) -> Lab:
    """A lab of which everything is on the server."""
    for name in "abcdefgh":
        lab.write(f"{name}.csv")
    lab.push()
    assert stands(lab).light is Light.GREEN
    return lab


def test_files_that_are_to_come_go_by_themselves(whole: Lab) -> None:
    assert waited_for(stands(whole)) == []
    whole.write("young.csv", age_s=0)
    whole.scan()
    assert stands(whole).light is Light.WAITING
    assert waited_for(stands(whole)) == []


def test_a_first_look_and_a_later_one_are_told(lab: Lab) -> None:
    assert waited_for(stands(lab, "lab")) == ["lab is being looked at for the first time."]
    lab.push()
    [said] = waited_for(stands(lab, "lab"))
    assert said.startswith("lab is being looked at: what has changed there meanwhile shows")


@pytest.mark.parametrize(("paused", "who"), [("lab", "lab is"), (EVERYTHING, "Everything is")])
def test_a_pause_is_told(whole: Lab, paused: str, who: str) -> None:
    whole.journal.pauses.pause(paused, whole.clock.now_ns(), None)
    [said] = waited_for(stands(whole))
    assert said == f"{who} paused: nobody looks for changes until that ends."
    with browsing(whole) as browser:
        found = browser.enter().ask("/").text
        assert said in found
        assert "Files will go" not in found


def test_a_server_that_is_away_is_told(whole: Lab) -> None:
    whole.server.troubles["list_files"].append(ServerUnreachable("away"))
    whole.engine.refresh([EID])
    [said] = waited_for(stands(whole))
    assert said == "No file is known to be missing, but the server cannot be asked now."


def test_what_else_waits_is_told_by_its_reason(whole: Lab) -> None:
    whole.configure(on_local_delete=OnLocalDelete.REMOVE)
    (whole.root / "a.csv").unlink()
    whole.scan()
    found = stands(whole)
    assert (found.light, found.to_come_files) == (Light.WAITING, 0)
    [said] = waited_for(found)
    assert said.startswith("lab waits: ")
    assert "delete" in said or "gone" in said


def test_several_are_told_in_one_sentence(lab: Lab) -> None:
    found = stands(lab, "lab")
    [mapping] = found.mappings
    others = [
        replace(mapping, mapping=mapping.mapping.model_copy(update={"name": name}))
        for name in ("b", "c")
    ]
    found = replace(found, mappings=(mapping, *others))
    assert waited_for(found) == ["lab, b and c are being looked at for the first time."]
