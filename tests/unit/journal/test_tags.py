"""Tags earned, applied and refused."""

from __future__ import annotations

from aqsync.journal import Journal
from tests.support.notes import EID, NOT_UTF8, NOW, notes

OTHER = "20261123-2"


def test_tags_are_earned_once_whatever_their_case(journal: Journal) -> None:
    journal.tags.earn([(EID, "b"), (EID, "Cooldown"), (OTHER, "b")], NOW)
    journal.tags.earn([(EID, "cooldown"), (EID, "a")], NOW + 1)
    assert journal.tags.unapplied() == {EID: ["b", "Cooldown", "a"], OTHER: ["b"]}


def test_an_applied_tag_is_applied_for_good(journal: Journal) -> None:
    journal.tags.earn([(EID, "a"), (EID, "b")], NOW)
    journal.tags.applied(EID, ["A"], NOW)
    assert journal.tags.unapplied() == {EID: ["b"]}
    journal.tags.earn([(EID, "a")], NOW)
    assert journal.tags.unapplied() == {EID: ["b"]}


def test_a_refused_tag_is_tried_again_and_its_refusal_told(journal: Journal) -> None:
    notes(journal).see("a.csv")
    journal.tags.earn([(EID, "a"), (EID, "b")], NOW)
    journal.tags.failed(EID, ["a"], "no \ud800", "hint")
    assert journal.tags.failures() == [(EID, "a", "no \\ud800", "hint")]
    assert journal.tags.unapplied() == {EID: ["a", "b"]}
    journal.tags.applied(EID, ["a"], NOW)
    assert journal.tags.failures() == []


def test_tags_of_an_experiment_that_nothing_goes_to_any_more_trouble_nobody(
    journal: Journal,
) -> None:
    journal.tags.earn([(EID, "a")], NOW)
    journal.tags.failed(EID, ["a"], "no", "hint")
    assert journal.tags.failures() == []


def test_paths_of_synced_files(journal: Journal) -> None:
    noted = notes(journal)
    for path in NOT_UTF8:
        noted.sync(path)
    noted.see("not synced")
    notes(journal, "other").sync("of another mapping")
    found = journal.tags.synced_paths(noted.mapping_id)
    assert sorted(found) == sorted((EID, path) for path in NOT_UTF8)
