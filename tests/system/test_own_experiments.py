"""A daemon is killed again and again while folders appear: each gets exactly one experiment."""

from __future__ import annotations

import os
import random
import time
from pathlib import Path
from typing import Any

import pytest

from tests.support.daemon import Daemon
from tests.support.embedded import EmbeddedServer
from tests.support.length import long_but
from tests.support.project import Project

SEED = int(os.environ.get("AQSYNC_CRASH_SEED", "1"))
LATE_S = 2
QUICKLY: dict[str, float] = {"aqsync.sync.experiment_rules.LATE_NS": LATE_S * 1_000_000_000}
"""This server does at once what it was asked for, or never."""


KILLS = int(os.environ.get("AQSYNC_KILLS", "60"))
"""More than folders; `make crash` asks for 300."""


@pytest.mark.parametrize(("kills", "folders"), long_but(1, [(4, 3), (KILLS, 50)]))
def test_one_experiment_a_folder_whenever_it_is_killed(
    tmp_path: Path, kills: int, folders: int
) -> None:
    chance = random.Random(SEED)
    with EmbeddedServer(tmp_path / "data") as server:
        project = Project(tmp_path / "lab", server.url)
        project.configure(experiment="new", path="{date}/{name}/**", title="{name}", settle="200ms")
        before = project.server.find(limit=1).total
        with Daemon(project, QUICKLY) as daemon:
            made = 0
            for number in range(kills):
                while made * kills <= number * folders and made < folders:
                    project.write(f"2026-11-24/run_{made}/iq.csv", f"{made}")
                    made += 1
                daemon.start(ready=chance.random() < 0.8)
                time.sleep(chance.random() ** 2 * 0.8)
                daemon.kill()
            daemon.start()
            daemon.wait(lambda: are_there(project, folders), "all is in sync")
            assert daemon.stop() == 0
        assert project.server.find(limit=1).total - before == folders
        for own in told(project)["experiments"]:
            found = project.server.experiment_by_eid(own["experiment"])
            assert found.title == Path(own["folder"]).name
            with project.server.download(found.uuid, "iq.csv") as file:
                assert b"".join(file.chunks()).decode() == found.title.removeprefix("run_")
        project.close()


def told(project: Project) -> dict[str, Any]:
    mapping: dict[str, Any] = project.run("status", "--json").json["mappings"]["main"]
    return mapping


def are_there(project: Project, files: int) -> bool:
    found = told(project)
    return bool(found["complete"] and found["in_sync"] == files)
