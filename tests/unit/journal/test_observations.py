"""What the scanner tells the journal, and what it is asked."""

from __future__ import annotations

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aqsync.journal import Journal
from aqsync.journal.observations import ONE_CHANGE_NS, Retargeted
from aqsync.journal.rows import joined, loaded, split, stored
from aqsync.model import (
    Adopted,
    ChangedMeanwhile,
    EntryKind,
    Failed,
    FoundDifferent,
    Outcome,
    RemoteView,
    Signature,
    Touched,
    Uploaded,
)
from tests.support.notes import ANY_TIME, AT1, AT2, EID, NOT_UTF8, NOW, SHA1, V1, V2, notes
from tests.support.reasons import said

LAST = 2**63 - 1


def test_what_was_seen_comes_back(journal: Journal) -> None:
    file = notes(journal).see("run/a.csv", V1, since_ns=NOW - 5)
    assert (file.mapping, file.path, file.kind) == ("m", "run/a.csv", EntryKind.FILE)
    assert (file.local, file.since_ns) == (V1, NOW - 5)
    assert (file.eid, file.remote_name) == (EID, "run/a.csv")
    assert (file.synced, file.sent, file.comparison, file.failure) == (None, None, None, None)
    assert file.remote == RemoteView(0, None)
    assert (file.forced, file.may_replace, file.removed_at_ns) == (False, None, None)


@pytest.mark.parametrize("odd", NOT_UTF8, ids=ascii)
def test_any_name_comes_back_as_it_was(journal: Journal, odd: str) -> None:
    noted = notes(journal)
    noted.see(odd)
    directory, _, name = odd.rpartition("/")
    assert noted.at(odd).path == odd
    assert noted.journal.observations.known_in(noted.mapping_id, directory) == {name: (0, *V1.own)}
    assert journal.observations.directories(noted.mapping_id) == [directory]
    assert [t.path for t in journal.observations.targets(noted.mapping_id)] == [odd]
    assert journal.observations.knows(noted.mapping_id, odd)
    assert journal.observations.knows(noted.mapping_id, directory)
    journal.observations.forget(noted.mapping_id, [odd])
    assert noted.find(odd) is None


@given(st.binary(min_size=1, max_size=9).filter(lambda raw: b"\0" not in raw))
def test_names_are_stored_without_loss(raw: bytes) -> None:
    path = os.fsdecode(raw)
    assert loaded(stored(path)) == path
    assert joined(*split(path)) == path.removeprefix("/") or "/" in path


def test_extreme_numbers_are_kept(journal: Journal) -> None:
    extreme = Signature(LAST, -(2**63), LAST, LAST)
    assert notes(journal).see("a", extreme).local == extreme


def test_a_known_path_keeps_its_target_and_what_is_known_of_the_server(journal: Journal) -> None:
    noted = notes(journal)
    before = noted.sync("a.csv", V1)
    after = noted.see("a.csv", V2, since_ns=NOW + 9, eid="20261123-2", name="other")
    assert (after.local, after.since_ns, after.synced) == (V2, NOW + 9, before.synced)
    assert (after.id, after.eid, after.remote_name) == (before.id, EID, "a.csv")


def test_a_change_ends_what_was_said_of_the_version_before(journal: Journal) -> None:
    noted = notes(journal)
    file = noted.see("a.csv", V1)
    journal.outcomes.record(file, FoundDifferent(AT1), NOW)
    journal.outcomes.record(file, Failed(said("no", "hint"), permanent=True), NOW)
    assert noted.at("a.csv").comparison is not None
    assert noted.at("a.csv").failure is not None
    after = noted.see("a.csv", V2)
    assert (after.comparison, after.failure) == (None, None)


