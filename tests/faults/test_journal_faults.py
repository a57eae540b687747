"""A journal that is locked, broken, too new, another's, or on a disk that is full."""

from __future__ import annotations

import os
import resource
import signal
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.support.intercepting_proxy import UPLOAD, Exchange, InterceptingProxy
from tests.support.patience import HANG_S
from tests.support.permissions import BOUND_BY_PERMISSIONS
from tests.support.project import Project, Ran


@pytest.fixture
def filled(project: Project) -> Project:
    for number in range(300):
        project.write(f"run-{number % 7}/{number}.csv", f"content {number}")
    assert project.pushed()["uploaded"] == 300
    return project


def one_error(ran: Ran) -> str:
    """The one error line; there must be a hint."""
    assert "Traceback" not in ran.text
    errors = [line for line in ran.err.splitlines() if line.startswith("error: ")]
    assert len(errors) == 1, ran.text
    assert "  hint: " in ran.err
    return errors[0]


def is_rebuilt(project: Project) -> None:
    """The next push sets the journal aside and learns everything again, without an upload."""
    damaged = project.journal.read_bytes()
    ran = project.push()
    assert ran.exit_code == 0, ran.text
    [line] = ran.err.splitlines()
    [aside] = project.journal.parent.glob("journal.db.broken-*[0-9]")
    assert f"the journal was damaged; it is kept as {aside}" in line
    assert aside.read_bytes() == damaged
    assert (ran.json["uploaded"], ran.json["adopted"], ran.json["held"]) == (0, 300, 0)
    assert project.pushed()["unchanged"] == 300


def test_a_push_beside_another(project: Project, proxy: InterceptingProxy) -> None:
    project.write("a.csv", "a")
    second: list[Ran] = []
    pid: list[int] = []

    def push_again(exchange: Exchange) -> bool:
        second.append(project.process("push"))
        second.append(project.process("retry"))
        second.append(project.process("status"))
        second.append(project.process("push", "--dry-run"))
        return exchange.pass_on()

    proxy.on(UPLOAD, push_again, times=1)
    with project.start("push", "--json") as first:
        pid.append(first.pid)
        out, err = first.communicate(timeout=HANG_S)
    assert first.returncode == 0, out + err
    for ran in second[:2]:
        assert ran.exit_code == 4
        assert f"is in use by another aqsync (process {pid[0]})" in one_error(ran)
    assert second[2].exit_code == 1, "status may read beside it"
    assert "1 pending" in second[2].out
    assert "would upload" in second[3].out
    assert project.remote() == {"a.csv": b"a"}


