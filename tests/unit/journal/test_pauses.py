"""What people have paused, and why events cannot be trusted."""

from __future__ import annotations

from pathlib import Path

from aqsync.journal import Journal
from aqsync.journal.pauses import EVERYTHING, Pause
from aqsync.model import Problem, Reason
from tests.support.notes import NOW, notes
from tests.support.reasons import said


def test_a_pause_outlives_a_restart(path: Path) -> None:
    with Journal.open_for_writing(path, NOW) as journal:
        journal.pauses.pause("m", NOW, None)
        journal.pauses.pause(EVERYTHING, NOW, NOW + 5)
    with Journal.open_for_writing(path, NOW + 1) as journal:
        assert journal.pauses.all() == {"m": Pause(NOW, None), "": Pause(NOW, NOW + 5)}


def test_a_pause_that_is_over_does_not_count(journal: Journal) -> None:
    journal.pauses.pause("m", NOW, NOW + 5)
    assert journal.pauses.active(NOW + 4) == {"m": Pause(NOW, NOW + 5)}
    assert journal.pauses.active(NOW + 5) == {}


def test_pausing_again_gives_another_end_and_keeps_the_age(journal: Journal) -> None:
    journal.pauses.pause("m", NOW, NOW + 5)
    journal.pauses.pause("m", NOW + 1, None)
    assert journal.pauses.all() == {"m": Pause(NOW, None)}


def test_pausing_after_the_end_begins_a_new_pause(journal: Journal) -> None:
    journal.pauses.pause("m", NOW, NOW + 5)
    journal.pauses.pause("m", NOW + 5, NOW + 9)
    assert journal.pauses.all() == {"m": Pause(NOW + 5, NOW + 9)}


def test_resuming_one_leaves_the_others(journal: Journal) -> None:
    for name in ("m", "n", EVERYTHING):
        journal.pauses.pause(name, NOW, None)
    journal.pauses.resume("m")
    assert list(journal.pauses.all()) == ["", "n"]
    journal.pauses.resume("unknown")
    journal.pauses.resume(EVERYTHING)
    assert journal.pauses.all() == {}


def test_why_events_cannot_be_trusted_keeps_its_age(journal: Journal) -> None:
    mapping_id = notes(journal).mapping_id
    assert journal.mappings.watch(mapping_id) is None
    journal.mappings.set_watch(mapping_id, Problem(said("blind", "cure"), NOW))
    journal.mappings.set_watch(mapping_id, Problem(said("blind", "better cure"), NOW + 1))
    assert journal.mappings.watch(mapping_id) == Problem(said("blind", "better cure"), NOW)
    journal.mappings.set_watch(
        mapping_id, Problem(said("deaf \udcff", "cure", Reason.TEST_EVENT_LOST), NOW + 2)
    )
    assert journal.mappings.watch(mapping_id) == Problem(
        said("deaf \\udcff", "cure", Reason.TEST_EVENT_LOST), NOW + 2
    )
    journal.mappings.set_watch(mapping_id, None)
    assert journal.mappings.watch(mapping_id) is None
