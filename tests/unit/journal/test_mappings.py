"""What is known of a mapping as a whole."""

from __future__ import annotations

from aqsync.journal import Journal
from aqsync.journal.mappings import RootIdentity
from aqsync.model import Problem
from tests.support.notes import NOT_UTF8, NOW
from tests.support.reasons import said


def test_a_new_mapping(journal: Journal) -> None:
    assert journal.mappings.find("m") is None
    made = journal.mappings.get("m")
    assert journal.mappings.get("m") == made == journal.mappings.find("m")
    assert (made.root, made.scanned_at_ns, made.complete_at_ns) == (None, None, None)
    assert (made.selection_rules, made.target_rules, made.tag_rules) == ("", "", "")
    assert journal.mappings.get("n").id != made.id


def test_each_thing_is_noted_for_itself(journal: Journal) -> None:
    mapping = journal.mappings.get("m").id
    journal.mappings.get("other")
    journal.mappings.pin_root(mapping, RootIdentity(3, 2**63 - 1))
    journal.mappings.scanned(mapping, "selection", 12, NOW)
    journal.mappings.retargeted(mapping, "target")
    journal.mappings.tagged(mapping, "tags")
    journal.mappings.complete(mapping, NOW + 1)
    found = journal.mappings.get("m")
    assert found.root == RootIdentity(3, 2**63 - 1)
    assert (found.selection_rules, found.target_rules) == ("selection", "target")
    assert (found.tag_rules, found.scanned_at_ns, found.complete_at_ns) == ("tags", NOW, NOW + 1)
    assert journal.mappings.get("other").root is None
    assert journal.mappings.get("other").tag_rules == ""


def test_trouble_that_persists_keeps_its_age(journal: Journal) -> None:
    mapping = journal.mappings.get("m").id
    journal.mappings.set_troubles(
        mapping, {"": Problem(said("a", "h"), 1), "d": Problem(said("b", "h"), 1)}
    )
    journal.mappings.set_troubles(
        mapping, {"": Problem(said("a", "h"), 9), "d": Problem(said("b", "h"), 9)}
    )
    assert journal.mappings.troubles(mapping) == {
        "": Problem(said("a", "h"), 1),
        "d": Problem(said("b", "h"), 1),
    }
    journal.mappings.set_troubles(mapping, {"d": Problem(said("other words", "h"), 9)})
    assert journal.mappings.troubles(mapping) == {"d": Problem(said("other words", "h"), 1)}
    journal.mappings.set_troubles(mapping, {})
    assert journal.mappings.troubles(mapping) == {}


def test_trouble_with_any_name_can_be_noted(journal: Journal) -> None:
    mapping = journal.mappings.get("m").id
    troubles = {path: Problem(said(f"{path} cannot be looked at", "h"), NOW) for path in NOT_UTF8}
    journal.mappings.set_troubles(mapping, troubles)
    found = journal.mappings.troubles(mapping)
    assert found.keys() == troubles.keys()
    assert found["µ/温度.csv"].message == "µ/温度.csv cannot be looked at"
    assert found["bad-\udcff.csv"].message == "bad-\\udcff.csv cannot be looked at"
    journal.mappings.set_troubles(mapping, troubles)
    assert journal.mappings.troubles(mapping) == found