@pytest.mark.parametrize("kept", [0, 100])
def test_a_journal_overwritten_by_garbage_or_zeros(filled: Project, kept: int) -> None:
    """Its header is left, or all is zero as after a power loss."""
    content = filled.journal.read_bytes()
    rest = b"garbage!" if kept else b"\0" * 8
    filled.journal.write_bytes(content[:kept] + rest * (len(content) // 8))
    reading = filled.run("status")
    assert reading.exit_code == 1
    assert "is damaged" in one_error(reading)
    is_rebuilt(filled)


@pytest.mark.parametrize("content", [b"garbage" * 5000, b"short", b"SQLite format 3\0" * 200])
def test_a_file_that_never_was_a_journal(project: Project, content: bytes) -> None:
    """It may be somebody's data, named by mistake."""
    project.write("a.csv")
    project.journal.parent.mkdir()
    project.journal.write_bytes(content)
    for command in ("push", "status"):
        ran = project.run(command)
        assert ran.exit_code == 1
        assert f"{project.journal} is not a journal of aqsync" in one_error(ran)
    assert project.journal.read_bytes() == content
    assert project.remote_names() == set()


def test_a_journal_with_flipped_bytes(filled: Project) -> None:
    content = bytearray(filled.journal.read_bytes())
    middle = len(content) // 2
    for offset in range(middle, middle + 8192, 7):
        content[offset] ^= 0xFF
    filled.journal.write_bytes(content)
    is_rebuilt(filled)


def test_a_journal_that_was_cut(filled: Project) -> None:
    os.truncate(filled.journal, filled.journal.stat().st_size // 2)
    is_rebuilt(filled)


def test_an_empty_file_is_a_journal_to_begin(filled: Project) -> None:
    filled.journal.write_bytes(b"")
    ran = filled.push()
    assert ran.exit_code == 0, ran.text
    assert ran.json["adopted"] == 300


def test_a_journal_of_a_newer_version(filled: Project) -> None:
    with closing(sqlite3.connect(filled.journal)) as connection:
        connection.execute("PRAGMA user_version = 99")
    before = filled.journal.read_bytes()
    for command in ("push", "status", "retry"):
        ran = filled.run(command)
        assert ran.exit_code == 2
        assert "was written by a newer aqsync (format 99" in one_error(ran)
    assert filled.journal.read_bytes() == before


def test_another_programs_database(project: Project) -> None:
    project.write("a.csv")
    project.journal.parent.mkdir()
    with closing(sqlite3.connect(project.journal)) as connection:
        connection.execute("CREATE TABLE theirs (x)")
    before = project.journal.read_bytes()
    for command in ("push", "status"):
        ran = project.run(command)
        assert ran.exit_code == 1
        assert "is another program's database" in one_error(ran)
    assert project.journal.read_bytes() == before
    assert project.remote_names() == set()


def test_a_database_that_another_program_locks(
    filled: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("aqsync.journal.database.BUSY_TIMEOUT_S", 0.1)
    filled.write("new.csv", "new")
    with closing(sqlite3.connect(filled.journal, isolation_level=None)) as connection:
        connection.execute("BEGIN EXCLUSIVE")
        ran = filled.run("push")
        assert ran.exit_code == 4
        assert "is locked by another program" in one_error(ran)
        connection.execute("ROLLBACK")
    assert filled.pushed()["uploaded"] == 1


def test_a_folder_that_may_not_be_written(project: Project) -> None:
    project.write("a.csv", "a")
    project.journal.parent.mkdir(mode=0o500)
    ran = project.process("push", before=BOUND_BY_PERMISSIONS)
    project.journal.parent.chmod(0o700)
    assert ran.exit_code == 1
    assert "cannot be opened: Permission denied" in one_error(ran)
    assert project.remote_names() == set()
    project.pushed()


def test_a_journal_that_may_not_be_read(filled: Project) -> None:
    filled.journal.chmod(0)
    for command in ("push", "status"):
        ran = filled.process(command, before=BOUND_BY_PERMISSIONS)
        assert ran.exit_code == 1
        one_error(ran)
    filled.journal.chmod(0o600)
    assert filled.pushed()["unchanged"] == 300


def test_a_directory_where_the_journal_should_be(project: Project) -> None:
    project.write("a.csv", "a")
    project.journal.mkdir(parents=True)
    ran = project.run("push")
    assert ran.exit_code == 1
    one_error(ran)


def test_a_file_where_the_journals_folder_should_be(project: Project) -> None:
    project.write("a.csv", "a")
    project.journal.parent.write_text("in the way")
    ran = project.run("push")
    assert ran.exit_code == 1
    assert "cannot be opened" in one_error(ran)


@pytest.fixture
def small_disk(project: Project) -> Iterator[Path]:
    """The journal's folder is a disk of its own, with little room."""
    disk = project.journal.parent
    disk.mkdir()
    made = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=8m,mode=0700", "tmpfs", disk],
        check=False,
        capture_output=True,
    )
    if made.returncode:
        pytest.skip("only root may mount")
    yield disk
    subprocess.run(["umount", "--lazy", disk], check=True)


def fill_up(disk: Path, *, but: int = 0) -> Path:
    """Fill a disk but for so many bytes; returns what fills it."""
    filler = disk / "filler"
    with pytest.raises(OSError, match="No space"):
        filler.write_bytes(bytes(9 << 20))
    os.truncate(filler, filler.stat().st_size - but)
    return filler


def test_a_disk_that_becomes_full(project: Project, small_disk: Path) -> None:
    filler = fill_up(small_disk, but=512 << 10)
    contents = {}
    for number in range(300):
        name = f"{number}-{'x' * 100}.csv"
        contents[name] = f"content {number}".encode()
        project.write(name, contents[name])
    ran = project.run("push")
    assert ran.exit_code == 1
    assert "is full" in one_error(ran)
    assert "nothing is lost" in ran.err
    assert not list(small_disk.glob("*broken*"))

    filler.unlink()
    answer = project.pushed()
    assert answer["held"] == 0
    assert answer["uploaded"] + answer["adopted"] + answer["unchanged"] == 300
    assert project.remote_names() == set(contents)


def test_a_disk_that_is_full_from_the_start(project: Project, small_disk: Path) -> None:
    project.write("a.csv", "a")
    filler = fill_up(small_disk)
    ran = project.run("push")
    assert ran.exit_code == 1
    one_error(ran)
    filler.unlink()
    assert project.pushed()["uploaded"] == 1


def test_a_disk_that_becomes_full_when_much_is_known(project: Project, small_disk: Path) -> None:
    """What was known before stays known."""
    for number in range(5):
        project.write(f"{number}.csv", f"{number}")
    project.pushed()
    filler = fill_up(small_disk)
    for number in range(5, 50):
        project.write(f"{number}.csv", f"{number}")
    ran = project.run("push")
    assert ran.exit_code == 1
    one_error(ran)
    filler.unlink()
    answer = project.pushed()
    assert answer["held"] == 0
    assert len(project.remote_names()) == 50


def test_a_limit_on_file_sizes(project: Project) -> None:
    """As a quota would have it: writing fails with an error of its own."""
    for number in range(500):
        project.write(f"{number}-{'x' * 100}.csv", f"{number}")

    def limit() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (64 << 10, 64 << 10))

    ran = subprocess.run(
        project.command("push"),
        capture_output=True,
        text=True,
        preexec_fn=limit,
        check=False,
        timeout=HANG_S,
    )
    assert ran.returncode == 1
    one_error(Ran(ran.returncode, ran.stdout, ran.stderr))
    answer = project.pushed()
    assert answer["uploaded"] + answer["adopted"] + answer["unchanged"] == 500
