"""Measurements as the journal knows them: which files wait, for what, and how each stands."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from aqsync.config import MappingConfig
from aqsync.journal import Journal
from aqsync.journal.measurements import OpenFiles, Told
from aqsync.model import (
    Databases,
    EntryKind,
    Failed,
    InSync,
    MeasurementState,
    Problem,
    Reason,
    Recheck,
    Signature,
    Upload,
    Uploaded,
    Wait,
)
from aqsync.sync.measured import Measured, Standing, measured_of
from aqsync.sync.measurements import LOOKED_AT_NS
from aqsync.sync.planner import decide
from aqsync.sync.policies import policies
from aqsync.sync.retry import set_free
from tests.support.fake_clock import SECOND_NS
from tests.support.notes import ANY_TIME, EID, NOW, SHA1, Notes, notes
from tests.support.quick_journal import open_quickly
from tests.support.reasons import said

OLD = NOW - 3600 * SECOND_NS
YOUNG = NOW - SECOND_NS
MINUTE_NS = 60 * SECOND_NS


@pytest.fixture
def noted(tmp_path: Path) -> Iterator[Notes]:
    with open_quickly(tmp_path / "journal.db", NOW) as journal:
        found = notes(journal)
        found.list({})
        yield found


def mapping(**measurement: Any) -> MappingConfig:
    section = {"folder": "{date}/{run}/", "complete": {"sentinel": ("done.tag",)}, **measurement}
    return MappingConfig.model_validate(
        {"name": "m", "directory": Path("/data"), "experiment": EID, "measurement": section}
    )


WHEN_COMPLETE = mapping(send="when_complete", last=("*.json",))


def see(noted: Notes, *paths: str, since_ns: int = OLD, ctime_ns: int = OLD) -> None:
    for path in paths:
        noted.see(path, Signature(10, since_ns, ctime_ns, 7), since_ns=since_ns)


def upload(noted: Notes, path: str) -> None:
    file = noted.at(path)
    assert file.local is not None
    noted.journal.outcomes.record(file, Uploaded(file.local, SHA1, ANY_TIME), NOW)


def step(noted: Notes, path: str, by: MappingConfig = WHEN_COMPLETE, now_ns: int = NOW) -> Any:
    file = noted.at(path)
    return decide(file, policies(noted.journal, by, now_ns)(file), now_ns)


def measured(journal: Journal, by: MappingConfig = WHEN_COMPLETE, now_ns: int = NOW) -> Measured:
    found = measured_of(journal, by, now_ns)
    assert found is not None
    return found


def standing(noted: Notes, by: MappingConfig, now_ns: int = NOW) -> Standing:
    """How the only measurement stands, worked out alone and with all."""
    [found] = measured(noted.journal, by, now_ns).all()
    assert measured(noted.journal, by, now_ns).standing(found.folder) == found
    return found


def test_nothing_is_sent_before_the_measurement_is_complete(noted: Notes) -> None:
    see(noted, "d/run/iq.csv", "d/run/node.json", "d/notes.txt")

    for path in ("d/run/iq.csv", "d/run/node.json"):
        found = step(noted, path)
        assert isinstance(found, Wait)
        assert found.reason is Reason.MEASUREMENT_INCOMPLETE
        assert (found.folder, found.until_ns, found.since_ns) == ("d/run", None, OLD)
    assert isinstance(step(noted, "d/notes.txt"), Upload)  # it belongs to no measurement


def test_then_all_are_sent_the_named_ones_last(noted: Notes) -> None:
    see(noted, "d/run/iq.csv", "d/run/raw/x.bin", "d/run/node.json", "d/run/done.tag")

    for path in ("d/run/iq.csv", "d/run/raw/x.bin", "d/run/done.tag"):
        assert isinstance(step(noted, path), Upload)
        last = step(noted, "d/run/node.json")
        assert last.reason is Reason.MEASUREMENT_LAST
        assert (last.folder, last.until_ns) == ("d/run", None)
        upload(noted, path)
    assert isinstance(step(noted, "d/run/node.json"), Upload)


def test_without_when_complete_only_the_last_files_wait(noted: Notes) -> None:
    by = mapping(last=("*.json",))
    see(noted, "d/run/iq.csv", "d/run/node.json")

    assert isinstance(step(noted, "d/run/iq.csv", by), Upload)
    assert step(noted, "d/run/node.json", by).reason is Reason.MEASUREMENT_INCOMPLETE
    upload(noted, "d/run/iq.csv")
    assert step(noted, "d/run/node.json", by).reason is Reason.MEASUREMENT_INCOMPLETE
    see(noted, "d/run/done.tag")
    assert step(noted, "d/run/node.json", by).reason is Reason.MEASUREMENT_LAST
    upload(noted, "d/run/done.tag")
    assert isinstance(step(noted, "d/run/node.json", by), Upload)


def test_each_of_the_last_files_waits_for_those_before_it(noted: Notes) -> None:
    by = mapping(last=("*.json", "n.json"))
    paths = ["d/run/iq.csv", "d/run/done.tag", "d/run/a/x.json", "d/run/x.json", "d/run/n.json"]
    see(noted, *paths)

    for sent, path in enumerate(paths[:-1]):
        assert isinstance(step(noted, path, by), Upload)
        later = {step(noted, each, by).reason for each in paths[max(2, sent + 1) :]}
        assert later == {Reason.MEASUREMENT_LAST}
        upload(noted, path)
    assert isinstance(step(noted, paths[-1], by), Upload)


def test_the_last_file_names_one_that_failed_first(noted: Notes) -> None:
    see(noted, "d/run/a.csv", "d/run/b.csv", "d/run/node.json", "d/run/done.tag")
    failed = Failed(said("the disk gave an error", "check it"), permanent=True)
    noted.journal.outcomes.record(noted.at("d/run/b.csv"), failed, NOW)

    message = step(noted, "d/run/node.json").message
    assert "3 files" in message
    assert "d/run/b.csv: the disk gave an error" in message


def test_nothing_waits_for_a_database_that_is_not_sent(noted: Notes) -> None:
    by = WHEN_COMPLETE.model_copy(update={"databases": Databases.IGNORE})
    see(noted, "d/run/x.db", "d/run/node.json", "d/run/done.tag")
    noted.journal.observations.found_database(noted.mapping_id, "d/run/x.db")
    upload(noted, "d/run/done.tag")

    assert isinstance(step(noted, "d/run/node.json", by), Upload)
    assert standing(noted, by).files == 2
    upload(noted, "d/run/node.json")
    assert standing(noted, by).state is MeasurementState.ON_SERVER
    assert standing(noted, WHEN_COMPLETE).state is MeasurementState.ON_ITS_WAY


def test_a_late_change_holds_the_others_back_until_it_has_settled(noted: Notes) -> None:
    see(noted, "d/run/iq.csv", "d/run/done.tag")
    see(noted, "d/run/late.csv", since_ns=YOUNG)

    found = step(noted, "d/run/iq.csv")
    assert found.reason is Reason.MEASUREMENT_CHANGING
    assert found.until_ns == YOUNG + WHEN_COMPLETE.settle_ns
    assert isinstance(step(noted, "d/run/iq.csv", now_ns=found.until_ns), Upload)


def test_a_sentinel_that_is_deleted_makes_it_incomplete_again(noted: Notes) -> None:
    see(noted, "d/run/iq.csv", "d/run/done.tag")
    upload(noted, "d/run/done.tag")  # so that the journal still knows it when it is gone
    noted.journal.observations.gone(noted.mapping_id, ["d/run/done.tag"], NOW)

    assert step(noted, "d/run/iq.csv").reason is Reason.MEASUREMENT_INCOMPLETE


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        (EntryKind.SYMLINK, "a symbolic link"),
        (EntryKind.SPECIAL, "a FIFO, socket or device"),
        (EntryKind.OTHERS, "a file of another user"),
    ],
)
def test_what_has_a_sentinels_name_and_is_no_file_is_named(
    noted: Notes, kind: EntryKind, words: str
) -> None:
    see(noted, "d/run/iq.csv")
    noted.see("d/run/done.tag", Signature(10, OLD, OLD, 7), since_ns=OLD, kind=kind)

    step_, stands = step(noted, "d/run/iq.csv"), standing(noted, WHEN_COMPLETE)
    assert step_.reason is Reason.MEASUREMENT_INCOMPLETE
    assert stands.words == f"no file done.tag is there (d/run/done.tag is {words})"
    assert stands.words in step_.message
    see(noted, "d/run/a/done.tag")
    assert standing(noted, WHEN_COMPLETE).words == "d/run/a/done.tag is there"


def test_a_person_may_have_a_file_sent_as_it_is(noted: Notes) -> None:
    see(noted, "d/run/iq.csv", "d/run/node.json")
    noted.journal.outcomes.retry([noted.at("d/run/node.json").id])

    assert isinstance(step(noted, "d/run/node.json"), Upload)
    assert isinstance(step(noted, "d/run/iq.csv"), Wait)


def test_retry_sends_what_is_there_only_where_it_is_named(noted: Notes) -> None:
    see(noted, "d/run/iq.csv", "d/run_2/iq.csv")

    def freed(*paths: Path) -> int:
        by = [WHEN_COMPLETE]
        return set_free(noted.journal, by, paths, NOW, accept_roots=False)

    assert freed() == 0
    assert freed(Path("/data/d/run")) == 1
    assert isinstance(step(noted, "d/run/iq.csv"), Upload)
    assert isinstance(step(noted, "d/run_2/iq.csv"), Wait)


def test_a_file_copied_in_with_its_old_time_is_young_in_its_measurement(noted: Notes) -> None:
    by = mapping(complete={"quiet": 60.0}, send="when_complete")
    see(noted, "d/run/iq.csv", ctime_ns=YOUNG)

    settled_ns = YOUNG + by.settle_ns
    assert step(noted, "d/run/iq.csv", by).until_ns == settled_ns
    assert step(noted, "d/run/iq.csv", by, settled_ns).until_ns == YOUNG + MINUTE_NS
    # A time ahead of the clock, which was set back, does not keep it from ever being quiet.
    assert isinstance(step(noted, "d/run/iq.csv", by, now_ns=YOUNG - 1), Upload)


def test_a_newer_folder_completes_those_before_it_alone(noted: Notes) -> None:
    by = mapping(complete={"newer_sibling": True}, send="when_complete")
    see(noted, "d/run_9/iq.csv", "d/run_10/iq.csv", "e/run_11/iq.csv")

    assert isinstance(step(noted, "d/run_9/iq.csv", by), Upload)
    for path in ("d/run_10/iq.csv", "e/run_11/iq.csv"):
        assert "no folder beside it is newer" in step(noted, path, by).message


@pytest.mark.parametrize("day", ["d\udcff", "µ 温度", "new\nline", "d'--"])
def test_folders_may_have_any_name(noted: Notes, day: str) -> None:
    complete = {"sentinel": ("done.tag",), "newer_sibling": True, "needs": "all"}
    by = mapping(complete=complete, send="when_complete", last=("*.json",))
    see(noted, *(f"{day}/run_1/{name}" for name in ("iq.csv", "node.json", "done.tag")))
    assert isinstance(step(noted, f"{day}/run_1/iq.csv", by), Wait)
    see(noted, f"{day}/run_2/raw/iq.csv")

    assert isinstance(step(noted, f"{day}/run_1/iq.csv", by), Upload)
    assert step(noted, f"{day}/run_1/node.json", by).reason is Reason.MEASUREMENT_LAST
    states = {each.folder: each.state for each in measured(noted.journal, by).all()}
    assert states == {
        f"{day}/run_1": MeasurementState.ON_ITS_WAY,
        f"{day}/run_2": MeasurementState.BEING_TAKEN,
    }
    told = [Told(folder, state, "") for folder, state in states.items()]
    noted.journal.measurements.tell("m", told, [], NOW)
    assert noted.journal.measurements.told("m") == states
    noted.journal.measurements.tell("m", [], [f"{day}/run_1"], NOW)
    assert [*noted.journal.measurements.told("m")] == [f"{day}/run_2"]


def test_an_open_file_keeps_it_incomplete(noted: Notes) -> None:
    by = mapping(complete={"closed": True}, send="when_complete")
    see(noted, "d/run/iq.csv", "d/run_2/iq.csv")
    kept = noted.journal.measurements

    assert "not known yet" in step(noted, "d/run/iq.csv", by).message
    kept.set_open_files(noted.mapping_id, OpenFiles(NOW, 99, frozenset({"d/run/iq.csv"})))
    assert "d/run/iq.csv is open for writing" in step(noted, "d/run/iq.csv", by).message
    assert isinstance(step(noted, "d/run_2/iq.csv", by), Upload)
    kept.set_open_files(noted.mapping_id, OpenFiles(NOW, 99, frozenset()))
    assert isinstance(step(noted, "d/run/iq.csv", by), Upload)
    kept.set_open_files(noted.mapping_id, OpenFiles(NOW, 1, frozenset()))
    see(noted, "d/run/moved-in.csv")
    assert "not known yet" in step(noted, "d/run/iq.csv", by).message
    kept.set_open_files(noted.mapping_id, OpenFiles(NOW, 99, None))
    assert "does not tell" in step(noted, "d/run/iq.csv", by).message


def test_a_look_that_has_not_come_to_its_end_keeps_it_incomplete(noted: Notes) -> None:
    kept, mapping_id = noted.journal.mappings, noted.mapping_id
    see(noted, "d/run/iq.csv", "d/run/done.tag")
    kept.looks(mapping_id, noted.journal.observations.newest())
    see(noted, "d/run_2/iq.csv", "d/run_2/done.tag")
    kept.looks(mapping_id, noted.journal.observations.newest())

    assert isinstance(step(noted, "d/run/iq.csv"), Upload)
    waits = step(noted, "d/run_2/iq.csv")
    assert waits.reason is Reason.MEASUREMENT_CHANGING
    assert waits.until_ns == NOW + LOOKED_AT_NS
    kept.looked(mapping_id)
    assert isinstance(step(noted, "d/run_2/iq.csv"), Upload)


def test_a_place_that_cannot_be_read_keeps_it_incomplete(noted: Notes) -> None:
    see(noted, "d/run/iq.csv", "d/run/done.tag", "d/run_2/iq.csv", "d/run_2/done.tag")
    trouble = Problem(said("cannot be looked at", "let it"), OLD)
    noted.journal.mappings.set_troubles(noted.mapping_id, {"d/run/raw": trouble})

    assert step(noted, "d/run/iq.csv").reason is Reason.MEASUREMENT_UNREADABLE
    assert isinstance(step(noted, "d/run_2/iq.csv"), Upload)


def test_how_a_measurement_stands(noted: Notes) -> None:
    see(noted, "d/run/iq.csv", "notes.txt")
    found = standing(noted, WHEN_COMPLETE)
    assert (found.state, found.files, found.not_there) == (MeasurementState.BEING_TAKEN, 1, 1)

    see(noted, "d/run/done.tag")
    found = standing(noted, WHEN_COMPLETE)
    assert (found.state, found.files, found.not_there) == (MeasurementState.ON_ITS_WAY, 2, 2)

    upload(noted, "d/run/iq.csv")
    upload(noted, "d/run/done.tag")
    assert standing(noted, WHEN_COMPLETE).state is MeasurementState.ON_SERVER

    noted.list({})  # the server has lost them
    assert standing(noted, WHEN_COMPLETE).state is MeasurementState.ON_ITS_WAY


def test_a_measurement_whose_files_are_gone_is_none(noted: Notes) -> None:
    see(noted, "d/run/done.tag")
    upload(noted, "d/run/done.tag")
    noted.journal.observations.gone(noted.mapping_id, ["d/run/done.tag"], NOW)

    assert not measured(noted.journal).all()
    assert measured(noted.journal).standing("d/run") is None


def test_only_what_the_planner_calls_in_sync_is_on_the_server(noted: Notes) -> None:
    """The question of a folder's files, put to the journal, has the planner's answer."""
    see(noted, "d/run/new", "d/run/accepted", "d/run/listed", "d/run/other", "d/run/lost")
    for name in ("accepted", "listed", "other", "lost"):
        upload(noted, f"d/run/{name}")
    see(noted, "d/run/changed")
    upload(noted, "d/run/changed")
    see(noted, "d/run/changed", since_ns=OLD + 1)
    rows = noted.journal.measurements
    by = replace_send(WHEN_COMPLETE)
    for listing in ({}, {"d/run/listed": "2026-11-23T10:00:00", "d/run/other": "x"}):
        if listing:
            noted.list(listing)
        missing = {each.path for each in rows.not_there(noted.mapping_id, "d/run")}
        for path in ("new", "accepted", "listed", "other", "lost", "changed"):
            there = isinstance(step(noted, f"d/run/{path}", by), InSync | Recheck)
            assert there == (f"d/run/{path}" not in missing), path


def replace_send(by: MappingConfig) -> MappingConfig:
    return by.model_copy(update={"measurement": None})
