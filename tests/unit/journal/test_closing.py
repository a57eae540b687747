"""A journal is read through at opening, unless nothing has happened to it since it was closed."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from aqsync.errors import JournalBroken
from aqsync.journal import Journal
from aqsync.journal.checks import damage_in_pages
from aqsync.journal.observations import Observed
from aqsync.model import EntryKind
from tests.support.notes import NOW, V1, notes
from tests.support.patience import HANG_S


@pytest.fixture
def checks(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names each journal whose content is checked."""
    checked: list[str] = []

    def note(connection: sqlite3.Connection) -> str | None:
        _, _, file = connection.execute("PRAGMA database_list").fetchone()
        checked.append(Path(file).name)
        return damage_in_pages(connection)

    monkeypatch.setattr("aqsync.journal.database.damage_in_pages", note)
    return checked


def open_and_close(path: Path) -> None:
    with Journal.open_for_writing(path, NOW) as journal:
        notes(journal).see("a.csv")


def scribble(path: Path) -> None:
    size = path.stat().st_size
    with path.open("r+b") as file:
        file.seek(4096)
        file.write(os.urandom(size - 4096))


def test_one_closed_in_good_order_is_not_read_through(path: Path, checks: list[str]) -> None:
    open_and_close(path)
    checks.clear()
    open_and_close(path)
    open_and_close(path)
    assert checks == []


def test_one_that_was_only_read_since_is_not_read_through(path: Path, checks: list[str]) -> None:
    open_and_close(path)
    Journal.open_for_reading(path).close()
    assert path.with_name(f"{path.name}-wal").stat().st_size == 0, "a reader leaves it behind"
    checks.clear()
    open_and_close(path)
    assert checks == []


def test_one_that_anything_has_touched_is(path: Path, checks: list[str]) -> None:
    open_and_close(path)
    checks.clear()
    os.utime(path)
    open_and_close(path)
    assert checks == [path.name]


def test_another_file_in_its_place_is(path: Path, checks: list[str]) -> None:
    open_and_close(path)
    status = path.stat()
    copy = path.with_name("copy")
    copy.write_bytes(path.read_bytes())
    os.utime(copy, ns=(status.st_atime_ns, status.st_mtime_ns))
    copy.replace(path)
    checks.clear()
    open_and_close(path)
    assert checks == [path.name]


def test_one_whose_writer_was_killed_is(path: Path, checks: list[str]) -> None:
    open_and_close(path)
    program = (
        "import os, signal, sys; from pathlib import Path; from aqsync.journal import Journal;"
        f"journal = Journal.open_for_writing(Path(sys.argv[1]), {NOW});"
        "os.kill(os.getpid(), signal.SIGKILL)"
    )
    ended = subprocess.run([sys.executable, "-c", program, path], check=False)
    assert ended.returncode == -signal.SIGKILL
    checks.clear()
    open_and_close(path)
    assert checks == [path.name]


def test_one_that_somebody_read_while_it_was_closed_is(path: Path, checks: list[str]) -> None:
    with Journal.open_for_writing(path, NOW) as journal:
        notes(journal).see("a.csv")
        reading = Journal.open_for_reading(path)
    assert path.with_name(path.name + "-wal").exists(), "content outside the file itself"
    reading.close()
    checks.clear()
    open_and_close(path)
    assert checks == [path.name]


def test_damage_met_while_it_was_open_is_set_aside_by_the_next_opening(path: Path) -> None:
    with Journal.open_for_writing(path, NOW) as journal:
        seen = [Observed(f"run-{n}/a.csv", EntryKind.FILE, V1, NOW, None, "") for n in range(2000)]
        journal.observations.observe(notes(journal).mapping_id, seen)
    journal = Journal.open_for_writing(path, NOW)
    scribble(path)
    with pytest.raises(JournalBroken):
        journal.observations.unquiet(1)
    journal.close()
    with Journal.open_for_writing(path, NOW) as journal:
        assert journal.broken_set_aside is not None


def test_a_checkpoint_empties_the_log(path: Path) -> None:
    with Journal.open_for_writing(path, NOW) as journal:
        notes(journal).see("a.csv")
        log = path.with_name(f"{path.name}-wal")
        assert log.stat().st_size > 0
        assert journal.checkpoint()
        assert log.stat().st_size == 0


def test_a_checkpoint_does_not_wait_for_whoever_reads(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("aqsync.journal.database.BUSY_TIMEOUT_S", 10 * HANG_S)
    with Journal.open_for_writing(path, NOW) as journal:
        reader = sqlite3.connect(path, isolation_level=None)
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM file").fetchall()
        notes(journal).see("a.csv")
        assert not journal.checkpoint()
        reader.close()
        assert notes(journal).find("a.csv") is not None
        assert journal.checkpoint()
