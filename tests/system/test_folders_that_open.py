"""Folders that could not be read and become readable: all in them is sent, and they are watched."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from tests.support.daemon import Daemon
from tests.support.embedded import EmbeddedServer
from tests.support.permissions import BOUND_BY_PERMISSIONS
from tests.support.project import Project

FOLDERS = 40
_HOURS = {"rescan": "10h", "rescan_without_events": "10h"}
"""Whatever is sent is not sent because everything was looked at again."""


@pytest.fixture
def project(tmp_path: Path, embedded_server: EmbeddedServer) -> Iterator[Project]:
    made = Project(tmp_path / "p", embedded_server.url)
    configuration = yaml.safe_load(made.config.read_text())
    configuration["schedule"] = _HOURS
    made.config.write_text(yaml.safe_dump(configuration))
    yield made
    made.close()


def test_forty_folders_that_open_one_after_another(project: Project) -> None:
    folders = [project.root / f"run {number}" for number in range(FOLDERS)]
    for folder in folders:
        project.write("data.csv", "1", under=folder)
        project.write("deep/er/data.csv", "2", under=folder)
        folder.chmod(0)
    with Daemon(project, before=BOUND_BY_PERMISSIONS).start("--log-level", "debug") as daemon:
        daemon.wait_for_line("looked at everything")
        daemon.wait(lambda: project.run("status").exit_code == 1, "they are told")
        for folder in folders:
            folder.chmod(0o700)
        daemon.wait(lambda: len(project.remote_names()) == 2 * FOLDERS, "all of them are sent")
        for folder in folders:
            project.write("deep/er/later.csv", "3", under=folder)
        daemon.wait(lambda: len(project.remote_names()) == 3 * FOLDERS, "each is watched")
        assert daemon.lines("reason=routine") == []
        assert not [line for line in daemon.log if "held" in line and "cannot be" in line]
        assert daemon.stop() == 0


def test_a_folder_that_could_be_listed_and_not_entered(project: Project) -> None:
    folder = project.root / "run"
    project.write("deep/data.csv", "1", under=folder)
    folder.chmod(0o400)
    with Daemon(project, before=BOUND_BY_PERMISSIONS).start() as daemon:
        folder.chmod(0o700)
        daemon.wait_for_remote({"run~deep~data.csv"})
        project.write("deep/later.csv", "2", under=folder)
        daemon.wait_for_remote({"run~deep~later.csv"})
        assert daemon.stop() == 0


def test_a_root_that_opens(project: Project) -> None:
    project.write("run/data.csv", "1")
    project.root.chmod(0)
    constants = {
        "aqsync.sync.watch_supervisor.ROOT_CHECK_S": 0.2,
        "aqsync.sync.watch_supervisor.WATCH_AGAIN_S": 0.2,
    }
    with Daemon(project, constants, before=BOUND_BY_PERMISSIONS).start() as daemon:
        daemon.wait_for_line("cannot be looked at")
        project.root.chmod(0o700)
        daemon.wait_for_remote({"run~data.csv"})
        project.write("run/later.csv", "2")
        daemon.wait_for_remote({"run~later.csv"})
        assert daemon.stop() == 0
