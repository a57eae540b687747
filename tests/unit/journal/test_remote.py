"""The mirror in the journal: experiments, lists, and the server's own state."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

import pytest

from aqsync.journal import Journal
from aqsync.model import Problem, RemoteView, ServerProblem, Uploaded
from tests.support.notes import ANY_TIME, AT1, AT2, EID, NOW, SHA1, V1, V2, Notes, notes
from tests.support.reasons import said

OTHER = "20261123-2"
UUID_A = "aaaaaaaa-0000-4000-8000-000000000000"
UUID_B = "bbbbbbbb-0000-4000-8000-000000000000"
LOST = Problem(said("not found", "create it"), NOW)


def listed(noted: Notes, path: str) -> RemoteView:
    return noted.at(path).remote


def upload(noted: Notes, path: str, between: tuple[float, float] | None) -> None:
    noted.journal.outcomes.record(noted.see(path), Uploaded(V1, SHA1, between), NOW)


def bounds(around: str, slack: float) -> tuple[float, float]:
    at = datetime.fromisoformat(around).timestamp()
    return at - slack, at + slack


def modified_at(noted: Notes, path: str) -> str | None:
    synced = noted.at(path).synced
    assert synced is not None
    return synced.modified_at


def test_numbers_only_grow(journal: Journal) -> None:
    numbers = [journal.remote.next_sequence() for _ in range(3)]
    notes(journal).sync("a")
    assert numbers == [1, 2, 3]
    assert journal.remote.next_sequence() == 5, "an upload takes a number too"


# Experiments


def test_an_experiment_is_found(journal: Journal) -> None:
    with pytest.raises(KeyError):
        journal.remote.uuid(EID)
    journal.remote.found({EID: UUID_A})
    assert journal.remote.uuid(EID) == UUID_A
    found = journal.remote.experiments()[EID]
    assert (found.uuid, found.listed_sequence, found.problem) == (UUID_A, 0, None)


def test_an_experiment_is_not_found_and_later_it_is(journal: Journal) -> None:
    journal.remote.not_found({EID: LOST})
    journal.remote.not_found({EID: replace_since(LOST, NOW + 9)})
    assert journal.remote.problems()[EID][0] == LOST, "an older problem keeps its age"
    with pytest.raises(KeyError):
        journal.remote.uuid(EID)
    journal.remote.found({EID: UUID_A})
    assert EID not in journal.remote.problems()
    journal.remote.not_found({EID: replace_since(LOST, NOW + 9)})
    assert journal.remote.problems()[EID][0] == replace_since(LOST, NOW + 9)
    assert journal.remote.uuid(EID) == UUID_A


def replace_since(problem: Problem, since_ns: int) -> Problem:
    return replace(problem, since_ns=since_ns)


def test_the_same_experiment_again_keeps_what_is_known(journal: Journal) -> None:
    noted = notes(journal)
    journal.remote.found({EID: UUID_A})
    noted.sync("a")
    noted.list({"a": AT1})
    before = noted.at("a")
    journal.remote.not_found({EID: LOST})
    journal.remote.found({EID: UUID_A})
    assert noted.at("a") == before


def test_another_experiment_under_the_same_eid_has_nothing_of_ours(journal: Journal) -> None:
    noted = notes(journal)
    journal.remote.found({EID: UUID_A, OTHER: UUID_B})
    noted.sync("a")
    journal.outcomes.about_to_send(noted.see("sent"), SHA1, 10)
    other = noted.see("other", eid=OTHER)
    journal.outcomes.record(other, Uploaded(V1, SHA1, ANY_TIME), NOW)
    noted.list({"a": AT1})
    journal.tags.earn([(EID, "t"), (OTHER, "t")], NOW)
    journal.tags.applied(EID, ["t"], NOW)
    journal.tags.applied(OTHER, ["t"], NOW)
    untouched = noted.at("other")

    journal.remote.found({EID: "cccccccc-0000-4000-8000-000000000000"})
    for path in ("a", "sent"):
        file = noted.at(path)
        assert (file.synced, file.sent, file.remote) == (None, None, RemoteView(0, None))
        assert file.local == V1
    assert noted.at("other") == untouched
    assert journal.tags.unapplied() == {EID: ["t"]}, "the new one has no tags of ours"
    journal.remote.found({EID: UUID_A})
    assert journal.remote.digest([UUID_A]) is None, "its old list is not what is known now"


def test_where_files_go(journal: Journal) -> None:
    noted = notes(journal)
    assert journal.remote.mapped_eids([noted.mapping_id]) == set()
    for number, eid in enumerate([EID, OTHER, None, EID, "20260101-99", OTHER]):
        noted.see(f"{number}", eid=eid)
    other = notes(journal, "other")
    for number, eid in enumerate([EID, "20261231-1"]):
        other.see(f"{number}", eid=eid)
    assert journal.remote.mapped_eids([noted.mapping_id]) == {EID, OTHER, "20260101-99"}
    assert journal.remote.mapped_eids([other.mapping_id]) == {EID, "20261231-1"}
    both = {EID, OTHER, "20260101-99", "20261231-1"}
    assert journal.remote.mapped_eids([noted.mapping_id, other.mapping_id]) == both
    assert journal.remote.mapped_eids([]) == set()


def test_only_unmapped_files_go_nowhere(journal: Journal) -> None:
    noted = notes(journal)
    noted.see("a", eid=None)
    assert journal.remote.mapped_eids([noted.mapping_id]) == set()


# Lists


def test_a_list_replaces_the_one_before(journal: Journal) -> None:
    noted = notes(journal)
    for path in ("a", "b", "c"):
        noted.see(path)
    first = noted.list({"a": AT1, "b": AT1, "theirs": AT1})
    assert listed(noted, "a") == RemoteView(first, AT1)
    assert listed(noted, "c") == RemoteView(first, None)
    second = noted.list({"a": AT1, "b": AT2, "c": AT2})
    assert [listed(noted, p) for p in "abc"] == [
        RemoteView(second, AT1),
        RemoteView(second, AT2),
        RemoteView(second, AT2),
    ]
    noted.list({})
    assert listed(noted, "a").modified_at is None


def test_lists_of_one_experiment_say_nothing_of_others(journal: Journal) -> None:
    noted = notes(journal)
    noted.see("a")
    noted.see("b", eid=OTHER, name="a")
    noted.list({"a": AT1})
    assert listed(noted, "b") == RemoteView(0, None)


def test_an_unchanged_list_is_younger_now(journal: Journal) -> None:
    noted = notes(journal)
    upload(noted, "a", ANY_TIME)
    noted.list({"a": AT1})
    upload(noted, "b", ANY_TIME)
    sequence = journal.remote.next_sequence()
    journal.remote.unchanged([EID], sequence, NOW + 7)
    assert listed(noted, "a") == RemoteView(sequence, AT1)
    assert listed(noted, "b") == RemoteView(sequence, None)
    assert journal.remote.experiments()[EID].listed_at_ns == NOW + 7


def test_any_name_in_a_list_is_endured(journal: Journal) -> None:
    noted = notes(journal)
    noted.see("a")
    noted.list({"\udcff": AT1, "\ud800x": AT1, "a": AT1, "温度\n": AT1})
    assert listed(noted, "a").modified_at == AT1
    noted.list({"\udcff": AT2, "a": AT1})


def test_the_digest_of_an_answer_is_remembered_by_its_question(journal: Journal) -> None:
    journal.remote.found({EID: UUID_A, OTHER: UUID_B})
    assert journal.remote.digest([UUID_A]) is None
    journal.remote.listed({EID: []}, ([UUID_A], b"1"), 1, NOW)
    assert journal.remote.digest([UUID_A]) == b"1"
    assert journal.remote.digest([UUID_A, UUID_B]) is None


def test_a_digest_is_forgotten_when_another_question_changed_what_is_known(
    journal: Journal,
) -> None:
    """Else an experiment that is again as it was would pass for what it was in between."""
    noted = notes(journal)
    both = [UUID_A, UUID_B]
    journal.remote.found({EID: UUID_A, OTHER: UUID_B})
    journal.remote.listed({EID: [("a", AT1)], OTHER: []}, (both, b"before"), 1, NOW)
    journal.remote.listed({EID: [("a", AT1)]}, ([UUID_A], b"alone"), 2, NOW)
    assert journal.remote.digest(both) == b"before", "nothing has changed"
    noted.see("b")
    journal.remote.listed({EID: [("a", AT1), ("b", AT1)]}, ([UUID_A], b"between"), 3, NOW)
    assert journal.remote.digest(both) is None
    assert journal.remote.digest([UUID_A]) == b"between"
    journal.remote.listed({EID: [("a", AT1)], OTHER: []}, (both, b"before"), 4, NOW)
    assert journal.remote.digest([UUID_A]) is None
    assert listed(noted, "b").modified_at is None


def test_an_answer_that_leaves_an_experiment_out_is_asked_for_again(journal: Journal) -> None:
    journal.remote.found({EID: UUID_A, OTHER: UUID_B})
    journal.remote.listed({EID: []}, ([UUID_A, UUID_B], b"1"), 1, NOW)
    assert journal.remote.digest([UUID_A, UUID_B]) is None


# What lists say of our uploads


def test_a_younger_list_tells_the_time_that_our_upload_got(journal: Journal) -> None:
    noted = notes(journal)
    upload(noted, "a", bounds(AT1, 5))
    assert modified_at(noted, "a") is None
    noted.list({"a": AT1})
    assert modified_at(noted, "a") == AT1


def test_a_list_asked_for_before_the_upload_ended_tells_nothing(journal: Journal) -> None:
    noted = notes(journal)
    sequence = journal.remote.next_sequence()
    upload(noted, "a", ANY_TIME)
    noted.list({"a": AT1}, sequence=sequence)
    assert modified_at(noted, "a") is None
    noted.list({"a": AT1})
    assert modified_at(noted, "a") == AT1


def test_a_time_that_our_upload_cannot_have_got_is_not_taken(journal: Journal) -> None:
    noted = notes(journal)
    upload(noted, "a", bounds(AT1, 5))
    noted.list({"a": AT2})
    assert modified_at(noted, "a") is None


def test_without_bounds_no_listed_time_is_taken(journal: Journal) -> None:
    noted = notes(journal)
    upload(noted, "a", None)
    noted.list({"a": AT2})
    assert modified_at(noted, "a") is None


def test_what_was_listed_before_the_upload_is_not_the_upload(journal: Journal) -> None:
    noted = notes(journal)
    noted.see("a")
    noted.list({"a": AT1})
    upload(noted, "a", ANY_TIME)
    noted.list({"a": AT1})
    assert modified_at(noted, "a") is None


def test_a_time_that_nobody_can_read_is_endured(journal: Journal) -> None:
    noted = notes(journal)
    upload(noted, "a", bounds(AT1, 5))
    noted.list({"a": "last Tuesday"})
    assert modified_at(noted, "a") is None


def test_a_time_once_learned_stays(journal: Journal) -> None:
    noted = notes(journal)
    upload(noted, "a", ANY_TIME)
    noted.list({"a": AT1})
    noted.list({"a": AT2})
    assert modified_at(noted, "a") == AT1
    assert listed(noted, "a").modified_at == AT2


def test_an_unchanged_list_can_tell_the_time_too(journal: Journal) -> None:
    noted = notes(journal)
    sequence = journal.remote.next_sequence()
    upload(noted, "a", bounds(AT1, 5))
    noted.list({"a": AT1}, sequence=sequence)
    assert modified_at(noted, "a") is None
    journal.remote.unchanged([EID], journal.remote.next_sequence(), NOW)
    assert modified_at(noted, "a") == AT1


def test_since_when_a_file_is_missed(journal: Journal) -> None:
    noted = notes(journal)
    for path in ("ours", "new"):
        noted.see(path)
    upload(noted, "ours", ANY_TIME)
    noted.list({"ours": AT1, "new": AT1})
    later = list_later(noted, {})
    assert noted.at("ours").removed_at_ns == later
    assert noted.at("new").removed_at_ns is None, "it was never ours"
    upload(noted, "ours", ANY_TIME)
    assert noted.at("ours").removed_at_ns is None


def list_later(noted: Notes, files: dict[str, str]) -> int:
    remote = noted.journal.remote
    at = NOW + 99
    asked = ([remote.uuid(EID)], b"later")
    remote.listed({EID: list(files.items())}, asked, remote.next_sequence(), at)
    return at


def test_a_file_sent_after_the_list_was_asked_for_is_not_missed(journal: Journal) -> None:
    noted = notes(journal)
    upload(noted, "a", ANY_TIME)
    noted.list({"a": AT1})
    sequence = journal.remote.next_sequence()
    upload(noted, "a", ANY_TIME)
    noted.list({}, sequence=sequence)
    assert noted.at("a").removed_at_ns is None


# The server


def test_the_state_of_the_server(journal: Journal) -> None:
    assert journal.remote.server_problem() is None
    problem = ServerProblem(said("away", "hint"), denied=True, since_ns=1, count=2, probe_at_ns=3)
    journal.remote.set_server_problem(problem)
    assert journal.remote.server_problem() == problem
    journal.remote.set_server_problem(replace(problem, count=3))
    assert journal.remote.server_problem() == replace(problem, count=3)
    journal.remote.set_server_problem(None)
    assert journal.remote.server_problem() is None


def test_a_server_may_say_anything(journal: Journal) -> None:
    problem = ServerProblem(
        said("said \ud800", "\udcff"), denied=False, since_ns=1, count=1, probe_at_ns=1
    )
    journal.remote.set_server_problem(problem)
    found = journal.remote.server_problem()
    assert found is not None
    assert (found.message, found.hint) == ("said \\ud800", "\\udcff")
    journal.remote.not_found({EID: Problem(said("\udcff", "\ud800"), NOW)})
    assert journal.remote.problems()[EID][0] == Problem(said("\\udcff", "\\ud800"), NOW)


def test_a_file_goes_through_its_life(journal: Journal) -> None:
    noted = notes(journal)
    noted.see("a", V1)
    noted.list({})
    upload(noted, "a", bounds(AT1, 5))
    noted.list({"a": AT1})
    assert not journal.observations.unquiet(noted.mapping_id)
    assert journal.observations.quiet(noted.mapping_id) == (1, 10, 0, 0)
    noted.see("a", V2)
    [waiting] = journal.observations.unquiet(noted.mapping_id)
    assert waiting.size == 20
    assert journal.observations.quiet(noted.mapping_id) == (0, 0, 0, 0)
