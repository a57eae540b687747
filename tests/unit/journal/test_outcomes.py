"""What came of jobs, and what people decided."""

from __future__ import annotations

import pytest

from aqsync.journal import Journal
from aqsync.journal.observations import Retargeted
from aqsync.journal.outcomes import plausible
from aqsync.model import (
    Adopted,
    ChangedMeanwhile,
    Comparison,
    Failed,
    Failure,
    FoundDifferent,
    FoundOurOwn,
    Outcome,
    Removed,
    SentVersion,
    Signature,
    SyncedVersion,
    Touched,
    Uploaded,
)
from tests.support.notes import ANY_TIME, AT1, AT2, EID, NOT_UTF8, NOW, SHA1, SHA2, V1, V2, notes
from tests.support.reasons import said

FAILED = Failed(said("it failed", "do something"), permanent=False)


def test_an_upload_ends_everything_that_stood_open(journal: Journal) -> None:
    noted = notes(journal)
    file = noted.see("a")
    noted.list({"a": AT1})
    journal.outcomes.record(file, FoundDifferent(AT1), NOW)
    journal.outcomes.allow_replacing([noted.at("a")])
    journal.outcomes.retry([file.id])
    journal.outcomes.record(file, FAILED, NOW)
    journal.outcomes.about_to_send(file, SHA1, 10)
    sequence = journal.remote.next_sequence()
    journal.outcomes.record(file, Uploaded(V1, SHA1, (1.0, 2.0)), NOW + 5)
    after = noted.at("a")
    assert after.synced == SyncedVersion(V1, SHA1, NOW + 5, sequence + 1, None, listed=False)
    assert (after.sent, after.comparison, after.failure) == (None, None, None)
    assert (after.forced, after.may_replace, after.removed_at_ns) == (False, None, None)


def test_what_was_about_to_be_sent_is_remembered(journal: Journal) -> None:
    noted = notes(journal)
    file = noted.see("a")
    journal.outcomes.about_to_send(file, SHA2, 20)
    assert noted.at("a").sent == SentVersion(SHA2, 20)
    journal.outcomes.record(file, FAILED, NOW)
    assert noted.at("a").sent == SentVersion(SHA2, 20), "the server may hold them"


def test_a_touched_file_keeps_what_is_known_of_the_server(journal: Journal) -> None:
    noted = notes(journal)
    before = noted.sync("a", V1)
    noted.list({"a": AT1})
    file = noted.see("a", V2._replace(size=10))
    assert file.local is not None
    journal.outcomes.retry([file.id])
    journal.outcomes.record(file, Touched(file.local, SHA1), NOW + 5)
    after = noted.at("a")
    assert before.synced is not None
    assert after.synced == SyncedVersion(file.local, SHA1, NOW + 5, before.synced.sequence, AT1)
    assert not after.forced


def test_an_adopted_file_is_synced_as_listed(journal: Journal) -> None:
    noted = notes(journal)
    file = noted.see("a")
    noted.list({"a": AT1})
    journal.outcomes.record(file, Adopted(V1, SHA1, AT1), NOW)
    assert noted.at("a").synced == SyncedVersion(V1, SHA1, NOW, 0, AT1)


def test_our_own_earlier_version_is_recognised(journal: Journal) -> None:
    noted = notes(journal)
    noted.sync("a", V1, SHA1)
    file = noted.see("a", V2)
    journal.outcomes.record(file, FoundOurOwn(10, SHA1, AT2), NOW + 5)
    assert noted.at("a").synced == SyncedVersion(V1, SHA1, NOW, 0, AT2)
    assert noted.at("a").local == V2


def test_a_version_whose_answer_was_lost_is_recognised(journal: Journal) -> None:
    noted = notes(journal)
    file = noted.see("a", V2)
    journal.outcomes.about_to_send(file, SHA1, 10)
    journal.outcomes.record(noted.at("a"), FoundOurOwn(10, SHA1, AT1), NOW)
    after = noted.at("a")
    assert after.synced is not None
    assert after.synced.signature == Signature(10, 0, 0, 0)
    assert after.synced.modified_at == AT1
    assert after.sent is None


