"""Asking the server, and telling the journal."""

from __future__ import annotations

from collections.abc import Sequence
from unittest.mock import Mock
from uuid import UUID

import pytest

from aqsync.aqueduct.records import FileLists
from aqsync.errors import AnswerTooLarge, Forbidden, ServerUnreachable
from aqsync.journal.remote import ExperimentRecord
from aqsync.model import Problem, Reason, Upload
from aqsync.sync.mirror import CHUNK, Mirror
from tests.support.fake_clock import SECOND_NS
from tests.support.lab import EID, Lab

OTHER, NOWHERE = "20261123-2", "20261123-404"


@pytest.fixture
def mirror(lab: Lab) -> Mirror:
    lab.server.add(OTHER)
    return Mirror(lab.server, lab.journal, lab.clock)


def record(lab: Lab, eid: str) -> ExperimentRecord:
    return lab.journal.remote.experiments()[eid]


def modified_at(lab: Lab, path: str) -> str | None:
    return lab.record(path).remote.modified_at


def test_experiments_are_found_and_missed(lab: Lab, mirror: Mirror) -> None:
    mirror.resolve([NOWHERE, EID, OTHER])
    for eid in (EID, OTHER):
        assert record(lab, eid).uuid == str(lab.server.of(eid).uuid)
        assert record(lab, eid).problem is None
    problem = record(lab, NOWHERE).problem
    assert problem is not None
    assert problem.message == f"the server knows no experiment {NOWHERE}"
    assert "create it on the server" in problem.hint
    assert problem.since_ns == lab.clock.now_ns()


