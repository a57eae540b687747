"""A real file system that stops answering: it holds up nothing but itself."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.support import warm
from tests.support.daemon import Daemon
from tests.support.embedded import EmbeddedServer
from tests.support.hanging_disk import (
    OPENDIR,
    READ,
    READDIR,
    HangingDisk,
    mounted_hanging_disk,
)
from tests.support.patience import HANG_S
from tests.support.project import Project, Ran

SOON = {
    "aqsync.local.errands.UNANSWERED_S": 1.0,
    "aqsync.sync.worker_pool.HANGS_CHECK_S": 0.2,
    "aqsync.sync.watch_supervisor.ROOT_CHECK_S": 0.3,
    "aqsync.config.places.PATIENCE_S": 0.5,
}
LARGE = b"0123456789abcdef" * (1 << 18)
"""So large that it is read while it is sent."""


@pytest.fixture
def project(tmp_path: Path, embedded_server: EmbeddedServer) -> Iterator[Project]:
    made = Project(tmp_path / "p", embedded_server.url)
    yield made
    made.close()


@pytest.fixture
def place(tmp_path: Path) -> Path:
    place = tmp_path / "hanging"
    place.mkdir()
    return place


@pytest.fixture
def disk(place: Path, project: Project) -> Iterator[HangingDisk]:
    """Mapped beside the project's own directory, with the prefix ``fuse~``."""
    with mounted_hanging_disk(place) as disk:
        project.configure(
            {
                "name": "fuse",
                "directory": str(place),
                "experiment": project.eid,
                "prefix": "fuse",
            },
            prefix="main",
        )
        yield disk


@pytest.fixture
def daemon(project: Project, disk: HangingDisk) -> Iterator[Daemon]:
    with ExitStack() as stack:
        made = stack.enter_context(Daemon(project, SOON))
        # What hangs in the kernel cannot even be killed.
        stack.callback(disk.answer)
        yield made


def command(project: Project, disk: HangingDisk, *arguments: str) -> Ran:
    """A command with short limits; it must end by itself."""
    words = project.command(*arguments)
    words[2] = f"from tests.support.constants import put; put({SOON}); {words[2]}"
    with warm.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            out, err = process.communicate(timeout=HANG_S)
        finally:
            if process.returncode is None:  # what hangs in the kernel cannot even be killed
                disk.answer()
                process.kill()
    return Ran(process.returncode, out, err)


def uploads(names: set[str]) -> set[str]:
    return {name for name in names if name.startswith("main")}


@pytest.mark.parametrize("content", [b"small", LARGE], ids=["small", "large"])
def test_reads_that_hang_stop_no_other_mapping(
    project: Project, disk: HangingDisk, daemon: Daemon, content: bytes
) -> None:
    disk.files = {f"{number}.dat": content + b"%d" % number for number in range(20)}
    disk.hang(READ)
    daemon.start()
    daemon.wait(lambda: disk.kept >= 4, "all workers hang")
    for number in range(20):
        project.write(f"{number}.csv", "healthy")
    daemon.wait(lambda: len(uploads(project.remote_names())) == 20, "the healthy mapping")
    daemon.wait(lambda: daemon.lines("a file system does not answer"), "the log")
    assert project.remote_names() == uploads(project.remote_names())

    ran = command(project, disk, "status", "--all")
    assert ran.exit_code == 1
    assert "does not answer" in ran.out
    assert "/hanging/" in ran.out
    hung = [n for n in disk.files if f"{n}: its file system does not answer" in ran.out]
    assert hung, ran.out
    why = command(project, disk, "why", str(Path(project.folder.parent, "hanging", hung[0])))
    assert "its file system does not answer: reading it hangs" in why.out
    assert why.exit_code == 1

    disk.answer()
    daemon.wait(lambda: len(project.remote_names()) == 40, "all of it, once it answers")
    for name, data in disk.files.items():
        assert project.read(f"fuse~{name}") == data
    assert daemon.stop() == 0


