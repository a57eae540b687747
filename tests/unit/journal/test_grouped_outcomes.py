"""Outcomes of uploads that are in flight together are committed together."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from aqsync.errors import JournalError
from aqsync.journal import Journal
from aqsync.model import FileRecord, Uploaded
from tests.support.notes import ANY_TIME, NOW, SHA1, SHA2, V1, notes

DONE = Uploaded(V1, SHA1, ANY_TIME)
LARGE = 1 << 30


def committed(path: Path) -> dict[str, tuple[bool, bool]]:
    """What another process sees: by path, whether a file was sent, and whether it is synced."""
    with Journal.open_for_reading(path) as seen:
        files = seen.observations.records(range(1, 10))
        return {f.path: (f.sent is not None, f.synced is not None) for f in files}


@contextmanager
def statements(journal: Journal) -> Iterator[list[str]]:
    """What SQLite is asked meanwhile."""
    said: list[str] = []
    with journal._database.reading() as connection:
        connection.set_trace_callback(said.append)
    yield said
    with journal._database.reading() as connection:
        connection.set_trace_callback(None)


def upload(journal: Journal, file: FileRecord) -> None:
    journal.outcomes.about_to_send(file, SHA1, 10)
    journal.outcomes.record(file, DONE, NOW)
    journal.outcomes.ended(file)


def test_a_lone_upload_is_committed_at_once(journal: Journal, path: Path) -> None:
    file = notes(journal).see("a")
    journal.outcomes.about_to_send(file, SHA1, 10)
    assert committed(path) == {"a": (True, False)}
    journal.outcomes.record(file, DONE, NOW)
    assert committed(path) == {"a": (False, True)}


def test_an_outcome_is_committed_with_what_the_next_upload_notes(
    journal: Journal, path: Path
) -> None:
    a, b, c = (notes(journal).see(name) for name in "abc")
    journal.outcomes.about_to_send(a, SHA1, 10)
    journal.outcomes.about_to_send(b, SHA2, 10)
    journal.outcomes.record(a, DONE, NOW)
    journal.outcomes.ended(a)
    assert notes(journal).at("a").synced is not None, "this process sees it at once"
    assert committed(path)["a"] == (True, False), "after a crash it is like a lost answer"
    journal.outcomes.about_to_send(c, SHA2, 10)
    assert committed(path) == {"a": (False, True), "b": (True, False), "c": (True, False)}


def test_the_last_upload_in_flight_leaves_nothing_uncommitted(journal: Journal, path: Path) -> None:
    a, b = (notes(journal).see(name) for name in "ab")
    journal.outcomes.about_to_send(a, SHA1, 10)
    journal.outcomes.about_to_send(b, SHA2, 10)
    journal.outcomes.record(a, DONE, NOW)
    journal.outcomes.ended(a)
    journal.outcomes.ended(b)  # broken off: it has no outcome
    assert committed(path) == {"a": (False, True), "b": (True, False)}


@pytest.mark.parametrize("how", ["write", "checkpoint", "make_durable", "close"])
def test_nothing_else_passes_an_outcome_that_waits(path: Path, how: str) -> None:
    with Journal.open_for_writing(path, NOW) as journal:
        a, b = (notes(journal).see(name) for name in "ab")
        journal.outcomes.about_to_send(a, SHA1, 10)
        journal.outcomes.about_to_send(b, SHA2, 10)
        journal.outcomes.record(a, DONE, NOW)
        if how == "write":
            journal.remote.next_sequence()
        elif how == "checkpoint":
            assert journal.checkpoint()
        elif how == "make_durable":
            journal.make_durable(at_once=True)
        if how != "close":
            assert committed(path)["a"] == (False, True)
    assert committed(path)["a"] == (False, True)


def test_nobody_waits_for_a_large_file(journal: Journal, path: Path) -> None:
    a, b = (notes(journal).see(name) for name in "ab")
    journal.outcomes.about_to_send(b, SHA2, LARGE)
    journal.outcomes.about_to_send(a, SHA1, 10)
    journal.outcomes.record(a, DONE, NOW)
    assert committed(path)["a"] == (False, True)


def test_a_failure_undoes_what_waits_and_nothing_before(journal: Journal, path: Path) -> None:
    a, b, c = (notes(journal).see(name) for name in "abc")
    journal.outcomes.about_to_send(a, SHA1, 10)
    journal.outcomes.about_to_send(b, SHA2, 10)
    journal.outcomes.record(a, DONE, NOW)
    with pytest.raises(JournalError):
        journal._database.write("UPDATE file SET no_column = ?", (1,))
    journal.outcomes.about_to_send(c, SHA1, 10)
    assert committed(path) == {"a": (True, False), "b": (True, False), "c": (True, False)}


def test_an_upload_among_others_takes_one_transaction_and_no_question(journal: Journal) -> None:
    first, *files = [notes(journal).see(name) for name in "abcdef"]
    notes(journal).list({})
    journal.remote.uuid(str(first.eid))
    journal.outcomes.about_to_send(first, SHA1, 10)
    with statements(journal) as said:
        for file in files:
            assert journal.remote.uuid(str(file.eid))
            upload(journal, file)
    journal.outcomes.ended(first)
    assert len([s for s in said if s == "COMMIT"]) == len(files) - 1
    assert not [s for s in said if s.lstrip().startswith("SELECT")]


def test_a_uuid_that_changes_is_not_kept(journal: Journal) -> None:
    journal.remote.found({"E": "one"})
    assert journal.remote.uuid("E") == "one"
    journal.remote.found({"E": "two"})
    assert journal.remote.uuid("E") == "two"
    with pytest.raises(KeyError):
        journal.remote.uuid("F")