def test_what_was_a_link_first_gets_its_target_when_it_is_a_file(journal: Journal) -> None:
    noted = notes(journal)
    assert noted.see("latest.csv", kind=EntryKind.SYMLINK, eid=None).eid is None
    file = noted.see("latest.csv", V2, name="latest.csv")
    assert (file.kind, file.eid, file.remote_name) == (EntryKind.FILE, EID, "latest.csv")


def test_what_becomes_a_link_and_a_file_again_is_what_it_was(journal: Journal) -> None:
    noted = notes(journal)
    before = noted.sync("a.csv")
    noted.see("a.csv", V2, kind=EntryKind.SYMLINK, eid=None)
    after = noted.see("a.csv", V1, since_ns=before.since_ns)
    assert after == before


def test_a_wish_to_send_a_file_does_not_outlive_its_becoming_empty(journal: Journal) -> None:
    noted = notes(journal)
    file = noted.sync("a.csv")
    journal.outcomes.retry([file.id])
    assert noted.see("a.csv", V2).forced
    assert not noted.see("a.csv", V2._replace(size=0)).forced


# Never standing still


def test_a_file_is_changing_from_its_first_change_until_the_server_has_it(journal: Journal) -> None:
    noted = notes(journal)
    assert noted.see("a.csv", V1).changing_since_ns is None
    assert noted.see("a.csv", V2, since_ns=NOW + 1).changing_since_ns == NOW
    assert noted.see("a.csv", V1, since_ns=NOW + 2).changing_since_ns == NOW
    journal.outcomes.record(noted.at("a.csv"), ChangedMeanwhile(), NOW + 3)
    assert noted.at("a.csv").changing_since_ns == NOW
    journal.outcomes.record(noted.at("a.csv"), Uploaded(V1, SHA1, ANY_TIME), NOW + 3)
    assert noted.at("a.csv").changing_since_ns is None
    assert noted.see("a.csv", V2, since_ns=NOW + 4).changing_since_ns == NOW + 3
    later = NOW + 5 + ONE_CHANGE_NS
    journal.outcomes.record(noted.at("a.csv"), Uploaded(V2, SHA1, ANY_TIME), NOW + 4)
    assert noted.see("a.csv", V1, since_ns=later).changing_since_ns == later


def test_a_file_that_stood_still_in_between_does_not_keep_changing(journal: Journal) -> None:
    noted = notes(journal)
    noted.see("a.csv", V2)
    assert not noted.see("a.csv", V1, since_ns=NOW + 1).growth.only
    later = NOW + ONE_CHANGE_NS + 2
    file = noted.see("a.csv", V2, since_ns=later)
    assert (file.changing_since_ns, file.growth.only) == (later, True)


@pytest.mark.parametrize("outcome", [Touched(V2, SHA1), Adopted(V2, SHA1, AT1)])
def test_a_file_found_to_be_there_is_not_changing(journal: Journal, outcome: Outcome) -> None:
    noted = notes(journal)
    noted.sync("a.csv", V1)
    journal.outcomes.record(noted.see("a.csv", V2), outcome, NOW)
    assert noted.at("a.csv").changing_since_ns is None


def test_a_change_is_no_older_than_what_it_changed(journal: Journal) -> None:
    noted = notes(journal)
    noted.see("a.csv", V1, since_ns=NOW)
    assert noted.see("a.csv", V2, since_ns=NOW - 9).changing_since_ns == NOW, "it was moved in"
    journal.outcomes.record(noted.at("a.csv"), Uploaded(V2, SHA1, ANY_TIME), NOW + 5)
    assert noted.see("a.csv", V1, since_ns=NOW - 9).changing_since_ns == NOW + 5


def test_a_file_that_comes_and_goes_is_not_changing(journal: Journal) -> None:
    noted = notes(journal)
    noted.sync("a.csv", V1)
    assert noted.see("a.csv", V2).changing_since_ns == NOW
    journal.observations.gone(noted.mapping_id, ["a.csv"], NOW)
    assert noted.at("a.csv").changing_since_ns is None
    assert noted.see("a.csv", V1).changing_since_ns is None


