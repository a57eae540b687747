"""A snapshot is a state that the database really had, whoever writes it meanwhile."""

from __future__ import annotations

import itertools
import os
import shutil
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import NamedTuple

import pytest

from aqsync.errors import (
    DatabaseBusy,
    DatabaseDamaged,
    FileChanged,
    FileVanished,
    NoRoomForSnapshot,
    SharedTransaction,
)
from aqsync.local import private_copy, snapshot
from aqsync.local.content import Held
from aqsync.local.database_source import DatabaseSource
from aqsync.local.disk import OpenFile, RealDisk
from aqsync.local.snapshot import Snapshots
from aqsync.model import Signature
from tests.support.databases import add_rows, listed, open_database, rows_in
from tests.support.fake_clock import FakeClock

JOURNAL_MAGIC = b"\xd9\xd5\x05\xf9\x20\xa1\x63\xd7"
NAME = "run/experiments.db"


class Meddling(RealDisk):
    """Calls something before a path is opened for the so-many-th time."""

    def __init__(self) -> None:
        self.before: dict[str, Callable[[], None]] = {}

    def open(self, root: Path, path: str) -> OpenFile:
        if (call := self.before.get(path)) is not None:
            call()
        return super().open(root, path)


class Place(NamedTuple):
    """A root with a database, and where snapshots are made."""

    root: Path
    disk: Meddling
    snapshots: Snapshots
    folder: Path

    @property
    def database(self) -> Path:
        return self.root / NAME

    def signature(self) -> Signature:
        return DatabaseSource(self.disk, self.root, NAME, lambda: None).look().signature

    def held(self, expected: Signature | None = None) -> AbstractContextManager[Held]:
        return self.snapshots.of(self.disk, self.root, NAME, expected, lambda: None)

    def take(self, expected: Signature | None = None) -> bytes:
        with self.held(expected) as held:
            for _ in range(2):
                with held.open() as content:
                    found = b"".join(content.chunks(4096))
                    assert len(found) == content.size == held.size
            assert held.damage is None
        assert list(self.folder.iterdir()) == []
        return found


@pytest.fixture
def place(tmp_path: Path) -> Place:
    root = tmp_path / "root"
    root.mkdir()
    folder = tmp_path / "state" / "snapshots"
    folder.parent.mkdir()
    return Place(root, Meddling(), Snapshots(folder, FakeClock()), folder)


@pytest.fixture
def writer(place: Place) -> Iterator[sqlite3.Connection]:
    connection = open_database(place.database)
    add_rows(connection, 20)
    yield connection
    connection.close()


@pytest.mark.usefixtures("writer")
def test_what_is_only_in_the_log_is_in_the_snapshot(place: Place, tmp_path: Path) -> None:
    alone = sqlite3.connect(shutil.copy(place.database, tmp_path / "alone.db"))
    with pytest.raises(sqlite3.OperationalError, match="no such table"):
        alone.execute("SELECT count(*) FROM row")
    alone.close()
    before = listed(place.root)
    assert rows_in(place.take(place.signature()), tmp_path) == 20
    assert listed(place.root) == before


def test_a_database_at_rest_is_sent_byte_by_byte(place: Place, writer: sqlite3.Connection) -> None:
    writer.close()
    assert place.take(place.signature()) == place.database.read_bytes()


def test_a_log_that_was_written_into_the_database_gives_the_same_bytes(
    place: Place, writer: sqlite3.Connection
) -> None:
    """So a checkpoint alone, or a writer that ends, sends nothing again."""
    with_log = place.take()
    writer.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    emptied = place.take()
    writer.close()
    assert with_log == emptied == place.database.read_bytes()


def test_rows_added_while_the_log_is_copied_do_no_harm(
    place: Place, writer: sqlite3.Connection, tmp_path: Path
) -> None:
    place.disk.before[f"{NAME}-wal"] = lambda: void(add_rows(writer))
    assert rows_in(place.take(place.signature()), tmp_path) >= 20


def test_a_log_that_is_begun_anew_meanwhile_has_it_tried_again(
    place: Place, writer: sqlite3.Connection, tmp_path: Path
) -> None:
    calls = iter([True, False, False, False, False, False])

    def begin_anew() -> None:
        if next(calls, False):
            writer.execute("PRAGMA wal_checkpoint(RESTART)")
            add_rows(writer)

    place.disk.before[NAME] = begin_anew
    assert rows_in(place.take(place.signature()), tmp_path) == 21


