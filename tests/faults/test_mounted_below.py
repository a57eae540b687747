"""A disk that is mounted below a root must never read as "all deleted" when it is away."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.mounts import mount_tmpfs, unmount
from tests.support.project import Arrange, Project


class Disk:
    """A file system in memory that comes and goes below a project's root."""

    def __init__(self, project: Project) -> None:
        self.place = project.root / "runs" / "usb"
        self._aside = project.folder / "usb"
        self._mounted: list[Path] = []
        for folder in (self.place, self._aside):
            folder.mkdir(parents=True)
        mount_tmpfs(self._aside)
        self._mounted.append(self._aside)

    def mount(self) -> None:
        subprocess.run(["mount", "--bind", self._aside, self.place], check=True)
        self._mounted.append(self.place)

    def unmount(self) -> None:
        unmount(self.place)
        self._mounted.remove(self.place)

    def close(self) -> None:
        for place in reversed(self._mounted):
            unmount(place)


@pytest.fixture
def disk(project: Project) -> Iterator[Disk]:
    """Five files on it and five beside it, all in sync; what is deleted here is removed there."""
    made = Disk(project)
    try:
        made.mount()
        project.configure(on_local_delete="remove")
        for number in range(5):
            project.write(f"runs/{number}.csv", f"content {number}")
            project.write(f"runs/usb/{number}.csv", f"content {number}")
        assert project.pushed()["uploaded"] == 10
        yield made
    finally:
        made.close()


def test_a_disk_that_is_away(project: Project, disk: Disk) -> None:
    disk.unmount()
    for _ in range(2):
        ran = project.push()
        assert ran.exit_code == 1, ran.text
        [(path, problem)] = ran.problems().items()
        assert path == str(disk.place)
        assert "is not there; none of its files counts as deleted" in problem["reason"]
        assert "aqsync retry --mapping main" in problem["hint"]
        assert ran.json["removed"] == 0
        assert len(project.remote_names()) == 10
    assert "is not there" in project.run("status").out
    disk.mount()
    project.write("runs/usb/new.csv", "new")
    answer = project.pushed()
    assert (answer["uploaded"], answer["removed"], answer["unchanged"]) == (1, 0, 10)


def test_what_is_written_in_its_place_replaces_nothing(project: Project, disk: Disk) -> None:
    before = project.remote()
    disk.unmount()
    project.write("runs/usb/1.csv", "written to the disk below")
    assert project.push().json["uploaded"] == 0
    assert project.push(project.root / "runs/usb/1.csv").json["uploaded"] == 0
    assert project.remote() == before


def test_other_files_go_on(project: Project, disk: Disk) -> None:
    disk.unmount()
    (project.root / "runs/1.csv").unlink()
    project.write("runs/new.csv", "new")
    ran = project.push()
    assert (ran.json["uploaded"], ran.json["removed"]) == (1, 1)
    assert len([name for name in project.remote_names() if "usb" in name]) == 5


def test_a_disk_that_is_gone_for_good_can_be_accepted(project: Project, disk: Disk) -> None:
    disk.unmount()
    assert project.push().exit_code == 1
    assert project.run("retry", "--mapping", "main").exit_code == 0
    ran = project.push()
    assert ran.json["held"] + ran.json["removed"] == 5
    assert not [p for p in ran.problems() if p == str(disk.place)]


def test_a_disk_that_is_taken_away_after_the_scan(
    project: Project, disk: Disk, before_sending: Arrange
) -> None:
    (disk.place / "0.csv").unlink()
    before_sending(disk.unmount)
    ran = project.push()
    assert ran.json["removed"] == 0
    assert len(project.remote_names()) == 10