# Gone, forgotten, led elsewhere


def test_a_synced_file_that_is_gone_stays_known(journal: Journal) -> None:
    noted = notes(journal)
    before = noted.sync("a.csv")
    journal.outcomes.record(before, Failed(said("no"), permanent=True), NOW)
    journal.outcomes.retry([before.id])
    journal.observations.gone(noted.mapping_id, ["a.csv"], NOW + 5)
    gone = noted.at("a.csv")
    assert (gone.local, gone.since_ns, gone.synced) == (None, NOW + 5, before.synced)
    assert gone.failure is None
    assert not gone.forced, "a wish to send a file is no wish to remove it"
    journal.observations.gone(noted.mapping_id, ["a.csv"], NOW + 9)
    assert noted.at("a.csv").since_ns == NOW + 5, "it has been gone since then"


def test_what_never_left_this_machine_is_forgotten_when_it_is_gone(journal: Journal) -> None:
    noted = notes(journal)
    noted.see("new.csv")
    sent = noted.see("sent.csv")
    journal.outcomes.about_to_send(sent, SHA1, 10)
    journal.observations.gone(noted.mapping_id, ["new.csv", "sent.csv", "never seen"], NOW)
    assert noted.find("new.csv") is None
    assert noted.at("sent.csv").local is None


def test_a_file_that_comes_back_is_the_one_that_was_synced(journal: Journal) -> None:
    noted = notes(journal)
    before = noted.sync("a.csv", V1)
    journal.observations.gone(noted.mapping_id, ["a.csv"], NOW)
    assert noted.see("a.csv", V1, since_ns=before.since_ns) == before


def test_another_target_is_another_file(journal: Journal) -> None:
    noted = notes(journal)
    noted.sync("a.csv")
    noted.list({"a.csv": AT1})
    journal.outcomes.record(noted.see("a.csv", V2), FoundDifferent(AT2), NOW)
    journal.outcomes.allow_replacing([noted.at("a.csv")])
    journal.outcomes.retry([noted.at("a.csv").id])
    moved = [Retargeted("a.csv", "20261123-2", "new~a.csv")]
    journal.observations.retarget(noted.mapping_id, moved)
    file = noted.at("a.csv")
    assert (file.eid, file.remote_name, file.local) == ("20261123-2", "new~a.csv", V2)
    assert (file.synced, file.sent, file.comparison, file.failure) == (None, None, None, None)
    assert (file.forced, file.may_replace) == (False, None)
    assert file.remote == RemoteView(0, None)


def test_every_entry_has_a_target_to_be_checked(journal: Journal) -> None:
    """A link in a file's place keeps what the file has; new rules must reach it."""
    noted = notes(journal)
    noted.sync("a.csv")
    noted.see("a.csv", V2, kind=EntryKind.SYMLINK, eid=None)
    assert journal.observations.targets(noted.mapping_id) == [Retargeted("a.csv", EID, "a.csv")]


# Clocks


def test_states_seen_in_the_future_count_from_now(journal: Journal) -> None:
    noted = notes(journal)
    noted.see("future", since_ns=NOW + 100)
    noted.see("past", since_ns=NOW - 100)
    other = notes(journal, "other")
    other.see("future", since_ns=NOW + 100)
    journal.observations.clock_set_back(noted.mapping_id, NOW)
    assert noted.at("future").since_ns == NOW
    assert noted.at("past").since_ns == NOW - 100
    assert other.at("future").since_ns == NOW + 100


# Questions


def test_files_that_need_a_decision_come_longest_standing_first(journal: Journal) -> None:
    noted = notes(journal)
    for path, age in [("b", 5), ("a", 9), ("c", 1)]:
        noted.see(path, Signature(age, 1, 1, 1), since_ns=NOW - age)
    noted.sync("quiet")
    noted.list({"quiet": AT1})
    waiting = journal.observations.unquiet(noted.mapping_id)
    assert [(journal.observations.records([w.id])[0].path, w.size) for w in waiting] == [
        ("a", 9),
        ("b", 5),
        ("c", 1),
    ]


