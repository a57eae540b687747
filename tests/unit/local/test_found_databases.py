"""A database's log counts for the database, and is no file by itself."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator

import pytest

from aqsync.model import EntryKind, Hold, Reason, State
from tests.support.databases import add_rows, open_database
from tests.support.lab import Lab

HOT_JOURNAL = b"\xd9\xd5\x05\xf9\x20\xa1\x63\xd7" + b"\0" * 504


@pytest.fixture
def writer(lab: Lab) -> Iterator[sqlite3.Connection]:
    connection = open_database(lab.root / "run" / "experiments.db")
    add_rows(connection, 3)
    yield connection
    connection.close()


@pytest.mark.usefixtures("writer")
def test_the_log_and_its_index_are_parts_of_the_database(lab: Lab) -> None:
    lab.scan()
    database = lab.record("run/experiments.db")
    assert database.is_database
    assert database.kind is EntryKind.FILE
    assert database.local is not None
    assert database.local.log > 0
    for part in ("run/experiments.db-wal", "run/experiments.db-shm"):
        assert lab.record(part).kind is EntryKind.DATABASE_PART
        step = lab.decision(part)
        assert isinstance(step, Hold)
        assert (step.reason, step.state) == (Reason.DATABASE_PART, State.SKIPPED)
        assert "experiments.db:" in step.message
    assert lab.scan().changed == 0


@pytest.mark.parametrize("within", [(), ("run/experiments.db-wal",), ("run/experiments.db",)])
def test_a_log_that_grows_changes_the_database(
    lab: Lab, writer: sqlite3.Connection, within: tuple[str, ...]
) -> None:
    lab.scan()
    before = lab.record("run/experiments.db").local
    add_rows(writer)
    lab.scan(*within)
    after = lab.record("run/experiments.db")
    assert before is not None
    assert after.local is not None
    assert after.local.own == before.own
    assert after.local.log not in {before.log, 0}
    written_ns = (lab.root / "run/experiments.db-wal").stat().st_mtime_ns
    assert after.since_ns == min(written_ns, lab.clock.now_ns())


def test_a_log_that_is_gone_or_empty_counts_as_none(lab: Lab, writer: sqlite3.Connection) -> None:
    lab.scan()
    writer.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    lab.scan()
    emptied = lab.record("run/experiments.db").local
    assert emptied is not None
    assert emptied.log == 0
    writer.close()
    assert not (lab.root / "run/experiments.db-wal").exists()
    lab.scan()
    assert lab.record("run/experiments.db").local == emptied
    assert lab.find("run/experiments.db-wal") is None


@pytest.mark.parametrize("within", [(), ("run/experiments.db-shm",), ("run",)])
def test_a_reader_that_touches_the_index_changes_nothing(
    lab: Lab, writer: sqlite3.Connection, within: tuple[str, ...]
) -> None:
    lab.scan()
    before = lab.record("run/experiments.db")
    (lab.root / "run/experiments.db-shm").touch()
    lab.scan(*within)
    assert lab.record("run/experiments.db") == before
    assert not writer.in_transaction


def test_one_whose_first_transaction_is_under_way_is_a_database(lab: Lab) -> None:
    lab.write("new.db", b"")
    lab.write("new.db-journal", HOT_JOURNAL)
    lab.scan()
    assert lab.record("new.db").is_database
    assert lab.record("new.db-journal").kind is EntryKind.DATABASE_PART


@pytest.mark.parametrize("content", [b"", b"no database at all"])
def test_names_alone_make_no_database(lab: Lab, content: bytes) -> None:
    for name in ("lab", "lab-journal", "lab-wal", "alone-journal", "-wal", "deep/-shm"):
        lab.write(name, content)
    lab.scan()
    for name in ("lab", "lab-journal", "lab-wal", "alone-journal", "-wal", "deep/-shm"):
        file = lab.record(name)
        assert (file.kind, file.is_database) == (EntryKind.FILE, False), name
        assert file.local is not None
        assert file.local.log == 0
    assert lab.scan().changed == 0


def test_parts_count_though_patterns_leave_them_out(lab: Lab, writer: sqlite3.Connection) -> None:
    lab.configure(ignore=("*-wal", "*-shm"))
    lab.scan()
    before = lab.record("run/experiments.db").local
    assert lab.find("run/experiments.db-wal") is None
    add_rows(writer)
    lab.scan()
    assert lab.record("run/experiments.db").local != before


@pytest.mark.usefixtures("writer")
def test_parts_of_a_database_that_is_left_out_are_no_files(lab: Lab) -> None:
    lab.configure(ignore=("*.db",))
    lab.scan()
    assert lab.find("run/experiments.db") is None
    assert lab.record("run/experiments.db-wal").kind is EntryKind.DATABASE_PART
    assert lab.scan().changed == 0


def test_what_takes_the_place_of_a_database_is_a_file(lab: Lab, writer: sqlite3.Connection) -> None:
    lab.scan()
    writer.close()
    (lab.root / "run/experiments.db").unlink()
    lab.write("run/experiments.db", b"words")
    lab.write("run/experiments.db-wal", b"words")
    lab.scan()
    database = lab.record("run/experiments.db")
    assert not database.is_database
    assert database.local is not None
    assert database.local.log == 0
    assert lab.record("run/experiments.db-wal").kind is EntryKind.FILE


def test_a_file_whose_part_was_an_ordinary_file_until_it_was_found_out(lab: Lab) -> None:
    """As when it could not be read before, or was recognised only when it was sent."""
    connection = open_database(lab.root / "a.db")
    lab.write("a.db", b"words")
    lab.scan()
    assert lab.record("a.db-wal").kind is EntryKind.FILE
    lab.journal.observations.found_database(lab.mapping_id, "a.db")
    lab.write("a.db", b"SQLite format 3\0" + b"\0" * 4080)
    lab.scan("a.db")
    assert lab.record("a.db-wal").kind is EntryKind.DATABASE_PART
    connection.close()


def test_a_scan_without_changes_writes_nothing_of_a_database(
    lab: Lab, writer: sqlite3.Connection
) -> None:
    lab.scan()
    with lab.journal._database.writing() as connection:
        connection.execute(
            "CREATE TEMP TRIGGER no_writes BEFORE UPDATE ON file"
            " BEGIN SELECT raise(ABORT, 'a file row was written'); END"
        )
    lab.scan()
    lab.scan("run/experiments.db-wal")
    assert not writer.in_transaction


def test_many_hints_in_one_directory(lab: Lab, writer: sqlite3.Connection) -> None:
    lab.scan()
    before = lab.record("run/experiments.db").local
    add_rows(writer)
    lab.scan("run/experiments.db-wal", *(f"run/{number}" for number in range(100)))
    assert lab.record("run/experiments.db").local != before
