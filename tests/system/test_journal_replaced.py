"""The journal is deleted or replaced under a process that writes it: it says so, and ends."""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest

from tests.support import warm
from tests.support.daemon import Daemon
from tests.support.embedded import EmbeddedServer
from tests.support.patience import HANG_S, wait_until
from tests.support.project import Project

QUICK = {"aqsync.service.daemon.TICK_S": 0.2}


@pytest.fixture
def project(tmp_path: Path, embedded_server: EmbeddedServer) -> Iterator[Project]:
    made = Project(tmp_path / "p", embedded_server.url)
    yield made
    made.close()


@pytest.fixture
def daemon(project: Project) -> Iterator[Daemon]:
    with Daemon(project, QUICK) as made:
        yield made


def deleted(journal: Path) -> None:
    journal.unlink()


def replaced(journal: Path) -> None:
    copy = journal.with_name("copy")
    shutil.copy(journal, copy)
    copy.replace(journal)


def folder_moved(journal: Path) -> None:
    journal.parent.rename(journal.parent.with_name("moved"))


def folder_deleted(journal: Path) -> None:
    shutil.rmtree(journal.parent)


def lock_deleted(journal: Path) -> None:
    journal.with_name(journal.name + ".lock").unlink()


def log_deleted(journal: Path) -> None:
    journal.with_name(journal.name + "-wal").unlink()


def restored(journal: Path) -> None:
    """From a backup, by writing over the file itself."""
    backup = journal.with_name("backup")
    shutil.copy(journal, backup)
    shutil.copy(backup, journal)


@pytest.mark.parametrize(
    "happens",
    [deleted, replaced, folder_moved, folder_deleted, lock_deleted, log_deleted, restored],
)
def test_a_daemon_ends_and_the_next_goes_on(
    project: Project, daemon: Daemon, happens: Callable[[Path], None]
) -> None:
    project.write("before.csv")
    daemon.start()
    daemon.wait_for_remote({"before.csv"})
    daemon.wait(lambda: project.run("status").exit_code == 0, "all is recorded")
    happens(project.journal)
    if happens is restored:
        # While the daemon writes, a file that is written over cannot be told from its own work.
        wait_until(lambda: ended_or_else(daemon, partial(restored, project.journal)), "the end")
    assert daemon.ended() == 1
    assert len(daemon.lines("error the journal is lost")) == 1
    project.write("after.csv")
    daemon.start()
    daemon.wait_for_remote({"after.csv"})
    daemon.wait(lambda: project.run("status").exit_code == 0, "in sync")
    assert daemon.stop() == 0
    assert len(daemon.lines("info uploaded")) == 2, "what is there is not sent again"


def ended_or_else(daemon: Daemon, do: Callable[[], None]) -> bool:
    if not daemon.has_ended:
        do()
    return daemon.has_ended


def test_no_second_daemon_begins_beside_one_whose_lock_is_gone(project: Project) -> None:
    with Daemon(project, {"aqsync.service.daemon.TICK_S": 3600.0}) as unaware:
        unaware.start()
        lock_deleted(project.journal)
        second = project.process("run")
        assert second.exit_code == 4
        assert "is in use by another daemon" in second.err
        project.write("a.csv")
        unaware.wait_for_remote({"a.csv"})
        unaware.kill()


def test_a_push_ends_too(project: Project) -> None:
    """It is not even over when it finds out: the file would take an hour."""
    project.configure(transfer={"rate": "100 KB/s"})
    project.write("a.csv", b"x" * (4 << 20))
    words = project.command("push")
    words[2] = f"from aqsync.cli.commands import push; push.STANDS_CHECK_S = 0.2; {words[2]}"
    with warm.Popen(words, stderr=subprocess.PIPE, text=True) as process:
        wait_until(lambda: file_is_known(project), "the scan")
        deleted(project.journal)
        _, err = process.communicate(timeout=HANG_S)
    assert process.returncode == 1
    assert "was deleted while it was in use" in err
    assert project.remote_names() == set()


def file_is_known(project: Project) -> bool:
    try:
        return len(project.file_rows()) == 1
    except sqlite3.OperationalError:
        return False