def test_a_difference_is_one_to_the_version_compared(journal: Journal) -> None:
    noted = notes(journal)
    before = noted.see("a", V1)
    journal.outcomes.retry([before.id])
    journal.outcomes.record(before, FoundDifferent(AT1), NOW)
    assert noted.at("a").comparison == Comparison(AT1, NOW)
    assert not noted.at("a").forced, "the question was asked, and this is the answer"
    noted.see("a", V2)
    journal.outcomes.record(before, FoundDifferent(AT1), NOW)
    assert noted.at("a").comparison is None, "the file has changed meanwhile"


def test_failures_are_counted_until_the_file_changes(journal: Journal) -> None:
    noted = notes(journal)
    file = noted.see("a", V1)
    journal.outcomes.record(file, FAILED, NOW)
    journal.outcomes.record(file, FAILED, NOW + 1)
    assert noted.at("a").failure == Failure(said("it failed", "do something"), False, 2, NOW + 1)
    noted.see("a", V2)
    journal.outcomes.record(file, FAILED, NOW + 2)
    assert noted.at("a").failure is None, "that was the version before"


def test_a_failed_removal_sticks_to_the_file_that_is_gone(journal: Journal) -> None:
    noted = notes(journal)
    noted.sync("a")
    journal.observations.gone(noted.mapping_id, ["a"], NOW)
    gone = noted.at("a")
    journal.outcomes.record(gone, FAILED, NOW)
    assert noted.at("a").failure is not None
    noted.see("a")
    journal.outcomes.record(gone, FAILED, NOW)
    assert noted.at("a").failure is None, "it is here again"


@pytest.mark.parametrize("odd", NOT_UTF8, ids=ascii)
def test_a_failure_may_name_any_file(journal: Journal, odd: str) -> None:
    noted = notes(journal)
    failed = Failed(said(f"{odd} cannot be read", f"look at {odd}"), permanent=False)
    journal.outcomes.record(noted.see(odd), failed, NOW)
    failure = noted.at(odd).failure
    assert failure is not None
    assert failure.message.endswith(" cannot be read")
    assert failure.message.encode().decode() == failure.message


def test_a_removed_file_is_forgotten_unless_it_came_back(journal: Journal) -> None:
    noted = notes(journal)
    for path in ("a", "back"):
        noted.sync(path)
    noted.list({"a": AT1, "back": AT1})
    journal.observations.gone(noted.mapping_id, ["a", "back"], NOW)
    gone = {path: noted.at(path) for path in ("a", "back")}
    noted.see("back")
    for file in gone.values():
        journal.outcomes.record(file, Removed(), NOW)
    assert noted.find("a") is None
    assert noted.at("back").remote.modified_at is None


def test_nothing_is_learned_of_a_file_that_moved_on(journal: Journal) -> None:
    noted = notes(journal)
    file = noted.sync("a")
    journal.outcomes.record(file, ChangedMeanwhile(), NOW + 5)
    assert noted.at("a") == file


# Work that ends after the world has changed

OUTCOMES: list[Outcome] = [
    Uploaded(V1, SHA1, ANY_TIME),
    Touched(V1, SHA1),
    Adopted(V1, SHA1, AT1),
    FoundOurOwn(10, SHA1, AT1),
    FoundDifferent(AT1),
    FAILED,
]


@pytest.mark.parametrize("outcome", OUTCOMES, ids=lambda outcome: type(outcome).__name__)
def test_what_was_done_for_another_target_does_not_count_for_the_new_one(
    journal: Journal, outcome: Outcome
) -> None:
    noted = notes(journal)
    file = noted.see("a")
    journal.observations.retarget(noted.mapping_id, [Retargeted("a", "20261123-2", "b")])
    moved = noted.at("a")
    journal.outcomes.about_to_send(file, SHA1, 10)
    journal.outcomes.record(file, outcome, NOW)
    assert noted.at("a") == moved


