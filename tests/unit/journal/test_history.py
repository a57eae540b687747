"""What happened, found again and forgotten in time."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime

import pytest

from aqsync.errors import JournalError
from aqsync.journal import Journal
from aqsync.journal.history import Counted, Event, HistoryKind, Wanted
from aqsync.model import (
    SECOND_NS,
    Adopted,
    ChangedMeanwhile,
    Failed,
    FoundDifferent,
    Outcome,
    Reason,
    Removed,
    Touched,
    Uploaded,
)
from tests.support.notes import AT1, EID, NOT_UTF8, NOW, SHA1, V1, V2, notes
from tests.support.reasons import said
from tests.support.time_zone import BERLIN, local_time_zone

UPLOADED = HistoryKind.UPLOADED


def paths(events: Iterable[Event]) -> list[str]:
    return [event.path for event in events]


def note(journal: Journal, *where: str, mapping: str = "m", at_ns: int = NOW) -> None:
    for path in where:
        journal.history.note(Event(at_ns, UPLOADED, mapping, path, f"{path} was sent"))


def test_the_youngest_events_come_last(journal: Journal) -> None:
    note(journal, "a", "b", "c")
    away = Event(NOW, HistoryKind.SERVER_AWAY, "", "", "no connection", Reason.SERVER_UNREACHABLE)
    journal.history.note(away)
    assert paths(journal.history.recent(3)) == ["b", "c", ""]
    assert journal.history.recent(1) == [away]


def test_what_concerns_a_path_is_found_at_and_below_it(journal: Journal) -> None:
    note(journal, "run", "run/a", "run/x/b", "run-2/c", "run0", "ru")
    note(journal, "run/other", mapping="n")
    assert paths(journal.history.recent(9, Wanted(mapping="m", path="run"))) == [
        "run",
        "run/a",
        "run/x/b",
    ]
    assert paths(journal.history.recent(9, Wanted(mapping="n"))) == ["run/other"]


@pytest.mark.parametrize("odd", NOT_UTF8, ids=ascii)
def test_any_name_is_found_again(journal: Journal, odd: str) -> None:
    note(journal, odd, f"{odd}/below", f"{odd}/\udcff", "other")
    found = paths(journal.history.recent(9, Wanted(mapping="m", path=odd)))
    assert found == [odd, f"{odd}/below", f"{odd}/\udcff"]
    assert paths(journal.history.recent(9)) == [*found, "other"]


def test_only_what_happened_since_a_moment(journal: Journal) -> None:
    note(journal, "a", at_ns=NOW)
    note(journal, "b", at_ns=NOW + 1)
    assert paths(journal.history.recent(9, Wanted(since_ns=NOW + 1))) == ["b"]
    assert paths(journal.history.recent(9, Wanted(since_ns=NOW + 1, mapping="m", path="a"))) == []


def test_what_is_old_is_forgotten(journal: Journal) -> None:
    for number in range(5):
        note(journal, f"{number}", at_ns=NOW + number)
    assert journal.history.prune(NOW + 2, 100) == 2
    assert paths(journal.history.recent(9)) == ["2", "3", "4"]
    assert journal.history.prune(NOW + 2, 100) == 0


def test_what_is_too_much_is_forgotten(journal: Journal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("aqsync.journal.history._PRUNED_AT_ONCE", 2)
    for number in range(9):
        note(journal, f"{number}")
    assert journal.history.prune(0, 3) == 6
    assert paths(journal.history.recent(9)) == ["6", "7", "8"]
    assert journal.history.prune(0, 0) == 2
    assert paths(journal.history.recent(9)) == ["8"]


def test_numbers_of_rows_never_begin_anew(journal: Journal) -> None:
    for number in range(3):
        note(journal, f"{number}")
    newest = journal.history.newest()
    journal.history.prune(NOW + 10, 0)
    note(journal, "later", at_ns=NOW + 20)
    assert journal.history.newest() == newest + 1
    assert paths(journal.history.each(after=newest)) == ["later"]


# What is written down by itself


def kinds(journal: Journal) -> list[tuple[str, str, str]]:
    return [(event.kind, event.path, event.text) for event in journal.history.recent(9)]


def test_what_comes_of_jobs_is_history(journal: Journal) -> None:
    noted = notes(journal)
    sha256 = SHA1.hex()
    outcomes: list[Outcome] = [
        Failed(said("no connection"), permanent=False),
        ChangedMeanwhile(),
        Failed(said("too large", "split it"), permanent=True),
        FoundDifferent(AT1),
        Uploaded(V1, SHA1, None),
        Touched(V1, SHA1),
        Adopted(V2, SHA1, AT1),
    ]
    for outcome in outcomes:
        journal.outcomes.record(noted.see("run/a.csv", V1), outcome, NOW + 3)
    journal.observations.gone(noted.mapping_id, ["run/a.csv"], NOW + 4)
    journal.outcomes.record(noted.at("run/a.csv"), Removed(), NOW + 5)
    assert kinds(journal) == [
        ("failed", "run/a.csv", "too large"),
        ("uploaded", "run/a.csv", ""),
        ("adopted", "run/a.csv", ""),
        ("removed", "run/a.csv", f"from {EID}"),
    ]
    assert {(e.mapping, e.at_ns) for e in journal.history.recent(1)} == {("m", NOW + 5)}
    contents = [(e.size, e.sha256) for e in journal.history.recent(9) if e.size is not None]
    assert contents == [(10, sha256), (20, sha256)]


def test_only_some_kinds_and_only_until_a_moment(journal: Journal) -> None:
    note(journal, "a", at_ns=NOW)
    note(journal, "b", at_ns=NOW + 1)
    journal.history.note(Event(NOW, HistoryKind.REMOVED, "m", "c", "from x"))
    assert paths(journal.history.recent(9, Wanted(until_ns=NOW))) == ["a", "c"]
    assert paths(journal.history.recent(9, Wanted(kinds=[HistoryKind.REMOVED]))) == ["c"]
    both = [HistoryKind.REMOVED, UPLOADED]
    assert paths(journal.history.recent(9, Wanted(kinds=both, since_ns=NOW + 1))) == ["b"]


def test_days_are_those_of_the_local_calendar(journal: Journal) -> None:
    late = int(datetime(2026, 11, 23, 23, 30, tzinfo=UTC).timestamp()) * SECOND_NS
    for path, size in (("a", 1), ("b", 2)):
        journal.history.note(Event(late, UPLOADED, "m", path, "", size=size))
    journal.history.note(Event(late + 3600 * SECOND_NS, HistoryKind.REMOVED, "m", "a", "from x"))
    with local_time_zone("UTC0"):
        assert journal.history.counted() == [
            Counted("2026-11-23", UPLOADED, 2, 3),
            Counted("2026-11-24", HistoryKind.REMOVED, 1, 0),
        ]
    with local_time_zone(BERLIN):
        assert {each.day for each in journal.history.counted()} == {"2026-11-24"}
        assert journal.history.counted(Wanted(path="b", mapping="m")) == [
            Counted("2026-11-24", UPLOADED, 1, 2)
        ]


@pytest.mark.parametrize("odd", NOT_UTF8, ids=ascii)
def test_names_and_messages_may_be_anything(journal: Journal, odd: str) -> None:
    file = notes(journal).see(odd)
    journal.outcomes.record(file, Failed(said(f"{odd} refused"), permanent=True), NOW)
    [event] = journal.history.recent(9)
    assert event.path == odd
    assert event.text.endswith("refused")


def test_what_is_not_recorded_is_no_history(journal: Journal) -> None:
    file = notes(journal).see("a.csv")
    with journal._database.writing() as connection:
        connection.execute(
            "CREATE TRIGGER t BEFORE UPDATE ON file BEGIN SELECT RAISE(FAIL, 'x'); END"
        )
    with pytest.raises(JournalError):
        journal.outcomes.record(file, Uploaded(V1, SHA1, None), NOW)
    assert kinds(journal) == []
