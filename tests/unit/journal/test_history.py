"""What happened, found again and forgotten in time."""

from __future__ import annotations

import pytest

from aqsync.errors import JournalError
from aqsync.journal import Journal
from aqsync.journal.history import Event, HistoryKind
from aqsync.model import (
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

UPLOADED = HistoryKind.UPLOADED


def paths(events: list[Event]) -> list[str]:
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
    assert paths(journal.history.recent(9, mapping="m", path="run")) == ["run", "run/a", "run/x/b"]
    assert paths(journal.history.recent(9, mapping="n")) == ["run/other"]


@pytest.mark.parametrize("odd", NOT_UTF8, ids=ascii)
def test_any_name_is_found_again(journal: Journal, odd: str) -> None:
    note(journal, odd, f"{odd}/below", f"{odd}/\udcff", "other")
    found = paths(journal.history.recent(9, mapping="m", path=odd))
    assert found == [odd, f"{odd}/below", f"{odd}/\udcff"]
    assert paths(journal.history.recent(9)) == [*found, "other"]


def test_only_what_happened_since_a_moment(journal: Journal) -> None:
    note(journal, "a", at_ns=NOW)
    note(journal, "b", at_ns=NOW + 1)
    assert paths(journal.history.recent(9, since_ns=NOW + 1)) == ["b"]
    assert paths(journal.history.recent(9, since_ns=NOW + 1, mapping="m", path="a")) == []


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
    assert journal.history.prune(0, 0) == 3
    assert journal.history.recent(9) == []


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
        ("uploaded", "run/a.csv", f"10 bytes, SHA-256 {sha256}"),
        ("adopted", "run/a.csv", f"20 bytes, SHA-256 {sha256}"),
        ("removed", "run/a.csv", f"from {EID}"),
    ]
    assert {(e.mapping, e.at_ns) for e in journal.history.recent(1)} == {("m", NOW + 5)}


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
