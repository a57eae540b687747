"""Snapshots of databases that other processes write to: each is a state that they really had."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

import pytest

from aqsync.clock import SystemClock
from aqsync.errors import DatabaseBusy
from aqsync.local.disk import REAL_DISK
from aqsync.local.snapshot import Snapshots
from tests.support.daemon import Daemon
from tests.support.database_writer import check, committed, prepare, writing
from tests.support.databases import listed
from tests.support.embedded import EmbeddedServer
from tests.support.project import Project

NAME = "experiments.db"


class Kind(NamedTuple):
    """A program that writes."""

    mode: str
    autocheckpoint: int = 1000
    now_and_then: str = ""
    rest_s: float = 0.005


KINDS = {
    "autocheckpoint of 20": Kind("WAL", 20),
    "autocheckpoint of 1,000": Kind("WAL", 1000),
    "TRUNCATE": Kind("WAL", 1000, "PRAGMA wal_checkpoint(TRUNCATE)"),
    "VACUUM": Kind("WAL", 1000, "VACUUM"),
    "DELETE": Kind("DELETE", rest_s=0.12),
    "DELETE and VACUUM": Kind("DELETE", now_and_then="VACUUM", rest_s=0.12),
    "PERSIST": Kind("PERSIST", rest_s=0.12),
}


class Lab:
    """A database, the process that writes to it, and snapshots of it."""

    def __init__(self, folder: Path) -> None:
        self.root, self.counter = folder / "root", folder / "counter"
        self.copy = folder / "copy.db"
        self.root.mkdir()
        self.counter.write_bytes(bytes(8))
        self.snapshots = Snapshots(folder / "snapshots", SystemClock())
        self.taken = 0

    def take(self) -> None:
        """Take a snapshot and check it; a writer may be too busy for one."""
        before = committed(self.counter)
        made = self.snapshots.of(REAL_DISK, self.root, NAME, None, lambda: None)
        try:
            with made as held, held.open() as content:
                self.copy.write_bytes(b"".join(content.chunks(1 << 18)))
        except DatabaseBusy:
            return
        assert held.damage is None
        assert check(self.copy) >= before
        self.taken += 1


@pytest.fixture
def lab(tmp_path: Path) -> Lab:
    return Lab(tmp_path)


def snapshots_of(lab: Lab, kind: Kind, count: int) -> None:
    prepare(lab.root / NAME, kind.mode)
    values = kind.autocheckpoint, kind.now_and_then, kind.rest_s
    with writing(lab.root / NAME, lab.counter, *values):
        while lab.taken < count:
            lab.take()


@pytest.mark.parametrize("kind", [*KINDS])
def test_snapshots_while_a_program_writes(lab: Lab, kind: str) -> None:
    snapshots_of(lab, KINDS[kind], 25 if KINDS[kind].mode == "WAL" else 3)


@pytest.mark.long
@pytest.mark.parametrize("kind", [*KINDS])
def test_many_snapshots_while_a_program_writes(lab: Lab, kind: str) -> None:
    snapshots_of(lab, KINDS[kind], 400 if KINDS[kind].mode == "WAL" else 100)


def kills(lab: Lab, kind: Kind, count: int) -> None:
    """What a killed writer has left is not touched: its next start finds it as it was."""
    prepare(lab.root / NAME, kind.mode)
    values = kind.autocheckpoint, kind.now_and_then, 0.0
    for _ in range(count):
        with writing(lab.root / NAME, lab.counter, *values):
            pass
        before = listed(lab.root)
        lab.take()
        assert listed(lab.root) == before
    assert lab.taken == count


@pytest.mark.parametrize("mode", ["WAL", "DELETE"])
def test_snapshots_after_kills(lab: Lab, mode: str) -> None:
    kills(lab, Kind(mode, 50), 3)


@pytest.mark.long
@pytest.mark.parametrize("mode", ["WAL", "DELETE"])
def test_snapshots_after_many_kills(lab: Lab, mode: str) -> None:
    kills(lab, Kind(mode, 50), 100)


@contextmanager
def kept(server: EmbeddedServer, name: str, folder: Path) -> Iterator[list[Path]]:
    """All versions that a server has of a name meanwhile, in order, as links to its files."""
    versions, inodes, over = list[Path](), set[int](), threading.Event()

    def keep() -> None:
        while not over.wait(0.005):
            for found in (server.data / "experiments").rglob(name):
                link = folder / f"version-{len(versions)}"
                with suppress(FileNotFoundError):
                    os.link(found, link)
                    if link.stat().st_ino in inodes:
                        link.unlink()
                        continue
                    inodes.add(link.stat().st_ino)
                    versions.append(link)

    keeper = threading.Thread(target=keep)
    keeper.start()
    try:
        yield versions
    finally:
        over.set()
        keeper.join()


@pytest.mark.long
@pytest.mark.parametrize("kind", ["autocheckpoint of 20", "TRUNCATE", "DELETE"])
def test_every_version_that_the_server_ever_had(tmp_path: Path, kind: str) -> None:
    """A real daemon, a real server, and a program that rests for a moment now and then."""
    with EmbeddedServer(tmp_path / "server") as server:
        project = Project(tmp_path / "user", server.url)
        project.configure(settle="200ms")
        counter = tmp_path / "counter"
        counter.write_bytes(bytes(8))
        place = project.root / NAME
        prepare(place, KINDS[kind].mode)
        values = KINDS[kind].autocheckpoint, KINDS[kind].now_and_then, 0.7
        with Daemon(project) as daemon, kept(server, NAME, tmp_path) as versions:
            daemon.start()
            with writing(place, counter, *values):
                daemon.wait(lambda: len(versions) >= 10, "10 versions")
            daemon.wait(
                lambda: (
                    len(versions) >= 10 and check_copy(versions[-1], tmp_path) >= committed(counter)
                ),
                "what the killed writer has committed",
            )
            daemon.stop()
        seen = [check_copy(version, tmp_path) for version in versions]
        assert seen == sorted(seen)
        uploads = project.run("history", "--kind", "uploaded", "--json").json
        assert len(uploads["events"]) == len(versions)
        assert project.remote_names() == {NAME}
        project.close()


def check_copy(version: Path, folder: Path) -> int:
    copy = folder / "opened.db"
    copy.write_bytes(version.read_bytes())
    return check(copy)
