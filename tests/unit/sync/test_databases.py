"""Databases on their way: snapshots are sent, compared and recognised as what they are."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from aqsync.errors import ServerUnreachable
from aqsync.local import snapshot
from aqsync.local.database_source import DatabaseSource
from aqsync.local.snapshot import Snapshots
from aqsync.local.sqlite_files import LOG
from aqsync.model import (
    Adopted,
    Compare,
    Hold,
    InSync,
    Reason,
    State,
    Touched,
    Upload,
    Uploaded,
    Wait,
)
from aqsync.sync.summary import summarize
from tests.support.databases import add_rows, listed, open_database, rows_in
from tests.support.harness import Harness
from tests.support.lab import EID, Lab

NAME = "run/experiments.db"
REMOTE = "run~experiments.db"


@pytest.fixture
def writer(lab: Lab) -> Iterator[sqlite3.Connection]:
    lab.configure(settle=0.0)
    connection = open_database(lab.root / NAME)
    add_rows(connection, 20)
    yield connection
    connection.close()


def is_complete(lab: Lab) -> bool:
    return summarize(lab.journal, lab.mapping, lab.clock.now_ns()).complete


def test_a_database_with_its_log_goes_as_one_file(
    lab: Lab, writer: sqlite3.Connection, tmp_path: Path
) -> None:
    before = listed(lab.root)
    result = lab.push()
    assert (result.uploaded, is_complete(lab)) == (1, True)
    assert set(lab.remote) == {REMOTE}
    assert rows_in(lab.remote[REMOTE], tmp_path) == 20
    assert result.bytes == len(lab.remote[REMOTE])
    assert listed(lab.root) == before
    add_rows(writer, 5)
    assert lab.push().uploaded == 1
    assert rows_in(lab.remote[REMOTE], tmp_path) == 25
    assert lab.push().uploaded == 0


@pytest.fixture
def meanwhile(monkeypatch: pytest.MonkeyPatch) -> list[Callable[[], object]]:
    """What happens, each once, right after the next logs of databases were copied."""
    copy, todo = DatabaseSource.copy, list[Callable[[], object]]()

    def copied(self: DatabaseSource, part: str, *rest: Any) -> bool:
        found = copy(self, part, *rest)
        if part == LOG and todo:
            todo.pop()()
        return found

    monkeypatch.setattr(DatabaseSource, "copy", copied)
    return todo


def test_a_database_whose_writer_never_rests(
    lab: Lab, writer: sqlite3.Connection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It has always changed since it was decided on, and a push sends it all the same."""
    taken = Snapshots.of

    def written_to(*given: Any) -> Any:
        add_rows(writer)
        return taken(*given)

    monkeypatch.setattr(Snapshots, "of", written_to)
    assert lab.push().uploaded == 1
    assert rows_in(lab.remote[REMOTE], tmp_path) == 21
    assert is_complete(lab)  # what was copied is what is here now


def test_what_changes_while_it_is_copied_is_not_in_sync(
    lab: Lab, writer: sqlite3.Connection, tmp_path: Path, meanwhile: list[Callable[[], object]]
) -> None:
    """The job sees that itself, whether or not an event comes, and before any other look."""
    meanwhile.append(lambda: add_rows(writer))
    assert lab.push().uploaded == 1
    assert rows_in(lab.remote[REMOTE], tmp_path) == 20
    assert not is_complete(lab)
    assert "waiting" not in "".join(lab.said)  # it was sent in this push already
    assert lab.push().uploaded == 1
    assert rows_in(lab.remote[REMOTE], tmp_path) == 21
    assert is_complete(lab)


@pytest.mark.parametrize("outcome", [Uploaded, Touched, Adopted])
def test_no_outcome_vouches_for_what_changed_while_it_was_copied(
    lab: Lab,
    writer: sqlite3.Connection,
    meanwhile: list[Callable[[], object]],
    outcome: type[Uploaded | Touched | Adopted],
) -> None:
    if outcome is not Uploaded:
        lab.push()
    if outcome is Touched:
        (lab.root / f"{NAME}-wal").touch()
    if outcome is Adopted:
        lab.reopen(lose_journal=True)
    meanwhile.append(lambda: add_rows(writer))
    lab.scan()
    lab.engine.refresh([EID])
    step = lab.decision(NAME)
    assert isinstance(step, Upload | Compare)
    job = lab.engine.job(lab.record(NAME), step)
    assert job is not None
    assert isinstance(lab.engine.perform(job), outcome)
    assert meanwhile == []
    assert not isinstance(lab.decision(NAME), InSync)


def test_a_daemon_looks_again_at_once_at_what_changed_while_it_was_copied(
    lab: Lab, writer: sqlite3.Connection, tmp_path: Path, meanwhile: list[Callable[[], object]]
) -> None:
    harness = Harness(lab)  # no event comes
    meanwhile.append(lambda: add_rows(writer))
    harness.run(2)
    assert meanwhile == []
    assert rows_in(lab.remote[REMOTE], tmp_path) == 21
    assert is_complete(lab)


def test_what_changes_no_row_is_not_sent_again(lab: Lab, writer: sqlite3.Connection) -> None:
    lab.push()
    (lab.root / f"{NAME}-shm").touch()
    assert lab.push().uploaded == 0
    writer.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    assert lab.push().uploaded == 0
    writer.close()
    assert lab.push().uploaded == 0
    assert isinstance(lab.decision(NAME), InSync)
    synced = lab.record(NAME).synced
    assert synced is not None
    assert synced.size == synced.signature.size == len(lab.remote[REMOTE])