def test_nothing_of_a_file_is_sent_that_was_given_up(
    project: Project, disk: HangingDisk, daemon: Daemon
) -> None:
    """Its upload breaks off when it is given up, and is not completed when the read answers."""
    disk.files = {"a.dat": LARGE}
    daemon.start()
    daemon.wait_for_remote({"fuse~a.dat"})
    disk.files = {"a.dat": LARGE, "b.dat": LARGE}
    disk.hang(READ, only="b.dat")
    assert command(project, disk, "push", "--no-wait").exit_code == 1
    daemon.wait(lambda: disk.kept, "the read")
    daemon.wait(lambda: daemon.lines("does not answer"), "the log")
    daemon.signal(signal.SIGTERM)
    assert daemon.ended() == 0
    disk.answer()
    assert project.remote_names() == {"fuse~a.dat"}


def test_one_file_that_hangs_stops_none_of_its_own_mapping(
    project: Project, disk: HangingDisk, daemon: Daemon
) -> None:
    disk.files = {f"{number}.dat": b"content" for number in range(10)}
    disk.hang(READ, only="3.dat")
    daemon.start()
    daemon.wait(lambda: len(project.remote_names()) == 9, "all but one")
    disk.answer()
    daemon.wait_for_remote({"fuse~3.dat": b"content"})
    assert daemon.stop() == 0


@pytest.mark.parametrize("kinds", [(READDIR,), (OPENDIR,), ()])
def test_looks_that_hang_stop_nothing(
    project: Project, disk: HangingDisk, daemon: Daemon, kinds: tuple[int, ...]
) -> None:
    disk.files = {"a.dat": b"content"}
    disk.hang(*kinds)
    if not kinds:
        disk.stop()
    project.write("a.csv", "healthy")
    daemon.start()
    daemon.wait_for_remote({"main~a.csv": b"healthy"})
    daemon.wait_for_line("does not answer")
    ran = command(project, disk, "status")
    assert ran.exit_code == 1
    assert "hanging does not answer" in ran.out
    assert command(project, disk, "reload").exit_code == 0
    project.write("b.csv", "after the reload")
    daemon.wait_for_remote({"main~b.csv"})
    assert command(project, disk, "push").exit_code == 1
    disk.answer()
    daemon.wait_for_remote({"fuse~a.dat": b"content"})
    assert daemon.stop() == 0


def test_a_daemon_ends_though_a_disk_hangs(disk: HangingDisk, daemon: Daemon) -> None:
    disk.files = {f"{number}.dat": b"content" for number in range(10)}
    disk.hang(READ)
    daemon.start()
    daemon.wait(lambda: daemon.lines("a file system does not answer"), "the log")
    assert daemon.stop() == 0


def test_a_push_without_a_daemon_goes_on_with_the_others(
    project: Project, disk: HangingDisk
) -> None:
    disk.files = {f"{number}.dat": LARGE for number in range(10)}
    disk.hang(READ)
    project.write_some(20)
    ran = command(project, disk, "push")
    assert ran.exit_code == 1, ran.text
    assert len(project.remote_names()) == 20
    assert "does not answer" in ran.text
    status = command(project, disk, "status")
    assert status.exit_code == 1
    disk.answer()
    assert command(project, disk, "push").exit_code == 0
    assert len(project.remote_names()) == 30


@pytest.mark.long
def test_commands_say_which_directory_does_not_answer(project: Project, disk: HangingDisk) -> None:
    disk.files = {"a.dat": b"content"}
    project.write("a.csv", "healthy")
    disk.stop()
    hung = str(project.folder.parent / "hanging" / "a.dat")
    for words in (["push"], ["status"], ["why", hung], ["check"]):
        ran = command(project, disk, *words)
        assert ran.exit_code == 1, ran.text
        assert "hanging does not answer" in ran.text
    assert project.remote_names() == {"main~a.csv"}


def test_a_daemon_begins_and_ends_though_a_directory_hangs(
    project: Project, disk: HangingDisk, daemon: Daemon
) -> None:
    disk.stop()
    project.write("a.csv", "healthy")
    daemon.start()
    daemon.wait_for_remote({"main~a.csv"})
    assert daemon.stop() == 0
