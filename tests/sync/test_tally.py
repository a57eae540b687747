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
from aqsync.sync.tally import FEW, GATHER_S, REMEMBERED, Tally
from tests.support.crew import logged
from tests.support.reasons import said

NOW = 100.0
LATER = NOW + GATHER_S
UPLOADED = Uploaded(Signature(10, 1, 1, 1), b"", None)
REFUSED = Failed(said("refused by the server", "rename it"), permanent=True)
HELD = Hold(said("a conflict", "decide"), 7, State.HELD)


def told(tally: Tally, now: float = LATER, *, idle: bool = False) -> list[str]:
    with logged() as log:
        tally.tell(now, idle=idle)
    return log.lines


@pytest.fixture
def tally() -> Tally:
    return Tally()


def test_a_file_is_one_line(tally: Tally) -> None:
    tally.add("/d/a", "m", UPLOADED, NOW)
    assert told(tally) == ["info uploaded path=/d/a size=10 mapping=m"]
    assert told(tally) == []


def test_lines_wait_for_others_of_their_kind(tally: Tally) -> None:
    assert tally.due_in(NOW) == float("inf")
    tally.add("/d/a", "m", UPLOADED, NOW)
    assert tally.due_in(NOW + 0.5) == GATHER_S - 0.5
    assert told(tally, NOW + 0.5) == []
    tally.add("/d/b", "m", UPLOADED, NOW + 1)
    assert tally.due_in(NOW + 0.5) == GATHER_S - 0.5, "the first does not wait for the last"
    assert len(told(tally)) == 2


def test_where_nothing_more_is_expected_they_do_not_wait(tally: Tally) -> None:
    tally.add("/d/a", "m", UPLOADED, NOW)
    assert len(told(tally, NOW, idle=True)) == 1


def test_many_files_are_one_line(tally: Tally) -> None:
    for number in range(FEW + 1):
        tally.add(f"/d/{number}", "m", UPLOADED, NOW)
    tally.add("/e/x", "other", UPLOADED, NOW)
    assert told(tally) == [
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
def test_what_else_happens(tally: Tally, outcome: Outcome, words: str) -> None:
    tally.add("/d/a", "m", outcome, NOW)
    [line] = told(tally)
    assert line.startswith(f"info {words} path=/d/a")
    assert tally.counts[words] == 1
    assert tally.bytes == 0


def test_what_was_uploaded_is_counted(tally: Tally) -> None:
    for name in "ab":
        tally.add(name, "m", UPLOADED, NOW)
    assert (tally.counts["uploaded"], tally.bytes) == (2, 20)


def test_a_failure_is_told_once(tally: Tally) -> None:
    for at in (NOW, NOW + 100, NOW + 200):
        tally.add("/d/a", "m", REFUSED, at)
        lines = told(tally, at + GATHER_S)
        expected = "warning failed path=/d/a mapping=m reason=refused by the server hint=rename it"
        assert lines == ([expected] if at == NOW else [])
    tally.add("/d/a", "m", Failed(said("no room"), permanent=False), NOW + 300)
    assert len(told(tally, NOW + 300, idle=True)) == 1, "another reason is news"
    assert tally.counts["failed"] == 4


def test_after_a_success_a_failure_is_news_again(tally: Tally) -> None:
    for outcome in (REFUSED, UPLOADED, REFUSED):
        tally.add("/d/a", "m", outcome, NOW)
        assert len(told(tally, idle=True)) == 1


def test_what_is_held_is_told_once_for_each_state_of_the_file(tally: Tally) -> None:
    for _ in range(3):
        tally.held("/d/a", "m", HELD, 7, NOW)
    assert told(tally) == ["warning held path=/d/a mapping=m reason=a conflict hint=decide"]
    tally.held("/d/a", "m", HELD, 8, NOW)
    assert len(told(tally)) == 1, "the file has changed since"
    tally.held("/d/a", "m", HELD, 8, NOW)
    assert told(tally) == []


def test_files_in_the_same_trouble_are_one_line(tally: Tally) -> None:
    for number in range(1000):
        tally.held(f"/d/{number}", "m", HELD, 7, NOW)
        tally.add(f"/e/{number}", "m", REFUSED, NOW)
    assert told(tally) == [
        "warning held files=1000 mapping=m reason=a conflict hint=decide",
        "warning failed files=1000 mapping=m reason=refused by the server hint=rename it",
    ]


def test_very_many_files_are_not_told_again_at_every_look(tally: Tally) -> None:
    def hold_all() -> list[str]:
        for number in range(REMEMBERED):
            tally.held(str(number), "m", HELD, 7, NOW)
        return told(tally)

    assert len(hold_all()) == 1
    assert hold_all() == []


def test_files_in_troubles_of_their_own_are_few_lines_too(tally: Tally) -> None:
    for number in range(1000):
        reason = f"/d/{number} cannot be read"
        tally.add(f"/d/{number}", "m", Failed(said(reason), permanent=False), NOW)
    lines = told(tally)
    assert len(lines) == FEW + 1
    assert lines[-1] == (
        f"warning failed files={1000 - FEW} mapping=m reason=others: see `aqsync status`"
    )


def test_what_is_remembered_has_a_limit(tally: Tally) -> None:
    for number in range(REMEMBERED + 100):
        tally.held(str(number), "m", HELD, 7, NOW)
    assert len(tally._told) <= REMEMBERED


def test_what_differs_is_counted_and_told_when_it_is_held(tally: Tally) -> None:
    tally.add("/d/a", "m", FoundDifferent("x"), NOW)
    assert told(tally) == []
    assert tally.counts["found different"] == 1
