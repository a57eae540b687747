"""What the log says of files: one by one while they are few, and nothing twice."""

from __future__ import annotations

import pytest

from aqsync.model import (
    Adopted,
    Failed,
    FoundDifferent,
    Hold,
    Outcome,
    Removed,
    Signature,
    State,
    Touched,
    Uploaded,
)
from aqsync.sync.outcome_log import FEW, GATHER_S, REMEMBERED, OutcomeLog
from tests.support.harness import logged
from tests.support.reasons import said

NOW = 100.0
LATER = NOW + GATHER_S
UPLOADED = Uploaded(Signature(10, 1, 1, 1), b"", None)
REFUSED = Failed(said("refused by the server", "rename it"), permanent=True)
HELD = Hold(said("a conflict", "decide"), 7, State.HELD)


def told(outcomes: OutcomeLog, now: float = LATER, *, idle: bool = False) -> list[str]:
    with logged() as log:
        outcomes.tell(now, idle=idle)
    return log.lines


@pytest.fixture
def outcomes() -> OutcomeLog:
    return OutcomeLog()


def test_a_file_is_one_line(outcomes: OutcomeLog) -> None:
    outcomes.add("/d/a", "m", UPLOADED, NOW)
    assert told(outcomes) == ["info uploaded path=/d/a size=10 mapping=m"]
    assert told(outcomes) == []


def test_lines_wait_for_others_of_their_kind(outcomes: OutcomeLog) -> None:
    assert outcomes.due_in(NOW) == float("inf")
    outcomes.add("/d/a", "m", UPLOADED, NOW)
    assert outcomes.due_in(NOW + 0.5) == GATHER_S - 0.5
    assert told(outcomes, NOW + 0.5) == []
    outcomes.add("/d/b", "m", UPLOADED, NOW + 1)
    assert outcomes.due_in(NOW + 0.5) == GATHER_S - 0.5, "the first does not wait for the last"
    assert len(told(outcomes)) == 2


def test_where_nothing_more_is_expected_they_do_not_wait(outcomes: OutcomeLog) -> None:
    outcomes.add("/d/a", "m", UPLOADED, NOW)
    assert len(told(outcomes, NOW, idle=True)) == 1


def test_many_files_are_one_line(outcomes: OutcomeLog) -> None:
    for number in range(FEW + 1):
        outcomes.add(f"/d/{number}", "m", UPLOADED, NOW)
    outcomes.add("/e/x", "other", UPLOADED, NOW)
    assert told(outcomes) == [
        f"info uploaded files={FEW + 1} size={10 * (FEW + 1)} mapping=m",
        "info uploaded path=/e/x size=10 mapping=other",
    ]


@pytest.mark.parametrize(
    ("outcome", "words"),
    [
        (Adopted(Signature(10, 1, 1, 1), b"", "x"), "already on the server"),
        (Touched(Signature(10, 1, 1, 1), b""), "touched, content unchanged"),
        (Removed(), "removed from the server"),
    ],
)
def test_what_else_happens(outcomes: OutcomeLog, outcome: Outcome, words: str) -> None:
    outcomes.add("/d/a", "m", outcome, NOW)
    [line] = told(outcomes)
    assert line.startswith(f"info {words} path=/d/a")
    assert outcomes.counts[words] == 1
    assert outcomes.bytes == 0


def test_what_was_uploaded_is_counted(outcomes: OutcomeLog) -> None:
    for name in "ab":
        outcomes.add(name, "m", UPLOADED, NOW)
    assert (outcomes.counts["uploaded"], outcomes.bytes) == (2, 20)


def test_a_failure_is_told_once(outcomes: OutcomeLog) -> None:
    for at in (NOW, NOW + 100, NOW + 200):
        outcomes.add("/d/a", "m", REFUSED, at)
        lines = told(outcomes, at + GATHER_S)
        expected = "warning failed path=/d/a mapping=m reason=refused by the server hint=rename it"
        assert lines == ([expected] if at == NOW else [])
    outcomes.add("/d/a", "m", Failed(said("no room"), permanent=False), NOW + 300)
    assert len(told(outcomes, NOW + 300, idle=True)) == 1, "another reason is news"
    assert outcomes.counts["failed"] == 4


def test_after_a_success_a_failure_is_news_again(outcomes: OutcomeLog) -> None:
    for outcome in (REFUSED, UPLOADED, REFUSED):
        outcomes.add("/d/a", "m", outcome, NOW)
        assert len(told(outcomes, idle=True)) == 1


def test_what_is_held_is_told_once_for_each_state_of_the_file(outcomes: OutcomeLog) -> None:
    for _ in range(3):
        outcomes.held("/d/a", "m", HELD, 7, NOW)
    assert told(outcomes) == ["warning held path=/d/a mapping=m reason=a conflict hint=decide"]
    outcomes.held("/d/a", "m", HELD, 8, NOW)
    assert len(told(outcomes)) == 1, "the file has changed since"
    outcomes.held("/d/a", "m", HELD, 8, NOW)
    assert told(outcomes) == []


def test_files_in_the_same_trouble_are_one_line(outcomes: OutcomeLog) -> None:
    for number in range(1000):
        outcomes.held(f"/d/{number}", "m", HELD, 7, NOW)
        outcomes.add(f"/e/{number}", "m", REFUSED, NOW)
    assert told(outcomes) == [
        "warning held files=1000 mapping=m reason=a conflict hint=decide",
        "warning failed files=1000 mapping=m reason=refused by the server hint=rename it",
    ]


def test_very_many_files_are_not_told_again_at_every_look(outcomes: OutcomeLog) -> None:
    def hold_all() -> list[str]:
        for number in range(REMEMBERED):
            outcomes.held(str(number), "m", HELD, 7, NOW)
        return told(outcomes)

    assert len(hold_all()) == 1
    assert hold_all() == []


def test_files_in_troubles_of_their_own_are_few_lines_too(outcomes: OutcomeLog) -> None:
    for number in range(1000):
        reason = f"/d/{number} cannot be read"
        outcomes.add(f"/d/{number}", "m", Failed(said(reason), permanent=False), NOW)
    lines = told(outcomes)
    assert len(lines) == FEW + 1
    assert lines[-1] == (
        f"warning failed files={1000 - FEW} mapping=m reason=others: see `aqsync status`"
    )


def test_what_is_remembered_has_a_limit(outcomes: OutcomeLog) -> None:
    for number in range(REMEMBERED + 100):
        outcomes.held(str(number), "m", HELD, 7, NOW)
    assert len(outcomes._told) <= REMEMBERED


def test_what_differs_is_counted_and_told_when_it_is_held(outcomes: OutcomeLog) -> None:
    outcomes.add("/d/a", "m", FoundDifferent("x"), NOW)
    assert told(outcomes) == []
    assert outcomes.counts["found different"] == 1