def test_the_size_on_the_server_is_known(lab: Lab, writer: sqlite3.Connection) -> None:
    lab.push()
    synced = lab.record(NAME).synced
    assert synced is not None
    assert synced.size == len(lab.remote[REMOTE]) != synced.signature.size
    summary = summarize(lab.journal, lab.mapping, lab.clock.now_ns())
    assert summary.bytes[State.IN_SYNC] == synced.size
    first = synced.sha256
    add_rows(writer)
    lab.push()
    assert lab.journal.versions.of(EID, REMOTE)[first] == synced.size


def test_a_database_at_rest_is_recognised_when_it_is_sent(
    lab: Lab, writer: sqlite3.Connection
) -> None:
    writer.close()
    lab.scan()
    assert not lab.record(NAME).is_database
    assert lab.push().uploaded == 1
    assert lab.record(NAME).is_database
    assert lab.remote[REMOTE] == (lab.root / NAME).read_bytes()


def test_no_database_is_hashed_again(lab: Lab, writer: sqlite3.Connection) -> None:
    for mode in ("a.db", "b.db"):
        open_database(lab.root / mode).close()
    lab.push()
    for path in (NAME, "a.db", "b.db"):
        synced = lab.record(path).synced
        assert synced is not None
        assert synced.recheck_at_ns is None
    lab.engine.rechecks.closed(lab.mapping, ["a.db"])
    synced = lab.record("a.db").synced
    assert synced is not None
    assert synced.recheck_at_ns is None
    assert not writer.in_transaction


def test_a_snapshot_that_is_there_already_is_adopted(lab: Lab, writer: sqlite3.Connection) -> None:
    lab.push()
    lab.reopen(lose_journal=True)
    result = lab.push()
    assert (result.adopted, result.uploaded, is_complete(lab)) == (1, 0, True)
    synced = lab.record(NAME).synced
    assert synced is not None
    assert synced.size == len(lab.remote[REMOTE])
    assert not writer.in_transaction


def test_an_older_snapshot_is_known_as_ours(lab: Lab, writer: sqlite3.Connection) -> None:
    lab.push()
    old = lab.remote[REMOTE]
    add_rows(writer, 5)
    lab.push()
    lab.server.put(EID, REMOTE, old)
    result = lab.push()
    assert result.uploaded == 1
    assert lab.remote[REMOTE] != old


def test_why_no_snapshot_could_be_made(
    lab: Lab, writer: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(snapshot, "SPARE_BYTES", 1 << 60)
    monkeypatch.setattr(snapshot, "SPARE_SHARE", 1.0)
    lab.push()
    assert not is_complete(lab)
    assert lab.remote == {}
    step = lab.decision(NAME)
    assert isinstance(step, Wait)
    assert step.reason is Reason.NO_ROOM_FOR_SNAPSHOT
    assert not writer.in_transaction


@pytest.mark.parametrize("answer", ["there", "lost"])
def test_damage_is_told(lab: Lab, answer: str) -> None:
    def lost() -> None:
        raise ServerUnreachable("the answer is lost")

    if answer == "lost":
        lab.server.after["upload"] = lost
    connection = open_database(lab.root / NAME)
    add_rows(connection, 300)
    connection.close()
    content = bytearray((lab.root / NAME).read_bytes())
    content[8192:12288] = b"\x55" * 4096
    lab.write(NAME, bytes(content))
    lab.push()
    lab.server.after.clear()
    lab.clock.advance(60)
    lab.push()
    assert is_complete(lab)
    assert lab.remote[REMOTE] == content
    step = lab.decision(NAME)
    assert isinstance(step, InSync)
    assert step.reason is Reason.DAMAGED_AS_SENT


@pytest.mark.usefixtures("writer")
def test_databases_that_are_sent_as_files(lab: Lab) -> None:
    lab.configure(settle=0.0, databases="file")
    lab.push()
    assert set(lab.remote) == {REMOTE, f"{REMOTE}-wal", f"{REMOTE}-shm"}
    assert lab.remote[REMOTE] == (lab.root / NAME).read_bytes()


@pytest.mark.usefixtures("writer")
@pytest.mark.parametrize("at_rest", [True, False])
def test_databases_that_are_left_out(
    lab: Lab, writer: sqlite3.Connection, *, at_rest: bool
) -> None:
    if at_rest:
        writer.close()
    lab.configure(settle=0.0, databases="ignore")
    lab.push()
    assert is_complete(lab)
    assert lab.remote == {}
    step = lab.decision(NAME)
    assert isinstance(step, Hold)
    assert (step.reason, step.state) == (Reason.DATABASE_IGNORED, State.SKIPPED)


@pytest.mark.parametrize(
    "modes", [("file", "snapshot"), ("snapshot", "file"), ("ignore", "snapshot")]
)
def test_a_mapping_that_changes_its_mind(
    lab: Lab, writer: sqlite3.Connection, tmp_path: Path, modes: tuple[str, str]
) -> None:
    for mode in modes:
        lab.configure(settle=0.0, databases=mode)
        lab.push()
        assert is_complete(lab)
    if modes[1] == "snapshot":
        assert rows_in(lab.remote[REMOTE], tmp_path) == 20
    else:
        assert lab.remote[REMOTE] == (lab.root / NAME).read_bytes()
        assert f"{REMOTE}-wal" in lab.remote
    assert not writer.in_transaction


def test_what_only_has_the_name_of_a_part(lab: Lab, tmp_path: Path) -> None:
    """SQLite opens no links and no folders as logs either."""
    lab.configure(settle=0.0)
    connection = open_database(lab.root / NAME, "DELETE")
    add_rows(connection, 20)
    connection.close()
    (lab.root / f"{NAME}-wal").symlink_to("/etc/hostname")
    (lab.root / f"{NAME}-journal").mkdir()
    assert lab.push().uploaded == 1
    assert is_complete(lab)
    assert rows_in(lab.remote[REMOTE], tmp_path) == 20
