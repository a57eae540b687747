"""What an earlier release has sent of databases' parts is named, and removed when a person asks."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from aqsync.model import Hold, InSync, Reason
from aqsync.sync.leftovers import leftovers
from tests.support.databases import add_rows, open_database, rows_in
from tests.support.lab import EID, Lab

NAME = "run/experiments.db"
REMOTE = "run~experiments.db"
PARTS = {f"{NAME}-wal", f"{NAME}-shm"}


@pytest.fixture
def writer(lab: Lab) -> Iterator[sqlite3.Connection]:
    """A program at work, whose database was sent as files by an earlier release."""
    lab.configure(settle=0.0, databases="file")
    connection = open_database(lab.root / NAME)
    add_rows(connection, 20)
    lab.push()
    lab.push()  # a list has shown it
    assert set(lab.remote) == {REMOTE, f"{REMOTE}-wal", f"{REMOTE}-shm"}
    lab.configure(settle=0.0)
    yield connection
    connection.close()


def found(lab: Lab) -> dict[str, bool]:
    """By path, whether it may be removed."""
    now_ns = lab.clock.now_ns()
    return {each.file.path: each.removable for each in leftovers(lab.journal, lab.mapping, now_ns)}


def tidy(lab: Lab) -> int:
    return lab.push(*found(lab), tidy=True).removed


def test_leftovers_go_once_the_database_is_whole_there(
    lab: Lab, writer: sqlite3.Connection, tmp_path: Path
) -> None:
    lab.scan()
    assert found(lab) == dict.fromkeys(PARTS, False)
    assert lab.journal.rechecks.pending(lab.mapping_id).files == 0
    lab.push()
    assert found(lab) == dict.fromkeys(PARTS, True)
    assert lab.push().removed == 0
    assert tidy(lab) == 2
    assert set(lab.remote) == {REMOTE}
    assert rows_in(lab.remote[REMOTE], tmp_path) == 20
    assert found(lab) == {}
    step = lab.decision(f"{NAME}-wal")
    assert isinstance(step, Hold)
    assert step.reason is Reason.DATABASE_PART
    add_rows(writer)
    assert lab.push().uploaded == 1
    assert set(lab.remote) == {REMOTE}


def test_leftovers_of_parts_that_are_gone_here(lab: Lab, writer: sqlite3.Connection) -> None:
    writer.close()
    lab.push()
    assert found(lab) == dict.fromkeys(PARTS, True)
    assert tidy(lab) == 2
    assert set(lab.remote) == {REMOTE}
    assert found(lab) == {}


def test_parts_that_were_gone_before_the_upgrade(lab: Lab, writer: sqlite3.Connection) -> None:
    """Nothing lies beside the database any more that would have it looked into."""
    lab.configure(settle=0.0, databases="file")
    writer.close()
    lab.push()
    lab.configure(settle=0.0)
    lab.push()
    assert lab.record(NAME).is_database
    assert found(lab) == dict.fromkeys(PARTS, True)
    assert tidy(lab) == 2


def test_what_others_have_replaced_is_none_of_ours(lab: Lab, writer: sqlite3.Connection) -> None:
    lab.push()
    lab.clock.advance(10)
    lab.server.put(EID, f"{REMOTE}-wal", b"theirs")
    lab.push()
    assert set(found(lab)) == {f"{NAME}-shm"}
    assert tidy(lab) == 1
    assert lab.remote[f"{REMOTE}-wal"] == b"theirs"
    assert not writer.in_transaction


def test_a_database_that_is_gone_keeps_its_leftovers(lab: Lab, writer: sqlite3.Connection) -> None:
    """The log there may hold what is nowhere else."""
    writer.close()
    (lab.root / NAME).unlink()
    lab.push()
    assert not any(found(lab).values())
    assert tidy(lab) == 0
    assert f"{REMOTE}-wal" in lab.remote


def test_an_earlier_wish_of_a_person_removes_nothing(lab: Lab, writer: sqlite3.Connection) -> None:
    """Somebody said `aqsync retry` when the log was a file."""
    lab.journal.outcomes.retry([lab.record(f"{NAME}-wal").id])
    add_rows(writer)
    lab.push()
    lab.push()
    assert f"{REMOTE}-wal" in lab.remote
    writer.close()
    lab.push()
    assert isinstance(lab.decision(f"{NAME}-wal"), InSync)
    assert f"{REMOTE}-wal" in lab.remote
