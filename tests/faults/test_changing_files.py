"""A file that changes while it is sent: the server never has a version that never was."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import pytest

from aqsync.local.scanner import ScanReport
from aqsync.sync.engine import Engine
from aqsync.sync.order import Order
from tests.support.intercepting_proxy import UPLOAD, Exchange, InterceptingProxy
from tests.support.patience import HANG_S
from tests.support.project import Arrange, Project

LARGE = 12 << 20
"""Far more than a file that is read whole before it is sent, and than sockets buffer."""

Change = Callable[[Path], object]


def grow(file: Path) -> None:
    with file.open("ab") as stream:
        stream.write(b"more")


def shrink(file: Path) -> None:
    os.truncate(file, 1000)


def replace(file: Path) -> None:
    other = file.with_name("other.tmp")
    other.write_bytes(b"b" * file.stat().st_size)
    other.replace(file)


def rewrite_in_place(file: Path) -> None:
    """Same size, and the modification time is put back."""
    before = file.stat()
    with file.open("r+b") as stream:
        stream.write(b"b" * before.st_size)
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))


CHANGES = pytest.mark.parametrize("change", [grow, shrink, replace, rewrite_in_place])
SIZES = pytest.mark.parametrize("size", [700_000, LARGE], ids=["small", "large"])


@pytest.fixture
def while_reading(monkeypatch: pytest.MonkeyPatch) -> Arrange:
    """Do something once, after the first chunk of a file was read."""

    def arrange(action: Callable[[], object]) -> None:
        once = [action]

        def sent(_order: Order, _size: int) -> None:
            if once:
                once.pop()()

        monkeypatch.setattr(Order, "sent", sent)

    return arrange


def stored_versions(proxy: InterceptingProxy, project: Project) -> list[bytes]:
    """From now on, what the server has after each upload that it accepted."""
    versions: list[bytes] = []

    def reaction(exchange: Exchange) -> bool:
        passed = exchange.pass_on()
        if passed and exchange.file_name == "file.bin":
            versions.append(project.read("file.bin"))
        return passed

    proxy.on(UPLOAD, reaction)
    return versions


@SIZES
@CHANGES
def test_a_file_that_changes_while_it_is_read(
    project: Project,
    proxy: InterceptingProxy,
    while_reading: Arrange,
    change: Change,
    size: int,
) -> None:
    file = project.write("file.bin", b"a" * size)
    versions = stored_versions(proxy, project)
    while_reading(lambda: change(file))
    answer = project.pushed()
    assert answer["uploaded"] == 1
    assert versions == [file.read_bytes()]
    assert project.pushed()["uploaded"] == 0


@CHANGES
def test_a_file_that_changes_while_it_is_on_its_way(
    project: Project, proxy: InterceptingProxy, change: Change
) -> None:
    """It had been sent before, so there is a good version to be spoiled."""
    first = b"first" * (LARGE // 5)
    file = project.write("file.bin", first)
    project.pushed()
    second = b"a" * LARGE
    file.write_bytes(second)
    versions = stored_versions(proxy, project)
    arrived: SimpleQueue[bool] = SimpleQueue()

    def spoil(exchange: Exchange) -> bool:
        exchange.read(1000)
        change(file)
        passed = exchange.pass_on()
        arrived.put(passed)
        return passed

    proxy.on(UPLOAD, spoil, times=1)
    project.pushed()
    assert not arrived.get(timeout=HANG_S), "the upload that was spoiled must never become complete"
    assert versions == [file.read_bytes()]


def test_a_file_that_vanishes_while_it_is_on_its_way(
    project: Project, proxy: InterceptingProxy
) -> None:
    file = project.write("file.bin", b"a" * LARGE)
    project.write("other.bin", b"stays")

    def spoil(exchange: Exchange) -> bool:
        if exchange.file_name == "file.bin":
            exchange.read(1000)
            file.unlink()
        return exchange.pass_on()

    proxy.on(UPLOAD, spoil)
    answer = project.pushed()
    assert answer["uploaded"] == 1
    assert project.remote() == {"other.bin": b"stays"}


def test_a_file_that_vanishes_before_it_is_opened(
    project: Project, before_sending: Arrange
) -> None:
    file = project.write("gone.csv")
    project.write("other.csv")
    before_sending(file.unlink)
    assert project.pushed()["uploaded"] == 1
    assert project.remote_names() == {"other.csv"}


def test_a_small_file_that_changes_while_it_is_on_its_way_is_sent_whole(
    project: Project, proxy: InterceptingProxy
) -> None:
    """It was read before the request began: the old version arrives, the next push sends more."""
    file = project.write("file.bin", b"old")
    versions = stored_versions(proxy, project)

    def spoil(exchange: Exchange) -> bool:
        file.write_bytes(b"newer")
        passed = exchange.pass_on()
        versions.append(project.read("file.bin"))
        return passed

    proxy.on(UPLOAD, spoil, times=1)
    project.push()
    assert versions[0] == b"old"
    project.pushed()
    assert project.remote() == {"file.bin": b"newer"}


@pytest.mark.usefixtures("hurried")
def test_a_file_that_never_rests_does_not_keep_a_push_from_ending(
    project: Project, proxy: InterceptingProxy
) -> None:
    file = project.write("file.bin", b"a" * LARGE)
    project.write("quiet.csv", "quiet")

    def spoil(exchange: Exchange) -> bool:
        exchange.read(1000)
        if exchange.file_name == "file.bin":
            grow(file)
        return exchange.pass_on()

    proxy.on(UPLOAD, spoil)
    ran = project.push()
    assert ran.exit_code == 1
    assert ran.json["waiting"] == 1
    assert project.remote() == {"quiet.csv": b"quiet"}

    proxy.hands_off()
    project.pushed()
    assert project.read("file.bin") == file.read_bytes()


@pytest.fixture
def young(project: Project) -> Path:
    """A file written a moment ago, in a mapping that lets files settle for long."""
    project.configure(settle="30s")
    return project.write("young.csv", "1")


def test_no_wait_reports_young_files_as_waiting(project: Project, young: Path) -> None:
    old = project.write("old.csv", "old")
    os.utime(old, (1_600_000_000, 1_600_000_000))
    ran = project.push("--no-wait")
    assert ran.exit_code == 1
    assert (ran.json["uploaded"], ran.json["waiting"]) == (1, 1)
    problem = ran.problems()[str(young)]
    assert problem["state"] == "waiting"
    assert problem["reason"] == "may still be changing"
    assert project.remote_names() == {"old.csv"}


def test_young_files_are_waited_for(project: Project, young: Path, hurried: list[float]) -> None:
    assert project.pushed()["uploaded"] == 1
    assert project.remote() == {"young.csv": young.read_bytes()}
    assert 25 < sum(hurried) <= 31


def test_a_wait_has_its_limit(
    project: Project, young: Path, hurried: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each look finds it changed."""
    project.configure(settle="10s")
    scan = Engine.scan

    def grow_and_scan(*arguments: Any) -> ScanReport:
        grow(young)
        now = time.time() + sum(hurried)
        os.utime(young, (now, now))
        return scan(*arguments)

    monkeypatch.setattr(Engine, "scan", grow_and_scan)
    ran = project.push("--max-wait", "45s")
    assert ran.exit_code == 1
    assert ran.json["waiting"] == 1
    assert 40 < sum(hurried) < 60
    assert project.remote_names() == set()