@pytest.mark.parametrize("outcome", OUTCOMES, ids=lambda outcome: type(outcome).__name__)
def test_what_was_done_for_a_forgotten_file_does_not_fall_to_the_next(
    journal: Journal, outcome: Outcome
) -> None:
    noted = notes(journal)
    file = noted.see("a")
    journal.observations.gone(noted.mapping_id, ["a"], NOW)
    other = noted.see("b", name="a")
    journal.outcomes.about_to_send(file, SHA1, 10)
    journal.outcomes.record(file, outcome, NOW)
    assert noted.at("b") == other
    assert noted.find("a") is None


# People


def test_retry_forgets_what_stood_in_the_way(journal: Journal) -> None:
    noted = notes(journal)
    a, b = noted.see("a"), noted.see("b")
    for file in (a, b):
        journal.outcomes.record(file, Failed(said("no"), permanent=True), NOW)
        journal.outcomes.record(file, FoundDifferent(AT1), NOW)
        journal.outcomes.record(file, Failed(said("no"), permanent=True), NOW)
    journal.outcomes.retry([a.id])
    a = noted.at("a")
    assert (a.failure, a.comparison, a.forced) == (None, None, True)
    assert noted.at("b").failure is not None


def test_replacing_is_allowed_for_the_version_listed(journal: Journal) -> None:
    noted = notes(journal)
    noted.see("a")
    noted.list({"a": AT1})
    listed_then = noted.at("a")
    noted.list({"a": AT2})
    journal.outcomes.allow_replacing([listed_then])
    assert noted.at("a").may_replace == AT1


def test_ended_pauses_leave_what_is_refused(journal: Journal) -> None:
    noted, other = notes(journal), notes(journal, "other")
    for at in (noted, other):
        journal.outcomes.record(at.see("slow"), FAILED, NOW)
        journal.outcomes.record(at.see("refused"), Failed(said("no"), permanent=True), NOW)
    journal.outcomes.end_pauses(noted.mapping_id)
    times = {
        (at.mapping_id, path): failure.at_ns
        for at in (noted, other)
        for path in ("slow", "refused")
        if (failure := at.at(path).failure) is not None
    }
    assert times == {
        (noted.mapping_id, "slow"): 0,
        (noted.mapping_id, "refused"): NOW,
        (other.mapping_id, "slow"): NOW,
        (other.mapping_id, "refused"): NOW,
    }


# When our upload can have ended, by the server's clock


@pytest.mark.parametrize(
    ("bounds", "modified_at", "fits"),
    [
        ((None, None), AT1, False),
        ((100.0, 200.0), "1970-01-01T00:01:40+00:00", True),
        ((100.0, 200.0), "1970-01-01T00:03:20+00:00", True),
        ((100.0, 200.0), "1970-01-01T00:01:39.999999+00:00", False),
        ((100.0, 200.0), "1970-01-01T00:03:20.000001+00:00", False),
        ((100.0, 200.0), "1970-01-01T02:02:00+02:00", True),
        ((100.0, 200.0), "1970-01-01T00:02:00Z", True),
        ((100.0, 200.0), "last Tuesday", False),
        ((100.0, 200.0), "", False),
        ((None, None), "last Tuesday", False),
    ],
)
def test_plausible_times(
    bounds: tuple[float | None, float | None], modified_at: str, *, fits: bool
) -> None:
    assert plausible(modified_at, *bounds) is fits


def test_tags_are_earned_with_the_outcome(journal: Journal) -> None:
    noted = notes(journal)
    a, b, c, d = noted.see("a"), noted.see("b"), noted.see("c"), noted.see("d")
    journal.outcomes.record(a, Uploaded(V1, SHA1, ANY_TIME), NOW, ["one", "two"])
    journal.outcomes.record(b, FAILED, NOW, ["three"])
    journal.outcomes.record(c, Adopted(V1, SHA1, AT1), NOW, ["ONE", "four"])
    journal.outcomes.record(d, FoundOurOwn(10, SHA1, AT1), NOW, ["five"])
    assert set(journal.tags.unapplied()[EID]) == {"one", "two", "four", "five"}
