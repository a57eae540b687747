"""Problems put together, and sorted."""

from __future__ import annotations

import pytest

from aqsync.cli.summaries import report_problems, waiting_lines
from aqsync.model import Reason, State
from aqsync.sync.problem_groups import Order, grouped, ordered
from aqsync.sync.summary import FileProblem
from tests.support.reasons import said

WAITS = said("not listed yet", "", Reason.LIST_NOT_FETCHED)


def chunk(number: int, why: str = "not listed yet") -> FileProblem:
    reason = said(why, "", Reason.LIST_NOT_FETCHED)
    path = f"/lab/run.zarr/{number // 100}/{number}"
    return FileProblem(path, State.WAITING, reason, float(number), None, 1024, 7.0)


def test_thousands_of_chunks_are_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    report_problems([chunk(number) for number in range(3000)])
    assert capsys.readouterr().out.splitlines() == [
        "waiting: 3000 files below /lab/run.zarr, 2.9 MiB: not listed yet (for up to 50 min)",
        "`aqsync status --all` names every file",
    ]


def test_words_that_differ_are_told_by_an_example(capsys: pytest.CaptureFixture[str]) -> None:
    report_problems([chunk(number, f"changed {number} s ago") for number in range(4)])
    [line, _] = capsys.readouterr().out.splitlines()
    assert line == (
        "waiting: 4 files below /lab/run.zarr/0, 4.0 KiB:"
        " such as /lab/run.zarr/0/0: changed 0 s ago"
    )


def test_a_few_are_told_one_by_one_and_other_reasons_apart() -> None:
    held = [FileProblem(f"/lab/{n}", State.HELD, said("why")) for n in range(3)]
    together = FileProblem("/lab", State.WAITING, WAITS, files=30, size=5)
    tags = [FileProblem("experiment 1", State.FAILED, said("tag"))] * 5
    groups = grouped([*held, together, *tags, *map(chunk, range(9))])
    assert [group.files for group in groups] == [1, 1, 1, 30, 1, 1, 1, 1, 1, 9]
    assert groups[-1].to_dict() == {
        "state": "waiting",
        "code": "list-not-fetched",
        "reason": "not listed yet",
        "hint": "",
        "files": 9,
        "actions": 0,
        "bytes": 9 * 1024,
        "below": "/lab/run.zarr/0",
    }


@pytest.mark.parametrize(
    ("order", "names"),
    [(None, "bac"), (Order.AGE, "cab"), (Order.SIZE, "abc"), (Order.PATH, "abc")],
)
def test_they_are_sorted_as_asked(order: Order | None, names: str) -> None:
    def problem(path: str, size: int, age: float, state: State = State.HELD) -> FileProblem:
        return FileProblem(path, state, WAITS, 1.0, None, size, age)

    problems = [problem("b", 2, 1.0), problem("a", 3, 2.0), problem("c", 1, 3.0, State.WAITING)]
    assert "".join(each.path for each in ordered(problems, order)) == names
    assert ordered(problems, Order.STATE)[0].path == "c"


def test_a_line_for_each_file_that_waits() -> None:
    assert waiting_lines([chunk(2), FileProblem("/lab/x", State.FAILED, said("closed"))]) == [
        "  1.0 KiB       7 s  waiting: /lab/run.zarr/0/2: not listed yet",
        "                     failed: /lab/x: closed",
    ]