def test_records_come_in_the_order_asked_without_those_forgotten(journal: Journal) -> None:
    noted = notes(journal)
    a, b = noted.see("a"), noted.see("b")
    assert journal.observations.records([b.id, 999, a.id]) == [b, a]
    assert journal.observations.records([]) == []


def test_known_entries_of_one_directory(journal: Journal) -> None:
    noted = notes(journal)
    noted.see("a")
    noted.see("run/b", V2)
    noted.see("run/deep/c")
    noted.see("running/d")
    notes(journal, "other").see("run/e")
    noted.sync("run/gone")
    journal.observations.gone(noted.mapping_id, ["run/gone"], NOW)
    known = journal.observations.known_in(noted.mapping_id, "run")
    assert known == {"b": (0, *V2.own), "gone": (0, None, *V1.own[1:])}
    assert noted.count_present() == 4


def test_directories_below_one(journal: Journal) -> None:
    noted = notes(journal)
    below = ["run/x", "run/deep/x", "run/deep/d\udcffr/x", "run/\udcff/x"]
    for path in ["x", "run", "running/x", "run.old/x", "ru/x", "run0/x", "\udcff/run/x", *below]:
        noted.see(path)

    def directories(top: str) -> set[str]:
        return set(journal.observations.directories(noted.mapping_id, top))

    assert directories("run") == {path.rpartition("/")[0] for path in below}
    assert directories("run/deep") == {"run/deep", "run/deep/d\udcffr"}
    assert directories("\udcff") == {"\udcff/run"}
    assert directories("nowhere") == set()
    assert len(directories("")) == 10


PLACES = [
    ("", {"a", "run/b", "run/deep/c", "run.x", "run0/d", "r\udcffn/e"}),
    ("run", {"run/b", "run/deep/c"}),
    ("run/deep", {"run/deep/c"}),
    ("run/b", {"run/b"}),
    ("a", {"a"}),
    ("r\udcffn", {"r\udcffn/e"}),
    ("ru", set()),
    ("run/", set()),
]


@pytest.mark.parametrize(("top", "covered"), PLACES, ids=[ascii(top) for top, _ in PLACES])
def test_what_lies_at_and_below_a_path(journal: Journal, top: str, covered: set[str]) -> None:
    noted = notes(journal)
    everything = PLACES[0][1]
    for path in everything:
        noted.sync(path)
    noted.list({noted.at(path).remote_name: AT1 for path in everything})
    quiet = journal.observations.quiet(noted.mapping_id, [top])
    assert (quiet.files, quiet.bytes) == (len(covered), 10 * len(covered))
    assert journal.observations.knows(noted.mapping_id, top) is bool(covered)


def test_overlapping_paths_count_once(journal: Journal) -> None:
    noted = notes(journal)
    for path in ("run/a", "run/b", "c"):
        noted.sync(path)
    noted.list({"run/a": AT1, "run/b": AT1, "c": AT1})
    for within in (["run", "run/a"], ["run/a", "run", "run"], ["run/b", "run/a"]):
        assert journal.observations.quiet(noted.mapping_id, within).files == 2
    assert journal.observations.quiet(noted.mapping_id, ["run", "", "c"]).files == 3
    assert journal.observations.quiet(noted.mapping_id).files == 3


def test_as_many_paths_as_a_shell_can_give(journal: Journal) -> None:
    noted = notes(journal)
    names = [f"{number}.csv" for number in range(3000)]
    noted.sync("7.csv")
    noted.sync("2999.csv")
    noted.list({"7.csv": AT1, "2999.csv": AT1})
    assert journal.observations.quiet(noted.mapping_id, names).files == 2
