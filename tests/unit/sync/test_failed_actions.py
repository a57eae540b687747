"""Actions that failed need a person, wherever it is told what needs one: by one source."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from aqsync.aqueduct.records import TaskStatus
from aqsync.config.fleet import FleetConfig
from aqsync.config.notify import On
from aqsync.journal.fleet import OwnStatus
from aqsync.model import ActionState, Reason
from aqsync.service.fleet.own_status import Run, status_of
from aqsync.service.messages.alarms import Facts, alarms
from aqsync.service.messages.message import message_of
from aqsync.service.metrics.collect import Metrics
from aqsync.sync.overview import Light, MappingOverview, Overview, overview
from aqsync.sync.retry import leave, want_again
from tests.support.action_lab import ActionLab
from tests.support.lab import EID
from tests.support.status_page import Shown, browsing
from tests.support.stepping import config_of

FAILED = {"mapping": "lab", "state": "failed", "code": "action-failed"}


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[ActionLab]:
    with ActionLab(tmp_path) as made:
        yield made


def stands(lab: ActionLab) -> Overview:
    return overview(lab.journal, config_of([lab.mapping]), lab.clock.now_ns())


def of_lab(lab: ActionLab) -> MappingOverview:
    [mapping] = stands(lab).mappings
    return mapping


def fail(lab: ActionLab, *runs: str) -> None:
    for run in runs:
        lab.measure(run)
        lab.push()
        lab.tasks.end(TaskStatus.FAILURE, 3)
        lab.later()


def test_a_failed_action_needs_a_person_until_it_is_wanted_again(lab: ActionLab) -> None:
    lab.measure("run_1")
    lab.push()
    assert stands(lab).light is Light.GREEN, "a run that goes on needs nobody"
    lab.tasks.end(TaskStatus.FAILURE, 3)
    lab.later()
    found = stands(lab)
    assert found.light is Light.NEEDS_YOU
    assert (found.files_for_person, found.actions_for_person, found.to_come_files) == (0, 1, 0)
    lab.clock.advance(120)
    [group] = of_lab(lab).needs_you
    assert group.first.why.reason is Reason.ACTION_FAILED
    assert group.first.text.startswith("the action plots/t1 has failed (exit code 3) on day/run_1")
    assert "aqsync retry --actions" in group.first.why.hint
    assert (group.first.age_seconds or 0) >= 120
    assert want_again(lab.journal, [lab.mapping], []) == 1
    assert stands(lab).light is Light.GREEN
    lab.later()
    lab.tasks.end(TaskStatus.SUCCESS, 0)
    lab.later()
    assert stands(lab).light is Light.GREEN


def test_what_is_left_as_it_is_needs_nobody_and_is_run_again_only_by_name(lab: ActionLab) -> None:
    fail(lab, "run_1", "run_2")
    place = lab.root / "day/run_1"
    assert leave(lab.journal, [lab.mapping], [place], lab.clock.now_ns()) == 1
    assert stands(lab).actions_for_person == 1
    assert leave(lab.journal, [lab.mapping], [], lab.clock.now_ns()) == 1
    assert stands(lab).light is Light.GREEN
    for _ in range(2):
        lab.later(3600)
    assert len(lab.tasks.made) == 2, "it is not begun again by itself"
    assert lab.states() == [ActionState.LEFT] * 2
    assert lab.journal.history.recent(1)[0].text == "plots/t1: left as it is by a person"
    assert want_again(lab.journal, [lab.mapping], []) == 0
    assert want_again(lab.journal, [lab.mapping], [place]) == 1
    lab.later()
    assert len(lab.tasks.made) == 3


def test_only_the_newest_run_of_an_action_on_a_measurement_counts(lab: ActionLab) -> None:
    fail(lab, "run_1")
    lab.write("day/run_1/iq.csv", b"other data")
    lab.later()
    lab.tasks.end(TaskStatus.SUCCESS, 0)
    lab.later()
    assert stands(lab).light is Light.GREEN


def test_what_is_no_longer_configured_needs_nobody(lab: ActionLab) -> None:
    fail(lab, "run_1")
    lab.configure(actions=())
    assert stands(lab).light is Light.GREEN


def test_what_cannot_be_run_needs_a_person_until_nothing_asks_for_it(lab: ActionLab) -> None:
    lab.actions[:] = [{"extension": "plots", "action": "none"}]
    lab.configure()
    lab.measure("run_1")
    lab.push()
    lab.later()
    [group] = of_lab(lab).needs_you
    assert (group.first.why.reason, group.actions) == (Reason.ACTION_MISSING, 1)
    lab.later(600)
    assert len(of_lab(lab).needs_you) == 1
    (lab.root / "day/run_1/done.tag").unlink()  # it is being taken again
    lab.later(600)
    assert stands(lab).light is Light.GREEN


def test_it_is_told_everywhere_by_one_source(lab: ActionLab) -> None:
    fail(lab, *(f"run_{number}" for number in range(4)))
    found = stands(lab)
    [alarm] = alarms(found, Facts())
    assert (alarm.kind, alarm.code, alarm.files, alarm.actions) == (
        *(On.NEEDS_YOU, "action-failed"),
        *(0, 4),
    )
    told = json.loads(message_of(On.NEEDS_YOU, [alarm], found).to_json())
    assert told["title"].endswith("4 actions need you")
    assert (told["groups"][0]["actions"], told["mappings"][0]["actions_for_person"]) == (4, 4)
    section = FleetConfig(experiment=EID, name="pc")
    status = status_of(
        *(found, section, "uuid", OwnStatus("0" * 12, 1, None), Run("0" * 12, 0)),
        *(datetime(2026, 11, 30, tzinfo=UTC),),
        stopped=False,
    )
    assert status.actions_for_person == 4
    assert [(need.code, need.files, need.actions) for need in status.needs] == [
        ("action-failed", 0, 4)
    ]
    text = Metrics(Shown(lab)).text().decode()
    assert 'aqsync_actions_needing_person{code="action-failed",mapping="lab"} 4.0' in text
    assert 'aqsync_files_needing_person{code="action' not in text


def test_the_page_runs_them_again(lab: ActionLab) -> None:
    fail(lab, *(f"run_{number}" for number in range(12)))
    with browsing(lab) as browser:
        browser.enter()
        glance, page = browser.ask("/").text, browser.ask("/needs-you")
        assert (
            "12 actions in lab: the action plots/t1 has failed (exit code 3) on day/run_0" in glance
        )
        assert "failed in lab: 12 actions, for up to" in page.text
        assert "day/run_7" in page.text
        assert "And 2 more" in page.text
        answer = browser.send("/do/retry", **FAILED, file="day/run_3")
        assert answer.text == "1 action wanted again; the daemon runs what it may"
        assert browser.shown.asked == ["look again"]
        assert [run.folder for run in lab.journal.actions.wanted_again()] == ["day/run_3"]
        assert browser.send("/do/retry", **FAILED, file="day/run_3").status == 400
        answer = browser.send("/do/leave", **FAILED, file="day/run_4")
        assert answer.text == "1 action left: nobody needs to look any more"
        assert browser.send("/do/leave", **FAILED, file="day/run_4").status == 400
        assert "10 actions wanted again" in browser.send("/do/retry", **FAILED).text
        assert "What needs you Nothing." in browser.ask("/needs-you").text


def test_what_cannot_be_run_is_looked_at_again_by_a_button(lab: ActionLab) -> None:
    fail(lab, "run_1")
    lab.actions.append({"extension": "plots", "action": "none"})
    lab.configure()
    lab.later()
    with browsing(lab) as browser:
        browser.enter()
        assert "failed in lab: plots/none" in browser.ask("/needs-you").text
        fields = FAILED | {"code": "action-missing"}
        assert browser.send("/do/retry", **fields).text == "it is looked at again"
    assert lab.journal.actions.wanted_again() == [], "no other action was meant"
