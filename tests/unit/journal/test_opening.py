"""Beginning, opening, locking, trying out and setting aside."""

from __future__ import annotations

import hashlib
import os
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from aqsync.errors import (
    ExitCode,
    JournalBroken,
    JournalDiskFull,
    JournalError,
    JournalInUse,
    JournalTooNew,
)
from aqsync.journal import Journal
from aqsync.journal.database import set_aside
from aqsync.journal.schema import APPLICATION_ID, MIGRATIONS, VERSION
from tests.support.notes import NOW, notes
from tests.support.permissions import bound_by_permissions

OPENINGS: tuple[Callable[[Path], Journal], ...] = (
    lambda path: Journal.open_for_writing(path, NOW),
    Journal.open_for_reading,
    lambda path: Journal.copy_in_memory(path, NOW),
)


def files_beside(path: Path) -> list[str]:
    return sorted(p.name for p in path.parent.iterdir())


def content(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def damage(path: Path) -> None:
    """Scribble over the middle of the file, as a dying disk does."""
    size = path.stat().st_size
    with path.open("r+b") as file:
        file.seek(4096)
        file.write(os.urandom(size - 4096))


def begin(path: Path) -> None:
    """A journal that knows something."""
    with Journal.open_for_writing(path, NOW) as journal:
        notes(journal).see("a.csv")


def test_a_new_journal_is_begun_with_its_folder(path: Path) -> None:
    with Journal.open_for_writing(path, NOW) as journal:
        assert journal.broken_set_aside is None
        assert journal.mappings.find("m") is None
    assert path.parent.stat().st_mode & 0o077 == 0, "nobody else's business"
    assert files_beside(path) == ["journal.db", "journal.db.lock"]


def test_what_was_written_is_there_when_it_is_opened_again(path: Path) -> None:
    begin(path)
    with Journal.open_for_writing(path, NOW + 1) as journal:
        assert notes(journal).at("a.csv").since_ns == NOW


def test_the_file_says_what_it_is_and_which_migrations_ran(path: Path) -> None:
    begin(path)
    with Journal.open_for_writing(path, NOW + 1):
        pass
    connection = sqlite3.connect(path)
    assert connection.execute("PRAGMA application_id").fetchone()[0] == APPLICATION_ID
    assert connection.execute("PRAGMA user_version").fetchone()[0] == VERSION
    assert connection.execute("PRAGMA journal_mode").fetchone()[0] == "wal"
    ran = connection.execute("SELECT name, applied_at_ns FROM migration ORDER BY name").fetchall()
    connection.close()
    assert ran == [(name, NOW) for name, _ in MIGRATIONS]


def test_migrations_are_named_in_order() -> None:
    numbers = [int(name.partition("-")[0]) for name, _ in MIGRATIONS]
    assert numbers == list(range(1, VERSION + 1))


def test_a_migration_runs_whole_or_not_at_all(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    begin(path)
    more = (*MIGRATIONS, ("0002-more", "CREATE TABLE more (x); CREATE TABLE more (x);"))
    monkeypatch.setattr("aqsync.journal.schema.MIGRATIONS", more)
    with pytest.raises(JournalError, match="more already exists"):
        Journal.open_for_writing(path, NOW)
    monkeypatch.undo()
    with Journal.open_for_writing(path, NOW) as journal:
        assert notes(journal).find("a.csv") is not None
    monkeypatch.setattr(
        "aqsync.journal.schema.MIGRATIONS", (*MIGRATIONS, ("0002-more", "CREATE TABLE more (x);"))
    )
    with Journal.open_for_writing(path, NOW) as journal:
        assert notes(journal).find("a.csv") is not None


# One writer


def test_a_second_writer_is_told_who_writes(path: Path) -> None:
    with Journal.open_for_writing(path, NOW):
        with pytest.raises(JournalInUse) as caught:
            Journal.open_for_writing(path, NOW)
        assert caught.value.message.endswith(f"is in use by another aqsync (process {os.getpid()})")
        assert caught.value.exit_code == ExitCode.JOURNAL_IN_USE
        assert caught.value.hint
    Journal.open_for_writing(path, NOW).close()


HOLD = """
import sys
from pathlib import Path
from aqsync.journal import Journal
from aqsync.journal.database import set_aside
journal = Journal.open_for_writing(Path(sys.argv[1]), 1)
print("open", flush=True)
sys.stdin.read()
"""


def test_the_lock_holds_between_processes_and_ends_with_its_holder(path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "open\n"
        with pytest.raises(JournalInUse, match=f"process {other.pid}"):
            Journal.open_for_writing(path, NOW)
        with Journal.open_for_reading(path) as reader:
            assert reader.mappings.find("m") is None
        other.kill()
    with Journal.open_for_writing(path, NOW) as journal:
        assert journal.broken_set_aside is None


def test_another_program_that_locks_the_file_is_not_called_damage(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begin(path)
    monkeypatch.setattr("aqsync.journal.database.BUSY_TIMEOUT_S", 0.01)
    browser = sqlite3.connect(path, isolation_level=None)
    with Journal.open_for_writing(path, NOW) as journal:
        browser.execute("BEGIN IMMEDIATE")
        with pytest.raises(JournalInUse, match="locked by another program"):
            notes(journal, "new")
        browser.execute("ROLLBACK")
        assert notes(journal, "new")
    browser.close()


# Readers


def test_a_reader_sees_what_is_committed_beside_the_writer(path: Path) -> None:
    with Journal.open_for_writing(path, NOW) as writer:
        noted = notes(writer)
        noted.see("a.csv")
        with Journal.open_for_reading(path) as reader:
            assert reader.observations.record_at(noted.mapping_id, "a.csv") is not None
            noted.see("b.csv")
            assert reader.observations.record_at(noted.mapping_id, "b.csv") is not None


def test_a_reader_cannot_write(path: Path) -> None:
    begin(path)
    with Journal.open_for_reading(path) as reader, pytest.raises(JournalError):
        reader.mappings.get("new")


def test_there_is_nothing_to_read_yet(path: Path) -> None:
    with pytest.raises(JournalError, match=r"no journal at .*journal\.db yet") as caught:
        Journal.open_for_reading(path)
    assert "aqsync push" in caught.value.hint
    assert not path.parent.exists()


def test_a_copy_is_as_the_journal_and_leaves_it_alone(path: Path) -> None:
    begin(path)
    before = content(path)
    with Journal.copy_in_memory(path, NOW) as copy:
        noted = notes(copy)
        assert noted.find("a.csv") is not None
        noted.see("only-here.csv")
        noted.journal.mappings.get("another")
    assert content(path) == before
    with Journal.open_for_writing(path, NOW) as journal:
        assert journal.mappings.find("another") is None
        assert notes(journal).find("only-here.csv") is None


def test_a_copy_holds_what_a_writer_has_not_yet_moved_to_the_main_file(path: Path) -> None:
    with Journal.open_for_writing(path, NOW) as journal:
        notes(journal).see("a.csv")
        with Journal.copy_in_memory(path, NOW) as copy:
            assert notes(copy).find("a.csv") is not None


def test_a_copy_of_nothing_is_empty_and_makes_nothing(path: Path) -> None:
    with Journal.copy_in_memory(path, NOW) as copy:
        notes(copy).see("a.csv")
    assert not path.parent.exists()


def test_a_copy_of_an_older_journal_is_migrated_in_memory_only(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begin(path)
    newer = (*MIGRATIONS, ("0002-more", "CREATE TABLE more (x);"))
    monkeypatch.setattr("aqsync.journal.schema.MIGRATIONS", newer)
    with Journal.copy_in_memory(path, NOW) as copy:
        assert notes(copy).find("a.csv") is not None
        with copy._database.reading() as connection:
            assert connection.execute("SELECT count(*) FROM more").fetchone() == (0,)
    connection = sqlite3.connect(path)
    assert connection.execute("PRAGMA user_version").fetchone()[0] == VERSION
    connection.close()


# What is no good


def test_a_damaged_journal_is_set_aside(path: Path) -> None:
    begin(path)
    damage(path)
    with Journal.open_for_writing(path, NOW) as journal:
        aside = journal.broken_set_aside
        assert aside is not None
        assert aside.name == "journal.db.broken-20261123-100000-000000"
        assert aside.stat().st_size > 0
        assert notes(journal).find("a.csv") is None
    with Journal.open_for_writing(path, NOW) as journal:
        assert journal.broken_set_aside is None


def test_what_lies_beside_a_journal_is_set_aside_with_it(path: Path) -> None:
    """A write-ahead log of another database would be played into the new one."""
    path.parent.mkdir()
    for suffix in ("", "-wal", "-shm"):
        path.with_name(path.name + suffix).write_text(f"content{suffix}")
    aside = set_aside(path, NOW)
    assert files_beside(path) == [aside.name, f"{aside.name}-shm", f"{aside.name}-wal"]
    assert aside.with_name(f"{aside.name}-wal").read_text() == "content-wal"


def test_damage_within_is_found_and_readers_say_how_it_is_mended(path: Path) -> None:
    begin(path)
    damage(path)
    with pytest.raises(JournalBroken) as caught:
        Journal.open_for_reading(path)
    assert "aqsync push" in caught.value.hint
    with pytest.raises(JournalBroken):
        Journal.copy_in_memory(path, NOW)
    with Journal.open_for_writing(path, NOW) as journal:
        assert journal.broken_set_aside is not None


@pytest.mark.parametrize("left", [b"", b"\0" * 8192])
def test_what_a_power_loss_leaves_is_begun_anew(path: Path, left: bytes) -> None:
    path.parent.mkdir()
    path.write_bytes(left)
    with Journal.open_for_writing(path, NOW) as journal:
        notes(journal).see("a.csv")
        assert (journal.broken_set_aside is None) is (left == b"")


@pytest.mark.parametrize("left", [b"garbage" * 5000, b"short"])
def test_a_journal_damaged_beyond_recognition_is_set_aside(path: Path, left: bytes) -> None:
    """Its lock file tells that it was one, also after its writer was killed."""
    begin(path)
    path.write_bytes(left)
    with pytest.raises(JournalBroken):
        Journal.open_for_reading(path)
    with Journal.open_for_writing(path, NOW) as journal:
        assert journal.broken_set_aside is not None
        assert journal.broken_set_aside.read_bytes() == left


def test_a_failed_opening_does_not_make_a_file_a_journal(path: Path) -> None:
    path.parent.mkdir()
    data_file(path)
    for _ in range(3):
        with pytest.raises(JournalError, match="not a journal of aqsync"):
            Journal.open_for_writing(path, NOW)


def other_database(path: Path) -> None:
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE measurement (x)")
    connection.commit()
    connection.close()


def other_damaged_database(path: Path) -> None:
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE measurement (x)")
    connection.executemany("INSERT INTO measurement VALUES (?)", [(b"x" * 999,)] * 99)
    connection.commit()
    connection.close()
    with path.open("r+b") as file:
        file.seek(100)
        file.write(b"\xee" * 3000)


def data_file(path: Path) -> None:
    path.write_bytes(b"\x89HDF\r\n\x1a\n" + b"months of work" * 99)


def text_file(path: Path) -> None:
    path.write_text("server:\n")


@pytest.mark.parametrize("made", [other_database, other_damaged_database, data_file, text_file])
@pytest.mark.parametrize("opened", OPENINGS)
def test_a_file_that_is_no_journal_is_left_alone(
    path: Path, made: Callable[[Path], None], opened: Callable[[Path], Journal]
) -> None:
    path.parent.mkdir()
    made(path)
    before = content(path)
    with pytest.raises(JournalError, match="not a journal of aqsync") as caught:
        opened(path)
    assert not isinstance(caught.value, JournalBroken)
    assert caught.value.hint
    assert content(path) == before
    assert not [name for name in files_beside(path) if ".broken-" in name]


@pytest.mark.parametrize("opened", OPENINGS)
def test_a_newer_journal_is_left_alone(path: Path, opened: Callable[[Path], Journal]) -> None:
    begin(path)
    connection = sqlite3.connect(path)
    connection.execute(f"PRAGMA user_version = {VERSION + 1}")
    connection.commit()
    connection.close()
    with pytest.raises(JournalTooNew, match="written by a newer aqsync") as caught:
        opened(path)
    assert caught.value.exit_code == ExitCode.USAGE
    assert not [name for name in files_beside(path) if ".broken-" in name]


def test_a_refused_opening_leaves_no_lock(path: Path) -> None:
    path.parent.mkdir()
    other_database(path)
    with pytest.raises(JournalError):
        Journal.open_for_writing(path, NOW)
    path.unlink()
    Journal.open_for_writing(path, NOW).close()


def test_a_journal_that_is_a_directory(path: Path) -> None:
    path.mkdir(parents=True)
    with pytest.raises(JournalError, match="is not a regular file"):
        Journal.open_for_writing(path, NOW)


def test_a_folder_that_is_a_file(path: Path) -> None:
    path.parent.write_text("")
    with pytest.raises(JournalError, match="cannot be opened"):
        Journal.open_for_writing(path, NOW)


def test_a_folder_that_may_not_be_written(path: Path) -> None:
    path.parent.mkdir(mode=0o500)
    with bound_by_permissions(), pytest.raises(JournalError, match="Permission denied") as caught:
        Journal.open_for_writing(path, NOW)
    assert not isinstance(caught.value, JournalInUse | JournalBroken)


def test_a_full_disk_is_not_damage_and_loses_nothing(path: Path) -> None:
    with Journal.open_for_writing(path, NOW) as journal:
        noted = notes(journal)
        noted.see("a.csv")
        with journal._database.writing() as connection:
            pages = connection.execute("PRAGMA page_count").fetchone()[0]
            connection.execute(f"PRAGMA max_page_count = {pages}")

        def fill() -> None:
            for number in range(1000):
                noted.see(f"{number}.csv")

        with pytest.raises(JournalDiskFull, match="is full") as caught:
            fill()
        assert not caught.value.permanent
        assert noted.find("a.csv") is not None, "it can still be read"
    with Journal.open_for_writing(path, NOW) as journal:
        assert journal.broken_set_aside is None
        noted = notes(journal)
        assert noted.find("0.csv") is not None, "what was said to be written was"
        noted.see("more.csv")


def test_no_error_of_sqlite_leaves(path: Path) -> None:
    journal = Journal.open_for_writing(path, NOW)
    with (
        pytest.raises(JournalError, match="cannot be used: no such table"),
        journal._database.reading() as connection,
    ):
        connection.execute("SELECT * FROM nowhere")
    journal.close()
    with pytest.raises(JournalError):
        journal.mappings.find("m")


def test_a_failed_transaction_leaves_nothing(journal: Journal) -> None:
    def fail(with_what: BaseException) -> None:
        with journal._database.writing() as connection:
            connection.execute("INSERT INTO mapping (name) VALUES ('half')")
            raise with_what

    for error in (ZeroDivisionError(), KeyboardInterrupt()):
        with pytest.raises(type(error)):
            fail(error)
    with pytest.raises(JournalError):
        fail(sqlite3.IntegrityError("NOT NULL"))
    assert journal.mappings.find("half") is None
    assert journal.mappings.get("whole").root is None


def test_threads_may_share_it(journal: Journal) -> None:
    noted = notes(journal)
    failures: list[BaseException] = []

    def work(number: int) -> None:
        try:
            for step in range(30):
                file = noted.see(f"{number}/{step}.csv")
                assert journal.observations.records([file.id]) == [file]
                journal.remote.next_sequence()
        except BaseException as exc:  # noqa: BLE001 - carried to the test
            failures.append(exc)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    assert noted.count_present() == 120
    assert journal.remote.next_sequence() == 121
