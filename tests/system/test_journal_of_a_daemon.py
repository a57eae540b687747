"""The journal's disk is full for a while, or the journal is damaged, while the daemon runs."""

from __future__ import annotations

import os
import resource
from collections.abc import Iterator
from pathlib import Path

import pytest

from aqsync.errors import JournalBroken
from tests.support.daemon import Daemon
from tests.support.embedded import EmbeddedServer
from tests.support.mounts import mounted_tmpfs
from tests.support.project import Project

QUICK = {
    "aqsync.sync.watch_supervisor.ROOT_CHECK_S": 0.2,
    "aqsync.sync.loop.LONGEST_PAUSE_S": 1.0,
    "aqsync.service.daemon.TICK_S": 0.2,
}


@pytest.fixture
def project(tmp_path: Path, embedded_server: EmbeddedServer) -> Iterator[Project]:
    made = Project(tmp_path / "p", embedded_server.url)
    yield made
    made.close()


@pytest.fixture
def daemon(project: Project) -> Iterator[Daemon]:
    with Daemon(project, QUICK) as made:
        yield made


@pytest.fixture
def small_disk(project: Project) -> Iterator[Path]:
    """The journal's folder is a disk of a few megabytes."""
    project.journal.parent.mkdir()
    with mounted_tmpfs(project.journal.parent, "8m") as disk:
        yield disk


def write_many(project: Project, first: int, count: int = 300) -> dict[str, bytes]:
    names = [f"{number}-{'x' * 100}.csv" for number in range(first, first + count)]
    for name in names:
        project.write(name, name)
    return {name: name.encode() for name in names}


@pytest.mark.long
def test_a_disk_that_is_full_for_a_while(
    small_disk: Path, project: Project, daemon: Daemon
) -> None:
    daemon.start()
    known = write_many(project, 0, 20)
    daemon.wait_for_remote(known)
    filler = small_disk / "filler"
    with pytest.raises(OSError, match="No space"):
        filler.write_bytes(bytes(9 << 20))
    more = write_many(project, 100)
    daemon.wait_for_line("is full")
    assert project.journal.exists()
    filler.unlink()
    daemon.wait_for_remote(known | more)
    daemon.wait(lambda: project.run("status").exit_code == 0, "status in sync")
    assert daemon.stop() == 0
    assert len(daemon.lines("is full")) <= 5, "each loop tells it once"
    assert list(small_disk.glob("*broken*")) == []


@pytest.mark.long
def test_a_limit_of_file_sizes_that_is_lifted(project: Project, daemon: Daemon) -> None:
    """As a quota would have it, and without a disk of one's own."""
    daemon.start()
    known = write_many(project, 0, 20)
    daemon.wait_for_remote(known)
    everything = resource.prlimit(daemon.pid, resource.RLIMIT_FSIZE)
    log_and_a_little = 64 << 10
    resource.prlimit(daemon.pid, resource.RLIMIT_FSIZE, (log_and_a_little, everything[1]))
    more = write_many(project, 100)
    daemon.wait_for_line("a step failed")
    resource.prlimit(daemon.pid, resource.RLIMIT_FSIZE, everything)
    daemon.wait_for_remote(known | more)
    daemon.wait(lambda: project.run("status").exit_code == 0, "status in sync")
    assert daemon.stop() == 0
    assert list(project.journal.parent.glob("*broken*")) == []


def test_damage_that_is_met_ends_the_daemon_and_the_next_one_rebuilds(
    project: Project, daemon: Daemon
) -> None:
    contents = write_many(project, 0, 400)
    daemon.start()
    daemon.wait_for_remote(set(contents))
    daemon.wait(lambda: project.run("status").exit_code == 0, "status in sync")
    assert daemon.stop() == 0
    daemon.start()
    size = project.journal.stat().st_size
    with project.journal.open("r+b") as journal:
        journal.seek(8192)
        journal.write(os.urandom(size - 8192))
    more = write_many(project, 2000, 50)
    assert daemon.ended() == JournalBroken.exit_code
    assert len(daemon.lines("error the journal is damaged")) == 1
    daemon.start()
    daemon.wait_for_line("warning the journal was damaged")
    daemon.wait_for_remote(set(contents | more))
    daemon.wait(lambda: project.run("status").exit_code == 0, "status in sync")
    assert daemon.stop() == 0
    assert project.remote() == contents | more
