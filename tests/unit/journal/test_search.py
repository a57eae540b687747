"""Files are found by any part of their paths, whatever these hold."""

from __future__ import annotations

import os

import pytest

from aqsync.journal import Journal
from aqsync.journal.comparison import FolderCount, SyncStatus
from aqsync.journal.history import Event, HistoryKind
from aqsync.journal.search import Place
from tests.support.notes import AT1, EID, NOT_UTF8, NOW, notes


def known(journal: Journal, *words: str) -> list[str]:
    return [place.path for place in journal.search.known(words, None, 99)]


def test_all_words_stand_in_the_path(journal: Journal) -> None:
    noted = notes(journal)
    for path in ("run-1/iq.hdf5", "run-1/notes", "run-2/IQ.csv", "100%_sure", "100x sure", "a\\b"):
        noted.see(path)
    assert known(journal, "iq") == ["run-1/iq.hdf5", "run-2/IQ.csv"]
    assert known(journal, "csv", "run") == ["run-2/IQ.csv"]
    assert known(journal, "1/n") == ["run-1/notes"]
    assert known(journal, "100%_") == ["100%_sure"]
    assert known(journal, "\\") == ["a\\b"]
    assert known(journal, "none") == []


def test_thousands_are_found_page_by_page(journal: Journal) -> None:
    noted, other = notes(journal), notes(journal, "other")
    paths = sorted(f"{folder}/{number}" for folder in ("", "b", "b/c") for number in range(5))
    for path in paths:
        noted.see(path.lstrip("/"))
        other.see(path.lstrip("/"))
    found, after = list[Place](), None
    while some := journal.search.known(["/"], after, 3):
        found += some
        after = some[-1]
    assert sorted(found) == sorted(
        Place(mapping, path) for mapping in ("m", "other") for path in paths if path[0] == "b"
    )
    assert len(found) == len(set(found))


@pytest.mark.parametrize("odd", NOT_UTF8, ids=ascii)
def test_names_of_any_bytes_are_found_and_browsed(journal: Journal, odd: str) -> None:
    noted = notes(journal)
    noted.see(f"{odd}/{odd}.dat")
    noted.see(f"plain/{odd}")
    assert set(known(journal, odd)) == {f"{odd}/{odd}.dat", f"plain/{odd}"}
    assert known(journal, odd, ".dat") == [f"{odd}/{odd}.dat"]
    one = [FolderCount(SyncStatus.UNKNOWN, 1, 10)]
    folders = journal.comparisons.folders_in(noted.mapping_id, "")
    assert folders == {odd.partition("/")[0]: one, "plain": one}
    folder = f"{odd}/{odd}".rpartition("/")[0]
    [file] = journal.comparisons.in_folder(noted.mapping_id, folder, "", 9)
    assert file.path == f"{odd}/{odd}.dat"


def test_what_only_the_history_knows_is_found_too(journal: Journal) -> None:
    noted = notes(journal)
    odd = os.fsdecode(b"gone-\xff")
    noted.see("here/x-file")
    for path in ("here/x-file", "gone/x-file", f"{odd}/x-file"):
        for _ in range(2):
            journal.history.note(Event(NOW, HistoryKind.UPLOADED, "m", path, ""))
    journal.history.note(Event(NOW, HistoryKind.MEASUREMENT_COMPLETE, "m", "x-files", ""))
    journal.history.note(Event(NOW, HistoryKind.REMOVED, "former", "here/x-file", ""))
    assert set(journal.search.forgotten(["x-file"], 9)) == {
        Place("m", "gone/x-file"),
        Place("m", f"{odd}/x-file"),
        Place("former", "here/x-file"),
    }
    assert len(journal.search.forgotten(["x-file"], 2)) == 2


def test_a_folder_is_counted_with_all_below_it(journal: Journal) -> None:
    noted = notes(journal)
    noted.sync("a/x")
    for path in ("a/b/y", "a/b/c/z", "a-b/w", "top", "ab/0"):
        noted.see(path)
    noted.see("c/d", eid=None)
    unknown, mapping = SyncStatus.UNKNOWN, noted.mapping_id
    assert journal.comparisons.folders_in(mapping, "") == {
        "a": [FolderCount(SyncStatus.IN_SYNC, 1, 10), FolderCount(unknown, 2, 20)],
        "a-b": [FolderCount(unknown, 1, 10)],
        "ab": [FolderCount(unknown, 1, 10)],
        "c": [FolderCount(SyncStatus.LOCAL_ONLY, 1, 10)],
    }
    assert journal.comparisons.folders_in(mapping, "a") == {"b": [FolderCount(unknown, 2, 20)]}
    assert journal.comparisons.folders_in(mapping, "nowhere") == {}


def test_the_files_of_a_folder_come_page_by_page(journal: Journal) -> None:
    noted = notes(journal)
    names = ["1", "2", "3", os.fsdecode(b"\xfe"), os.fsdecode(b"\xff")]
    for name in names:
        noted.see(f"a/{name}")
    noted.see("a/b/below")
    found, after = list[str](), ""
    while some := journal.comparisons.in_folder(noted.mapping_id, "a", after, 2):
        found += [file.path for file in some]
        after = found[-1].rpartition("/")[2]
    assert found == [f"a/{name}" for name in names]


def test_what_is_gone_and_on_the_server_stands_in_its_folder(journal: Journal) -> None:
    noted, other = notes(journal), notes(journal, "other")
    for name in ("kept", "forgotten there", "taken over", "here"):
        noted.sync(f"a/{name}")
    noted.list({f"a/{name}": AT1 for name in ("kept", "taken over", "here", "foreign")})
    gone = ["a/kept", "a/forgotten there", "a/taken over"]
    journal.observations.gone(noted.mapping_id, gone, NOW)
    other.see("a/taken over")
    files = journal.comparisons.in_folder(noted.mapping_id, "a", "", 9)
    assert {file.path: file.status for file in files} == {
        "a/here": SyncStatus.IN_SYNC,
        "a/kept": SyncStatus.REMOTE_ONLY,
    }
    both = [noted.mapping_id, other.mapping_id]
    only_there = journal.comparisons.remote_only(EID, both)
    assert [file.path for file in only_there if file.path is not None] == ["a/kept"]
    assert journal.comparisons.folders_in(noted.mapping_id, "") == {
        "a": [
            FolderCount(SyncStatus.IN_SYNC, 1, 10),
            FolderCount(SyncStatus.REMOTE_ONLY, 1, 10),
        ]
    }