@pytest.mark.parametrize("gone", [True, False])
def test_a_log_that_comes_or_goes_meanwhile(
    place: Place, writer: sqlite3.Connection, tmp_path: Path, *, gone: bool
) -> None:
    """Between the look at its parts and their copies."""
    log = f"{NAME}-wal"
    if gone:
        place.disk.before[log] = writer.close
    else:
        writer.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        place.disk.before[NAME] = lambda: void(place.disk.before.pop(NAME), add_rows(writer))
    assert rows_in(place.take(place.signature()), tmp_path) == (20 if gone else 21)


@pytest.mark.parametrize("mode", ["WAL", "DELETE", "TRUNCATE", "PERSIST"])
def test_a_database_that_changes_each_time_is_given_up(place: Place, mode: str) -> None:
    writer = open_database(place.database, mode)
    add_rows(writer, 3)

    def change() -> None:
        if mode == "WAL":
            writer.execute("PRAGMA wal_checkpoint(RESTART)")
        add_rows(writer)

    place.disk.before[NAME] = change
    with pytest.raises(DatabaseBusy):
        place.take(place.signature())
    writer.close()
    assert list(place.folder.iterdir()) == []


@pytest.mark.parametrize("mode", ["DELETE", "TRUNCATE", "PERSIST"])
def test_modes_without_a_log(place: Place, mode: str, tmp_path: Path) -> None:
    writer = open_database(place.database, mode)
    add_rows(writer, 5)
    before = listed(place.root)
    assert rows_in(place.take(place.signature()), tmp_path) == 5
    assert listed(place.root) == before
    writer.close()


@pytest.mark.parametrize("mode", ["DELETE", "TRUNCATE", "PERSIST"])
def test_a_transaction_that_is_under_way_is_not_in_it(
    place: Place, mode: str, tmp_path: Path
) -> None:
    """As after a kill: pages are in the file already, and the journal holds what they were."""
    writer = open_database(place.database, mode)
    writer.execute("PRAGMA cache_size = 2")
    writer.execute("PRAGMA cache_spill = 1")
    add_rows(writer, 200, 1000)
    writer.execute("BEGIN")
    writer.execute("UPDATE row SET data = ?", (b"not yet " * 125,))
    assert b"not yet" in place.database.read_bytes()
    assert place.database.with_name("experiments.db-journal").read_bytes()[:8] == JOURNAL_MAGIC
    before = listed(place.root)
    content = place.take(place.signature())
    assert rows_in(content, tmp_path) == 200
    assert b"not yet" not in content
    assert listed(place.root) == before
    writer.close()


IN_THE_MIDST = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute(f"PRAGMA journal_mode = {sys.argv[2]}")
connection.execute("PRAGMA cache_size = 2")
connection.execute("BEGIN IMMEDIATE")
connection.execute("UPDATE row SET data = ?", (b"not yet " * 125,))
print("begun", flush=True)
sys.stdin.read()
connection.execute("COMMIT")
"""


@contextmanager
def in_the_midst(database: Path, mode: str) -> Iterator[None]:
    """A transaction is under way in another process: one's own locks end with any close."""
    command = [sys.executable, "-SE", "-c", IN_THE_MIDST, str(database), mode]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"begun\n"
        yield
        process.communicate()


@pytest.mark.parametrize("room", [True, False])
@pytest.mark.parametrize("mode", ["MEMORY", "OFF"])
def test_a_transaction_that_nothing_on_the_disk_would_undo(
    place: Place, mode: str, monkeypatch: pytest.MonkeyPatch, *, room: bool
) -> None:
    writer = open_database(place.database, mode)
    add_rows(writer, 200, 1000)
    writer.close()
    if not room:
        monkeypatch.setattr(snapshot, "SPARE_BYTES", 1 << 60)
        monkeypatch.setattr(snapshot, "SPARE_SHARE", 1.0)
    with in_the_midst(place.database, mode):
        assert b"not yet" in place.database.read_bytes()
        with pytest.raises(DatabaseBusy, match="in the midst"):
            place.take(place.signature())
    assert place.take(place.signature()) == place.database.read_bytes()


