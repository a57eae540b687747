"""Tags reach the server once each."""

from __future__ import annotations

import pytest

from aqsync.config import TagRule
from aqsync.errors import ServerBusy, ServerUnreachable
from aqsync.local.rules import Rules
from aqsync.sync.tagger import CHUNK, Tagger
from tests.support.lab import EID, Lab

OTHER = "20261123-2"


@pytest.fixture
def tagger(lab: Lab) -> Tagger:
    lab.write("run/a.csv")
    lab.push()
    lab.server.calls.clear()
    return Tagger(lab.server, lab.journal, lab.clock)


def apply(lab: Lab, tagger: Tagger) -> int:
    return tagger.apply(lab.engine._experiment_vanished)


def earn(lab: Lab, *tags: str, eid: str = EID) -> None:
    lab.journal.tags.earn([(eid, tag) for tag in tags], lab.clock.now_ns())


def rules(lab: Lab, *pairs: tuple[str, str]) -> Rules:
    lab.configure(tags=tuple(TagRule(match=match, add=(add,)) for match, add in pairs))
    return Rules(lab.mapping)


def test_earned_tags_are_applied_once(lab: Lab, tagger: Tagger) -> None:
    earn(lab, "a", "b")
    assert apply(lab, tagger) == 2
    assert lab.server.of(EID).tags == ["a", "b"]
    assert apply(lab, tagger) == 0
    assert lab.server.called("add_tags") == ["a,b"]


def test_it_shows_that_it_gets_on(lab: Lab, tagger: Tagger) -> None:
    """A server that is slow, and thousands of experiments, are no hang."""
    earn(lab, "a")
    beats = list[float]()
    tagger.apply(lab.engine._experiment_vanished, None, lambda: beats.append(lab.clock.monotonic()))
    assert len(beats) == 1


def test_a_tag_that_somebody_removed_stays_removed(lab: Lab, tagger: Tagger) -> None:
    earn(lab, "a")
    apply(lab, tagger)
    lab.server.of(EID).tags.clear()
    earn(lab, "a", "A")
    assert apply(lab, tagger) == 0
    assert lab.server.of(EID).tags == []


def test_many_tags_go_in_few_requests(lab: Lab, tagger: Tagger) -> None:
    tags = [f"t{number:03}" for number in range(CHUNK + 1)]
    earn(lab, *tags)
    assert apply(lab, tagger) == CHUNK + 1
    assert len(lab.server.called("add_tags")) == 2
    assert lab.server.of(EID).tags == tags


def test_a_refused_tag_does_not_keep_the_others(lab: Lab, tagger: Tagger) -> None:
    lab.server.refused_tags = {"b"}
    earn(lab, "a", "b", "c")
    assert apply(lab, tagger) == 2
    assert lab.server.of(EID).tags == ["a", "c"]
    [failure] = lab.journal.tags.failures()
    assert failure[:2] == (EID, "b")
    assert "refused" in failure[2]
    lab.server.refused_tags.clear()
    assert apply(lab, tagger) == 1
    assert lab.journal.tags.failures() == []


def test_a_silent_server_is_no_fault_of_the_tags(lab: Lab, tagger: Tagger) -> None:
    earn(lab, "a")
    lab.server.troubles["add_tags"].append(ServerUnreachable("away"))
    with pytest.raises(ServerUnreachable):
        apply(lab, tagger)
    assert lab.journal.tags.failures() == []
    assert apply(lab, tagger) == 1


def test_a_tag_that_others_made_at_the_same_moment_is_tried_again(lab: Lab, tagger: Tagger) -> None:
    earn(lab, "a", "b")
    lab.server.troubles["add_tags"].append(ServerBusy("duplicate key"))
    assert apply(lab, tagger) == 2
    assert lab.server.of(EID).tags == ["a", "b"]


