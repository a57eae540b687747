"""What happened in a period is counted in one pass."""

from __future__ import annotations

import pytest

from aqsync.journal.history import Event, HistoryKind
from aqsync.model import SECOND_NS, Reason
from aqsync.sync.period import FEW, NEWEST, NUMBERED, Absence, absences, counted_period
from tests.support.fake_clock import START_NS

DAY_NS = 86_400 * SECOND_NS


def event(kind: HistoryKind, path: str = "", text: str = "", *, s: int = 0) -> Event:
    return Event(START_NS + s * SECOND_NS, kind, "lab", path, text)


def upload(path: str, size: int | None, *, waited_s: int | None = 1, day: int = 0) -> Event:
    at_ns = START_NS + day * DAY_NS
    written_ns = None if waited_s is None else at_ns - waited_s * SECOND_NS
    kind = HistoryKind.UPLOADED
    return Event(at_ns, kind, "lab", path, "", None, size, "00", "2026-1", written_ns, 5)


def day_of(at_ns: int) -> str:
    return f"day {(at_ns - START_NS) // DAY_NS}"


def test_uploads_are_counted_by_everything_at_once() -> None:
    events = [
        upload("a.csv", 1),
        upload("run.1", 10),
        upload("run.2", 100, day=1)._replace(mapping="former", eid=None),
        upload("b.CSV", 1000, waited_s=None, day=1),
        event(HistoryKind.ADOPTED, "c.csv"),
    ]
    found = counted_period(events, day_of)
    assert (found.whole.files, found.whole.bytes, found.whole.waits) == (4, 1111, {1: 3})
    for tallies, sizes in (
        (found.by_day, {"day 0": 11, "day 1": 1100}),
        (found.by_mapping, {"lab": 1011, "former": 100}),
        (found.by_experiment, {"2026-1": 1011, None: 100}),
        (found.by_kind, {".csv": 1001, NUMBERED: 110}),
    ):
        assert {key: tally.bytes for key, tally in tallies.items()} == sizes
    assert found.times["lab", HistoryKind.ADOPTED] == 1


def test_only_the_few_that_stand_out_are_kept() -> None:
    events = [upload(f"{n}.csv", n, waited_s=100 - n) for n in range(99)]
    found = counted_period([*events, upload("x", None, waited_s=None)], day_of)
    assert [each.size for each in found.largest] == list(range(98, 98 - FEW, -1))
    assert [each.path for each in found.slowest] == [f"{n}.csv" for n in range(FEW)]


def test_failures_come_together_by_mapping_and_reason() -> None:
    failed = event(HistoryKind.FAILED, "a", "first")._replace(reason=Reason.FILE_UNREADABLE)
    events = [failed, failed._replace(path="b", text="last"), failed._replace(mapping="other")]
    found = counted_period(events, day_of).failures
    assert found["lab", Reason.FILE_UNREADABLE].times == 2
    assert found["lab", Reason.FILE_UNREADABLE].last.text == "last"
    assert found["other", Reason.FILE_UNREADABLE].times == 1


def test_of_what_has_a_name_the_newest_are_kept() -> None:
    complete = HistoryKind.MEASUREMENT_COMPLETE
    found = counted_period((event(complete, str(n)) for n in range(2 * NEWEST)), day_of)
    assert found.times["lab", complete] == 2 * NEWEST
    assert [each.path for each in found.newest[complete]] == list(
        map(str, range(NEWEST, 2 * NEWEST))
    )


AWAY, BACK = HistoryKind.SERVER_AWAY, HistoryKind.SERVER_BACK
BEFORE_AWAY, BEFORE_BACK = event(AWAY, text="long", s=-9), event(BACK, s=-5)


@pytest.mark.parametrize(
    ("before", "events", "expected"),
    [
        (None, [], []),
        (BEFORE_BACK, [], []),
        (BEFORE_AWAY, [], [(0, 100, "long", False)]),
        (BEFORE_AWAY, [event(BACK, s=5)], [(0, 5, "long", True)]),
        (None, [event(BACK, s=5)], [(0, 5, "", True)]),
        (BEFORE_BACK, [event(BACK, s=5)], []),
        (None, [event(AWAY, text="a", s=5), event(BACK, s=9)], [(5, 9, "a", True)]),
        (
            None,
            [event(AWAY, text="a", s=5), event(AWAY, text="b", s=7), event(BACK, s=9)],
            [(5, 9, "a", True)],
        ),
        (
            BEFORE_BACK,
            [event(AWAY, text="a", s=1), event(BACK, s=2), event(AWAY, text="b", s=3)],
            [(1, 2, "a", True), (3, 100, "b", False)],
        ),
    ],
)
def test_when_the_server_was_away(
    before: Event | None, events: list[Event], expected: list[tuple[int, int, str, bool]]
) -> None:
    until_ns = START_NS + 100 * SECOND_NS
    assert absences(before, events, START_NS, until_ns) == [
        Absence(START_NS + since * SECOND_NS, START_NS + until * SECOND_NS, why, over)
        for since, until, why, over in expected
    ]
