"""What was uploaded is counted the same, whether event by event or by the journal itself."""

from __future__ import annotations

import random
from collections import defaultdict

import pytest

from aqsync.journal import history
from aqsync.journal.backlog import Sample, ToCome
from aqsync.journal.history import Event, HistoryKind
from aqsync.model import SECOND_NS
from aqsync.service.page.hours import Hours
from aqsync.sync.activity import (
    HOUR_S,
    MEDIAN,
    SLOWEST,
    Tally,
    backlogs,
    cut,
    experiment_of,
    hour_of,
    kind_of,
    mapping_of,
    tallied,
)
from tests.support.fake_clock import START_NS
from tests.support.lab import Lab

HOUR_NS = HOUR_S * SECOND_NS
FIRST = START_NS // HOUR_NS


def upload(path: str, size: int, *, waited_s: float | None = 1, at_ns: int = START_NS) -> Event:
    written_ns = None if waited_s is None else at_ns - int(waited_s * SECOND_NS)
    kind = HistoryKind.UPLOADED
    return Event(at_ns, kind, "lab", path, "", None, size, "00", "2026-1", written_ns, 5)


def test_uploads_are_counted_by_whatever_is_known_of_them() -> None:
    events = [
        upload("a.HDF5", 10),
        upload("run.1/b.hdf5", 5, at_ns=START_NS + HOUR_NS),
        upload("run.1/notes", 1),
        upload("c.hdf5", 7)._replace(kind=HistoryKind.ADOPTED),
        upload("d.csv", 2)._replace(mapping="other", eid=None),
    ]

    def sizes(found: dict[object, Tally]) -> dict[object, tuple[int, int]]:
        return {key: (tally.files, tally.bytes) for key, tally in found.items()}

    assert sizes(tallied(events, kind_of)) == {".hdf5": (2, 15), "": (1, 1), ".csv": (1, 2)}
    assert sizes(tallied(events, mapping_of)) == {"lab": (3, 16), "other": (1, 2)}
    assert sizes(tallied(events, experiment_of)) == {"2026-1": (3, 16), None: (1, 2)}
    assert sizes(tallied(events, hour_of)) == {FIRST: (3, 13), FIRST + 1: (1, 5)}


@pytest.mark.parametrize(
    ("path", "kind"),
    [("a.CSV", ".csv"), ("r.1/a", ""), ("r/.hidden", ""), ("a.", ""), ("a.tar.gz", ".gz")],
)
def test_the_kind_is_the_suffix_of_the_name(path: str, kind: str) -> None:
    assert kind_of(upload(path, 1)) == kind


def test_waits_are_told_by_the_share_of_files_that_came_sooner() -> None:
    tally = Tally()
    assert tally.waited_s(MEDIAN) is None
    for waited_s in range(1, 101):
        tally.add(1, 0, waited_s)
    tally.add(50, 0, None)
    assert (tally.waited_s(MEDIAN), tally.waited_s(SLOWEST)) == (50, 95)
    assert [cut(s) for s in (-5, 0, 119, 121, 7199, 7201, 172_801)] == [
        *(0, 0, 119, 120, 7140, 7200, 172_800)
    ]


def test_the_journal_counts_as_the_pure_functions_do(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(history, "_SUMMED_AT_ONCE", 7)
    dice, known, hours = random.Random(7), Hours(), range(FIRST - 2, FIRST + 5)
    for _ in range(4):
        for number in range(30):
            waited = dice.choice((None, -3, 0.4, 59, 130, 8000, 200_000, 2e9))
            event = upload(str(number), dice.randrange(9), waited_s=waited)
            at_ns = START_NS + dice.randrange(-HOUR_NS, 3 * HOUR_NS)
            shift = at_ns - event.at_ns
            written_ns = None if event.written_ns is None else event.written_ns + shift
            lab.journal.history.note(event._replace(at_ns=at_ns, written_ns=written_ns))
        lab.journal.history.note(upload("x", 1)._replace(kind=HistoryKind.FAILED))
        with lab.journal.beside() as journal:
            assert known.counted(journal, hours) == tallied(journal.history.each(), hour_of)


def test_what_was_counted_is_not_read_again_nor_lost_when_the_history_is_pruned(lab: Lab) -> None:
    known, hours = Hours(), range(FIRST - 5, FIRST + 1)
    assert known.counted(lab.journal, hours) == {}
    for hour in (0, -3, -40):
        lab.journal.history.note(upload("a", 1, at_ns=START_NS + hour * HOUR_NS))
    asked: dict[int, int] = defaultdict(int)
    real = lab.journal.history.uploads

    def counting(after: int, since_ns: int) -> object:
        for upto, rows in real(after, since_ns):
            asked[after] += 1
            yield upto, rows

    lab.journal.history.uploads = counting  # type: ignore[assignment,method-assign]
    for _ in range(2):
        assert set(known.counted(lab.journal, hours)) == {FIRST, FIRST - 3}
    assert asked == {0: 1}
    assert set(known.counted(lab.journal, range(FIRST - 50, FIRST + 1))) == {
        *(FIRST - 40, FIRST - 3, FIRST)
    }
    assert set(known.counted(lab.journal, range(FIRST - 1, FIRST + 1))) == {FIRST}
    assert asked == {0: 2}
    lab.journal.history.prune(START_NS + HOUR_NS, 9)
    lab.journal.history.note(upload("b", 1))
    found = {hour: tally.files for hour, tally in known.counted(lab.journal, hours).items()}
    assert found == {FIRST: 2, FIRST - 3: 1}
    assert asked == {0: 2, 3: 1}


def test_what_was_still_to_come_lasts_until_the_next_sample() -> None:
    samples = [
        Sample((FIRST - 9) * HOUR_NS, "a", 5, 50),
        Sample((FIRST - 9) * HOUR_NS, "gone", 7, 70),
        Sample((FIRST + 1) * HOUR_NS + 1, "b", 3, 30),
        Sample((FIRST + 1) * HOUR_NS + 2, "a", 0, 0),
        Sample((FIRST + 2) * HOUR_NS, "b", 0, 0),
    ]
    assert backlogs(samples, range(FIRST, FIRST + 4), ["a", "b"]) == {
        FIRST: ToCome(5, 50),
        FIRST + 1: ToCome(8, 80),
        FIRST + 2: ToCome(0, 0),
        FIRST + 3: ToCome(0, 0),
    }
    assert backlogs([], range(FIRST, FIRST + 1), []) == {FIRST: ToCome(0, 0)}
