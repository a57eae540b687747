"""What is paused, or outside the transfer windows, waits and says so."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from aqsync.config import Windows, parse_window
from aqsync.model import Reason, State, TransfersBlocked, Wait
from aqsync.sync.planner import decide
from aqsync.sync.policies import ALWAYS, decisions, policies, transfers_blocked
from aqsync.sync.summary import summarize
from tests.support.fake_clock import SECOND_NS, START_NS
from tests.support.lab import EID, Lab
from tests.support.reasons import said
from tests.support.time_zone import local_time_zone

HOUR_NS = 3600 * SECOND_NS
NOW = START_NS
"""Ten o'clock."""
NIGHT = Windows((parse_window("22:00-06:00"),))


@pytest.fixture(autouse=True)
def utc() -> Iterator[None]:
    """Ten o'clock is that of the fake clock."""
    with local_time_zone("UTC0"):
        yield


def shut(lab: Lab, windows: Windows = ALWAYS, now_ns: int = NOW) -> TransfersBlocked | None:
    return transfers_blocked(lab.journal, "lab", now_ns, windows)


def test_nothing_is_closed_unless_somebody_wants_it(lab: Lab) -> None:
    assert shut(lab) is None
    lab.journal.pauses.pause("other", NOW, None)
    assert shut(lab) is None


def test_outside_the_windows(lab: Lab) -> None:
    assert shut(lab, NIGHT) == TransfersBlocked(
        said(
            "outside the transfer windows (22:00-06:00)",
            "`aqsync push --now` does not wait for them",
            Reason.OUTSIDE_WINDOWS,
        ),
        NOW - 4 * HOUR_NS,
        NOW + 12 * HOUR_NS,
    )
    assert shut(lab, NIGHT, NOW + 12 * HOUR_NS) is None


@pytest.mark.parametrize(("paused", "command"), [("lab", "resume lab"), ("", "resume")])
def test_a_pause(lab: Lab, paused: str, command: str) -> None:
    lab.journal.pauses.pause(paused, NOW - 5, NOW + 5)
    hint = f"`aqsync {command}` ends the pause"
    why = said("paused by a person", hint, Reason.PAUSED)
    assert shut(lab) == TransfersBlocked(why, NOW - 5, NOW + 5)
    assert shut(lab, now_ns=NOW + 5) is None


def test_of_several_reasons_the_longest_counts(lab: Lab) -> None:
    lab.journal.pauses.pause("lab", NOW, NOW + HOUR_NS)
    assert shut(lab, NIGHT) == transfers_blocked(lab.journal, "other", NOW, NIGHT)
    lab.journal.pauses.pause("", NOW, NOW + 13 * HOUR_NS)
    assert shut(lab, NIGHT) == shut(lab)
    lab.journal.pauses.pause("lab", NOW, None)
    found = shut(lab, NIGHT)
    assert found is not None
    assert (found.until_ns, found.hint) == (None, "`aqsync resume lab` ends the pause")


def test_who_wants_it_at_once_gets_it(lab: Lab) -> None:
    lab.journal.pauses.pause("", NOW, None)
    assert transfers_blocked(lab.journal, "lab", NOW, NIGHT, at_once=True) is None
    lab.write("a")
    lab.scan()
    file = lab.record("a")
    [waiting, free] = [
        policies(lab.journal, lab.mapping, NOW, NIGHT, at_once=at_once)(file)
        for at_once in (False, True)
    ]
    assert waiting.blocked is not None
    assert free.blocked is None
    steps = [step for _, step in decisions(lab.journal, lab.mapping, NOW, windows=NIGHT)]
    assert steps == [decide(file, waiting, NOW)]


def test_a_push_outside_the_windows_says_so_and_does_not_wait(lab: Lab) -> None:
    for path in ("a", "b", "young"):
        lab.write(path, age_s=0 if path == "young" else 100)
    assert lab.push(windows=NIGHT).uploaded == 0
    assert (lab.remote, lab.clock.waits) == ({}, [])
    summary = summarize(lab.journal, lab.mapping, NOW, windows=NIGHT)
    assert not summary.complete
    assert summary.files == {State.IN_SYNC: 0, State.WAITING: 3}
    reason = "outside the transfer windows (22:00-06:00); files waiting: 3"
    [problem] = summary.problems
    assert (problem.path, problem.text) == (str(lab.root), reason)
    assert (problem.why.hint, problem.age_seconds) == (
        "`aqsync push --now` does not wait for them",
        4 * 3600,
    )
    assert lab.push(windows=NIGHT, at_once=True).uploaded == 3
    assert summarize(lab.journal, lab.mapping, NOW, windows=NIGHT).complete


def test_a_pause_begun_while_a_push_runs_holds_for_the_rest_of_it(lab: Lab) -> None:
    for number in range(20):
        lab.write(f"{number}")

    def pause() -> None:
        lab.journal.pauses.pause("lab", NOW, None)
        lab.clock.advance(10)

    lab.server.after["upload"] = pause
    sent = lab.push().uploaded
    assert 1 <= sent < 20, "those under way come to their end"
    lab.server.after.clear()
    lab.journal.pauses.resume("lab")
    assert lab.push().uploaded == 20 - sent


def test_no_tag_is_applied_while_everything_is_paused(lab: Lab) -> None:
    lab.journal.tags.earn([(EID, "raw")], NOW)
    lab.journal.pauses.pause("", NOW, None)
    lab.push()
    assert lab.server.of(EID).tags == []
    assert lab.push(at_once=True).tags == 1
    assert lab.server.of(EID).tags == ["raw"]


def test_nothing_is_replaced_while_it_is_closed(lab: Lab) -> None:
    lab.write("a", b"ours")
    lab.server.put(EID, "a", b"theirs")
    lab.push()
    lab.push(windows=NIGHT, overwrite=True)
    assert lab.remote == {"a": b"theirs"}
    assert lab.record("a").may_replace is None
    assert not [line for line in lab.said if line.startswith("replacing")]


def test_what_keeps_changing_is_named_with_its_age(lab: Lab) -> None:
    for second in range(90):
        lab.write("log", bytes(second + 1), age_s=0)
        lab.scan("log")
        lab.clock.advance(1)
    step = lab.decision("log")
    assert isinstance(step, Wait)
    assert step.message == "keeps changing before it can be sent; it must stand still for 5 s"
    [problem] = summarize(lab.journal, lab.mapping, lab.clock.now_ns()).problems
    assert problem.age_seconds == 90
    lab.push()
    assert lab.decision("log").state is State.IN_SYNC
    assert lab.record("log").changing_since_ns is None
