"""A sentinel counts even if the rules leave it out: it is noted, and never sent."""

from __future__ import annotations

from typing import Any

import pytest

from aqsync.model import EntryKind, Hold, Reason, State, Upload, Wait
from tests.support.lab import Lab


def configure(lab: Lab, **rules: Any) -> None:
    complete = {"sentinel": ("*.tag",)}
    section = {"folder": "{run}/", "complete": complete, "send": "when_complete"}
    lab.configure(measurement=section, **rules)


@pytest.mark.parametrize("rules", [{"ignore": ("*.tag",)}, {"include": ("*.csv",)}])
def test_one_that_is_left_out_completes_its_measurement(lab: Lab, rules: dict[str, Any]) -> None:
    configure(lab, **rules)
    lab.write("run/a.csv")
    lab.write("apart.tag")
    lab.push()
    assert lab.remote == {}

    tag = lab.write("run/done.tag")
    report = lab.scan()
    assert (report.changed, report.gone) == (1, 0)
    assert lab.find("apart.tag") is None, "it lies in no measurement"
    assert lab.record("run/done.tag").kind is EntryKind.SENTINEL
    found = lab.decision("run/done.tag")
    assert isinstance(found, Hold)
    assert (found.reason, found.state) == (Reason.SENTINEL_LEFT_OUT, State.SKIPPED)
    assert isinstance(lab.decision("run/a.csv"), Upload)
    for within in ((), ("run/done.tag",), ("run",)):
        report = lab.scan(*within)
        assert (report.changed, report.gone) == (0, 0), "nothing has changed"

    lab.write("run/done.tag", b"more")
    assert lab.scan().changed == 1
    tag.unlink()
    lab.scan()
    assert lab.find("run/done.tag") is None
    assert isinstance(lab.decision("run/a.csv"), Wait)


def test_rules_that_change(lab: Lab) -> None:
    configure(lab)
    lab.write("run/a.csv")
    lab.write("run/done.tag")
    lab.push()
    assert set(lab.remote) == {"run~a.csv", "run~done.tag"}

    configure(lab, ignore=("*.tag",))
    lab.scan()
    assert lab.record("run/done.tag").kind is EntryKind.SENTINEL

    configure(lab)
    lab.scan()
    assert lab.record("run/done.tag").kind is EntryKind.FILE
    lab.push()
    assert lab.journal.measurements.not_there(lab.mapping_id, "run") == []

    configure(lab, ignore=("*.tag",))
    lab.scan()
    lab.configure(ignore=("*.tag",))
    lab.scan()
    assert lab.find("run/done.tag") is None, "nothing asks for it any more"


def test_a_sentinel_that_the_rules_take_later_is_sent(lab: Lab) -> None:
    configure(lab, ignore=("*.tag",))
    lab.write("run/done.tag")
    lab.write("run/a.csv")
    lab.push()
    assert set(lab.remote) == {"run~a.csv"}
    configure(lab)
    lab.push()
    assert set(lab.remote) == {"run~a.csv", "run~done.tag"}


@pytest.mark.parametrize("stopped", [False, True])
def test_what_a_look_has_seen_of_it_so_far_does_not_count(
    lab: Lab, monkeypatch: pytest.MonkeyPatch, *, stopped: bool
) -> None:
    """The sentinel may be seen first, and lists of the server come at any moment."""
    configure(lab)
    lab.write("apart.csv")
    lab.push()
    for name in ("a.csv", "b.csv", "done.tag", "deep/c.csv", "deep/d.csv"):
        lab.write(f"run/{name}")
    written: list[set[type]] = []
    observe = lab.journal.observations.observe

    def observing(*arguments: Any) -> None:
        observe(*arguments)
        paths = [path for path, _ in lab.journal.measurements.entries(lab.mapping_id, "run")]
        written.append({type(lab.decision(path)) for path in paths})

    monkeypatch.setattr(lab.journal.observations, "observe", observing)
    monkeypatch.setattr("aqsync.local.walk.BATCH", 3)
    asked = iter([False, False, stopped, stopped])
    lab.scanner.scan((), stop=lambda: next(asked, stopped))
    assert written[:-1] == [{Wait}] * (len(written) - 1)
    if stopped:
        assert isinstance(lab.decision("run/a.csv"), Wait)
        lab.write("elsewhere.csv")
        assert lab.scan("run/deep").whole, "the rest of it may be anywhere"
        assert lab.find("elsewhere.csv") is not None
        assert not lab.scan("run/deep").whole
    assert isinstance(lab.decision("run/a.csv"), Upload)