def test_what_is_missing_is_looked_for_in_growing_pauses(lab: Lab, mirror: Mirror) -> None:
    since_ns, pauses = lab.clock.now_ns(), []
    for _ in range(7):
        mirror.resolve([NOWHERE])
        found = record(lab, NOWHERE)
        assert found.problem is not None
        assert found.problem.since_ns == since_ns
        assert found.again_ns is not None
        pauses.append((found.again_ns - lab.clock.now_ns()) // SECOND_NS)
        lab.clock.advance(pauses[-1])
    assert pauses == [5, 10, 20, 40, 60, 60, 60]
    lab.server.add(NOWHERE)
    mirror.resolve([NOWHERE])
    lab.server.remove(NOWHERE)
    mirror.refresh([NOWHERE])
    assert record(lab, NOWHERE).again_ns == lab.clock.now_ns() + 5 * SECOND_NS


def test_lists_that_are_too_long_together_are_asked_for_apart(
    lab: Lab, mirror: Mirror, monkeypatch: pytest.MonkeyPatch
) -> None:
    eids = [OTHER, *(f"20261123-{number}" for number in range(3, 9))]
    for eid in eids[1:]:
        lab.server.add(eid)
    asked: list[int] = []
    plain = lab.server.list_files

    def at_most_two(
        uuids: Sequence[UUID], *, known_digest: bytes | None = None
    ) -> FileLists | None:
        asked.append(len(uuids))
        if len(uuids) > 2:
            raise AnswerTooLarge("too large")
        return plain(uuids, known_digest=known_digest)

    monkeypatch.setattr(lab.server, "list_files", at_most_two)
    assert mirror.refresh(eids) == set(eids)
    assert asked == [7, 3, 1, 1, 1, 1, 1, 1, 1]
    assert all(record(lab, eid).listed_sequence for eid in eids)
    monkeypatch.setattr(lab.server, "list_files", Mock(side_effect=AnswerTooLarge("too large")))
    with pytest.raises(AnswerTooLarge):
        mirror.refresh([OTHER])


def test_nothing_to_find_asks_nothing(lab: Lab, mirror: Mirror) -> None:
    mirror.resolve([])
    mirror.refresh([])
    assert lab.server.calls == []


def test_lists_are_fetched_and_experiments_found_on_the_way(lab: Lab, mirror: Mirror) -> None:
    at = lab.server.put(EID, "a", b"x")
    lab.write("a")
    lab.scan()
    mirror.refresh([EID, OTHER, NOWHERE])
    assert lab.record("a").remote.modified_at == at
    assert record(lab, EID).listed_at_ns == lab.clock.now_ns()
    assert record(lab, OTHER).listed_sequence > 0
    assert record(lab, NOWHERE).listed_sequence == 0
    calls = len(lab.server.calls)
    mirror.refresh([EID, OTHER])
    assert lab.server.calls[calls:] == [lab.server.calls[1]], "found ones are not looked for again"


def test_an_unchanged_list_is_younger_than_it_was(lab: Lab, mirror: Mirror) -> None:
    mirror.refresh([EID])
    before = record(lab, EID)
    lab.clock.advance(60)
    mirror.refresh([EID])
    after = record(lab, EID)
    assert after.listed_sequence > before.listed_sequence
    assert after.listed_at_ns == lab.clock.now_ns()


def test_what_ends_after_the_question_is_not_missed_in_the_answer(lab: Lab, mirror: Mirror) -> None:
    """The answer was made before the upload ended: it says nothing of it."""
    lab.write("a")
    lab.scan()
    mirror.refresh([EID])
    held: list[dict[str, object]] = []

    def upload_meanwhile() -> None:
        step = lab.decision("a")
        assert isinstance(step, Upload)
        job = lab.engine.job(lab.record("a"), step)
        assert job is not None
        lab.engine.perform(job)
        held.append(dict(lab.server.of(EID).files))
        lab.server.of(EID).files.clear()

    lab.server.troubles["list_files"].append(upload_meanwhile)
    mirror.refresh([EID])
    file = lab.record("a")
    assert file.synced is not None
    assert held[0].keys() == {"a"}
    assert file.remote.listed_sequence < file.synced.sequence


def test_a_list_that_comes_late_says_nothing_of_what_a_later_one_has_shown(
    lab: Lab, mirror: Mirror
) -> None:
    def list_meanwhile() -> None:
        lab.server.of(EID).files.clear()
        mirror.refresh([EID])
        lab.server.put(EID, "a", b"x")

    lab.server.troubles["list_files"].append(list_meanwhile)
    mirror.refresh([EID])
    lab.write("a")
    lab.scan()
    assert lab.record("a").remote.modified_at is None


def test_an_experiment_that_appears_is_found_on_the_next_look(lab: Lab, mirror: Mirror) -> None:
    mirror.refresh([NOWHERE])
    lab.server.add(NOWHERE)
    lab.server.put(NOWHERE, "a", b"x")
    mirror.refresh([NOWHERE])
    assert record(lab, NOWHERE).problem is None
    assert record(lab, NOWHERE).listed_sequence > 0


def test_a_removed_experiment_is_missed(lab: Lab, mirror: Mirror) -> None:
    mirror.refresh([EID, OTHER])
    lab.server.remove(EID)
    lab.clock.advance(9)
    mirror.refresh([EID, OTHER])
    assert record(lab, EID).problem is not None
    assert record(lab, OTHER).problem is None
    assert record(lab, OTHER).listed_at_ns == lab.clock.now_ns()


def test_another_experiment_in_the_place_of_a_removed_one(lab: Lab, mirror: Mirror) -> None:
    lab.write("a")
    lab.push()
    assert lab.record("a").synced is not None
    lab.server.remove(EID)
    lab.server.add(EID)
    mirror.refresh([EID])
    file = lab.record("a")
    assert file.synced is None
    assert record(lab, EID).uuid == str(lab.server.of(EID).uuid)
    assert file.remote.listed_sequence > 0, "its list was fetched at once"


def test_an_answer_that_is_as_it_was_before_others_is_taken_as_it_is(
    lab: Lab, mirror: Mirror
) -> None:
    """The same answer to the same question is no proof where other questions came between."""
    lab.write("a")
    lab.scan()
    mirror.refresh([EID, OTHER])
    lab.server.put(EID, "a", b"x")
    mirror.refresh([EID])
    assert modified_at(lab, "a") is not None
    del lab.server.of(EID).files["a"]
    mirror.refresh([EID, OTHER])
    assert modified_at(lab, "a") is None


def test_a_removed_experiment_is_missed_also_when_the_server_fell_silent(
    lab: Lab, mirror: Mirror
) -> None:
    mirror.refresh([EID, OTHER])
    lab.server.remove(EID)
    lab.server.troubles["resolve"].append(ServerUnreachable("away"))
    with pytest.raises(ServerUnreachable):
        mirror.refresh([EID, OTHER])
    mirror.refresh([EID, OTHER])
    assert record(lab, EID).problem is not None


@pytest.mark.parametrize("method", ["resolve", "list_files"])
def test_a_silent_server_changes_nothing(lab: Lab, mirror: Mirror, method: str) -> None:
    mirror.refresh([EID])
    before = lab.journal.remote.experiments()
    lab.server.always[method] = ServerUnreachable("away")
    with pytest.raises(ServerUnreachable):
        mirror.refresh([EID, OTHER])
    after = lab.journal.remote.experiments()
    assert after[EID] == before[EID]


def test_many_experiments_are_asked_for_in_few_questions(lab: Lab, mirror: Mirror) -> None:
    eids = [f"20260101-{number}" for number in range(2 * CHUNK + 1)]
    for eid in eids:
        lab.server.add(eid)
        lab.server.put(eid, "a", b"x")
    mirror.refresh(eids)
    assert [len(asked.split(",")) for asked in lab.server.called("list_files")] == [CHUNK, CHUNK, 1]
    assert all(record(lab, eid).listed_sequence > 0 for eid in eids)
    mirror.refresh(eids)
    assert lab.server.called("resolve") == [",".join(sorted(eids))]


def test_the_question_is_the_same_whatever_the_order(lab: Lab, mirror: Mirror) -> None:
    mirror.refresh([EID, OTHER])
    mirror.refresh([OTHER, EID])
    first, second = lab.server.called("list_files")
    assert first == second


# Lists that may not be seen

NO = Forbidden("the server does not allow this", hint="ask")


def forbid_lists(lab: Lab, *eids: str) -> None:
    """Requests that ask for the list of one of these are refused as a whole."""
    begin = lab.server._begin

    def guarded(method: str, about: str) -> None:
        begin(method, about)
        if method == "list_files" and set(about.split(",")).intersection(eids):
            raise NO

    lab.server._begin = guarded  # type: ignore[method-assign]  # a server that may not do it all


def test_one_list_that_may_not_be_seen_hides_no_other(lab: Lab, mirror: Mirror) -> None:
    forbid_lists(lab, OTHER)
    since_ns = lab.clock.now_ns()
    for pause_s in (5, 10, 20):
        mirror.refresh([EID, OTHER])
        assert record(lab, EID).problem is None
        assert record(lab, EID).listed_at_ns == lab.clock.now_ns()
        refused = record(lab, OTHER)
        assert refused.problem == Problem(
            Reason.LIST_NOT_ALLOWED.explain(said=NO.message, advice=NO.hint), since_ns
        )
        assert refused.again_ns == lab.clock.now_ns() + pause_s * SECOND_NS
        lab.clock.advance(pause_s)
    lab.server._begin = type(lab.server)._begin.__get__(lab.server)  # type: ignore[method-assign]  # allowed
    mirror.refresh([EID, OTHER])
    assert record(lab, OTHER).problem is None
    assert record(lab, OTHER).looks == 0


def test_the_only_list_that_may_not_be_seen_is_the_experiments(lab: Lab, mirror: Mirror) -> None:
    forbid_lists(lab, EID)
    mirror.refresh([EID])
    assert record(lab, EID).problem is not None
    lab.server.always["check_file_name_header"] = NO
    with pytest.raises(Forbidden):
        mirror.refresh([EID])


def test_three_lists_that_may_not_be_seen_are_the_tokens(lab: Lab, mirror: Mirror) -> None:
    eids = [EID, OTHER, "20261123-3", "20261123-4"]
    for eid in eids[2:]:
        lab.server.add(eid)
    forbid_lists(lab, *eids)
    with pytest.raises(Forbidden):
        mirror.refresh(eids)
    assert len(lab.server.called("list_files")) == 4