def test_one_that_soon_ends_is_waited_for(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """As with each commit in the mode DELETE: the journal is gone a little before the lock is."""
    open_database(place.database, "DELETE").close()
    answers = iter([True, True])
    monkeypatch.setattr(DatabaseSource, "in_the_midst", lambda _: next(answers, False))
    assert place.take(place.signature()) == place.database.read_bytes()


@pytest.mark.parametrize("mode", ["WAL", "DELETE", "TRUNCATE", "PERSIST"])
def test_a_writer_that_locks_a_database_for_good(place: Place, mode: str) -> None:
    writer = open_database(place.database, mode)
    writer.execute("PRAGMA locking_mode = EXCLUSIVE")
    add_rows(writer, 3)
    writer.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    assert place.take(place.signature()) == place.database.read_bytes()
    writer.close()


def test_a_transaction_of_several_databases_is_left_to_their_program(place: Place) -> None:
    """SQLite would look for the file that names all their journals, and trust it."""
    open_database(place.database, "DELETE").close()
    other = b"/other/database-mj12345678"
    tail = len(other).to_bytes(4, "big") + sum(other).to_bytes(4, "big") + JOURNAL_MAGIC
    header = JOURNAL_MAGIC + b"\0" * 504
    place.database.with_name("experiments.db-journal").write_bytes(header + other + tail)
    with pytest.raises(SharedTransaction):
        place.take()


def test_another_version_than_expected(place: Place, writer: sqlite3.Connection) -> None:
    expected = place.signature()
    add_rows(writer)
    with pytest.raises(FileChanged):
        place.take(expected)


@pytest.mark.parametrize("replaced", [True, False])
def test_a_database_that_goes_while_its_snapshot_is_sent(
    place: Place, writer: sqlite3.Connection, *, replaced: bool
) -> None:
    with place.held() as held, held.open() as content:
        chunks = content.chunks(1024)
        next(chunks)
        place.database.unlink()
        if replaced:
            place.database.write_bytes(b"new")
        with pytest.raises((FileChanged, FileVanished)):
            list(chunks)
    writer.close()


def test_without_room_a_database_at_rest_is_sent_as_it_is(
    place: Place, writer: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(snapshot, "SPARE_BYTES", 1 << 60)
    monkeypatch.setattr(snapshot, "SPARE_SHARE", 1.0)
    with pytest.raises(NoRoomForSnapshot, match="are free"):
        place.take()
    writer.close()
    assert place.take(place.signature()) == place.database.read_bytes()


def test_one_at_rest_that_is_written_to_while_it_is_read(
    place: Place, writer: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer.close()
    monkeypatch.setattr(snapshot, "SPARE_BYTES", 1 << 60)
    monkeypatch.setattr(snapshot, "SPARE_SHARE", 1.0)
    with place.held() as held, held.open() as content:
        chunks = content.chunks(1024)
        next(chunks)
        again = open_database(place.database)
        add_rows(again)
        with pytest.raises(FileChanged):
            list(chunks)
        again.close()


def damaged(place: Place) -> None:
    connection = open_database(place.database)
    add_rows(connection, 300)
    connection.execute("CREATE INDEX i ON row (data)")
    connection.close()
    content = bytearray(place.database.read_bytes())
    content[8192:12288] = b"\x55" * 4096
    place.database.write_bytes(content)


def test_a_damaged_database_is_sent_as_it_is_and_said_so(place: Place) -> None:
    damaged(place)
    with place.held() as held, held.open() as content:
        assert held.damage
        assert b"".join(content.chunks(4096)) == place.database.read_bytes()


def test_one_that_is_no_longer_a_database_at_all(place: Place) -> None:
    place.database.parent.mkdir()
    place.database.write_bytes(b"SQLite format 3\0" + b"\xff" * 4080)
    with place.held() as held, held.open() as content:
        assert held.damage
        assert b"".join(content.chunks(4096)) == place.database.read_bytes()


def test_one_whose_log_cannot_be_written_into_it(place: Place, writer: sqlite3.Connection) -> None:
    content = bytearray(place.database.read_bytes())
    content[16:100] = b"\xff" * 84
    place.database.write_bytes(content)
    log = place.database.with_name("experiments.db-wal")
    header, frames = log.read_bytes()[:32], b"\0" * 4120
    log.write_bytes(header + frames)
    with pytest.raises(DatabaseDamaged):
        place.take()
    writer.close()


def test_what_only_its_own_program_can_check_is_sent_unchecked(
    place: Place, tmp_path: Path
) -> None:
    connection = open_database(place.database)
    connection.create_collation("instrument", lambda a, b: (a > b) - (a < b))
    connection.execute("CREATE TABLE named (name TEXT COLLATE instrument PRIMARY KEY)")
    connection.execute("INSERT INTO named VALUES ('a'), ('b')")
    content = place.take()
    connection.close()
    (tmp_path / "c.db").write_bytes(content)
    copy = sqlite3.connect(tmp_path / "c.db")
    assert copy.execute("SELECT count(*) FROM named NOT INDEXED").fetchone() == (2,)
    copy.close()


def test_a_check_that_takes_too_long_ends(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    damaged(place)
    monkeypatch.setattr(private_copy, "CHECK_S", -1.0)
    monkeypatch.setattr(private_copy, "_OPERATIONS", 1)
    assert place.take() == place.database.read_bytes()


class LateOutside(FakeClock):
    """SQLite's thread never finds that it is late, and waits until the other one found it twice."""

    def __init__(self) -> None:
        super().__init__()
        self.asked = itertools.count()
        self.twice = threading.Event()

    def monotonic(self) -> float:
        if threading.current_thread().name == "snapshot":
            if next(self.asked):  # the first time it notes until when
                self.twice.wait()
            return 0.0
        if next(self.asked) > 1:
            self.twice.set()
        return 1e9


def test_a_check_is_interrupted_from_outside(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """One operation may go through a large table, and asks no clock."""
    damaged(place)
    monkeypatch.setattr(private_copy, "TICK_S", 0.001)
    monkeypatch.setattr(private_copy, "_OPERATIONS", 1)
    assert private_copy.made_whole(place.database, LateOutside(), lambda: None) is None


@pytest.mark.parametrize("define", ["'AS'AS", "GENERATED ALWAYS as", "/**/aS/**/"])
def test_what_a_database_computes_is_not_evaluated(place: Place, define: str) -> None:
    """One function of SQLite can take days, or all memory, and cannot be interrupted."""
    connection = open_database(place.database)
    connection.execute(f"CREATE TABLE computed (a, b {define} (zeroblob(8)) NOT NULL)")
    connection.execute("INSERT INTO computed VALUES (1)")
    connection.execute("PRAGMA writable_schema = ON")
    connection.execute("UPDATE sqlite_master SET sql = replace(sql, '(8)', '(8000000000)')")
    connection.close()
    assert place.take() == place.database.read_bytes()


def test_what_a_killed_process_left_is_removed(place: Place) -> None:
    left = place.folder / "abc" / "database"
    left.parent.mkdir(parents=True)
    left.write_bytes(b"x")
    place.snapshots.clear()
    assert not place.folder.exists()


class Sharing:
    """An open file on a file system that can let two files share their blocks."""

    def __init__(self, file: OpenFile) -> None:
        self._file = file
        self.look, self.close, self.fileno = file.look, file.close, file.fileno
        self.read_at, self.locked_for_writing = file.read_at, file.locked_for_writing

    def read(self, size: int) -> bytes:
        assert size <= 32, "all of it was read, though it could be shared"
        return self._file.read(size)

    def cloned_into(self, descriptor: int) -> bool:
        os.pwrite(descriptor, self._file.read_at(0, 1 << 30), 0)
        return True


def test_blocks_are_shared_where_the_file_system_can(
    place: Place, writer: sqlite3.Connection, tmp_path: Path
) -> None:
    opened = place.disk.open
    place.disk.open = lambda root, path: Sharing(opened(root, path))  # type: ignore[method-assign]  # of another file system
    assert rows_in(place.take(), tmp_path) == 20
    add_rows(writer)
    assert rows_in(place.take(), tmp_path) == 21


@pytest.mark.usefixtures("writer")
def test_snapshots_are_private(place: Place) -> None:
    with place.held():
        [room] = place.folder.iterdir()
        assert place.folder.stat().st_mode & 0o077 == 0
        assert all(file.stat().st_mode & 0o077 == 0 for file in (room, *room.iterdir()))


def void(*_: object) -> None:
    """Nothing."""