def test_an_experiment_that_vanished_keeps_no_other_from_its_tags(lab: Lab, tagger: Tagger) -> None:
    lab.server.add(OTHER)
    lab.engine.refresh([OTHER])
    earn(lab, "a", "b")
    earn(lab, "c", eid=OTHER)
    lab.server.remove(EID)
    assert apply(lab, tagger) == 1
    assert lab.server.called("add_tags") == ["a,b", "c"]
    assert lab.journal.tags.failures() == []
    problem = lab.journal.remote.problems()[EID][0]
    assert problem.message == f"the server no longer knows experiment {EID}"
    assert lab.journal.tags.unapplied() == {EID: ["a", "b"]}


def test_experiments_that_cannot_be_used_wait(lab: Lab, tagger: Tagger) -> None:
    earn(lab, "a")
    earn(lab, "a", eid=OTHER)
    assert apply(lab, tagger) == 1
    lab.server.add(OTHER)
    lab.engine.refresh([OTHER])
    assert apply(lab, tagger) == 1
    assert lab.server.of(OTHER).tags == ["a"]


def test_new_rules_reach_what_was_synced_before(lab: Lab, tagger: Tagger) -> None:
    lab.write("other.csv")
    lab.scan()
    tagger.reconsider("lab", rules(lab, ("{run}/*.csv", "run:{run}"), ("other.csv", "other")))
    assert lab.journal.tags.unapplied() == {EID: ["run:run"]}, "the other is not synced yet"
    assert apply(lab, tagger) == 1
    tagger.reconsider("lab", rules(lab, ("{run}/*.csv", "run:{run}"), ("other.csv", "other")))
    assert apply(lab, tagger) == 0
    tagger.reconsider("lab", rules(lab, ("**", "all")))
    assert apply(lab, tagger) == 1
    assert lab.server.of(EID).tags == ["run:run", "all"]


def test_rules_that_are_as_they_were_cost_nothing(
    lab: Lab, tagger: Tagger, monkeypatch: pytest.MonkeyPatch
) -> None:
    same = rules(lab, ("**", "all"))
    tagger.reconsider("lab", same)

    def unwanted(_mapping_id: int) -> list[tuple[str, str]]:
        pytest.fail("every synced file was looked at again")

    monkeypatch.setattr(lab.journal.tags, "synced_paths", unwanted)
    tagger.reconsider("lab", Rules(lab.mapping))


def test_a_refused_tag_that_no_rule_gives_any_more_troubles_nobody(
    lab: Lab, tagger: Tagger
) -> None:
    lab.server.refused_tags = {"bad"}
    tagger.reconsider("lab", rules(lab, ("**", "bad"), ("**", "good")))
    assert apply(lab, tagger) == 1
    assert [failure[:2] for failure in lab.journal.tags.failures()] == [(EID, "bad")]
    tagger.reconsider("lab", rules(lab, ("**", "good")))
    assert apply(lab, tagger) == 0
    assert lab.journal.tags.failures() == []
    assert lab.journal.tags.unapplied() == {}
    assert lab.server.of(EID).tags == ["good"]


def test_a_refused_tag_that_another_mapping_gives_is_still_wanted(lab: Lab, tagger: Tagger) -> None:
    other_id = lab.journal.mappings.get("other").id
    lab.server.refused_tags = {"bad"}
    tagger.reconsider("lab", rules(lab, ("**", "bad")))
    lab.journal.mappings.tagged(other_id, "rules of the other that give the same tag")
    apply(lab, tagger)
    tagger.reconsider("lab", rules(lab, ("**", "good")))
    assert lab.journal.mappings.get("other").tag_rules == "", "it is to be asked again"


def test_new_rules_of_one_mapping_leave_the_others_alone(lab: Lab, tagger: Tagger) -> None:
    other_id = lab.journal.mappings.get("other").id
    lab.journal.mappings.tagged(other_id, "as they were")
    tagger.reconsider("lab", rules(lab, ("**", "good")))
    assert lab.journal.mappings.get("other").tag_rules == "as they were"
