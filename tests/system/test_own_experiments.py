"""A daemon is killed again and again: each folder gets one experiment and one task all the same."""

from __future__ import annotations

import os
import random
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from aqsync.aqueduct.records import ExperimentRef, TaskStatus
from aqsync.journal import Journal
from aqsync.model import ActionState
from tests.support.daemon import Daemon
from tests.support.embedded import EmbeddedServer
from tests.support.extensions import parameter, serving, write_extension
from tests.support.length import long_but
from tests.support.project import Project

KILLS = int(os.environ.get("AQSYNC_KILLS", "60"))
"""More than folders; `make crash` asks for 300."""
SEED = int(os.environ.get("AQSYNC_CRASH_SEED", "1"))
LATE_S = 2
LATE = {"aqsync.sync.experiment_rules.LATE_NS": LATE_S * 1_000_000_000}
"""This server does at once what it was asked for, or never."""
QUICKLY: dict[str, float] = LATE | {
    "aqsync.sync.action_rules.LOST_NS": 30_000_000_000,
    "aqsync.sync.action_rules._SOONEST_NS": 100_000_000,
    "aqsync.sync.actions.LOOK_AGAIN_S": 0.05,
    "aqsync.sync.server_poller.CONFIRM_AFTER_S": 0.05,
    "aqsync.sync.server_poller.CONFIRM_REST": 1.0,
}
"""What a daemon waits for minutes with; a request is answered long before that."""


@pytest.fixture
def server(tmp_path: Path) -> Iterator[EmbeddedServer]:
    extensions = tmp_path / "extensions"
    write_extension(extensions / "plots", {"t1": "echo $run"}, parameters=[parameter("run", "str")])
    with serving(tmp_path, extensions) as made:
        yield made


@pytest.mark.parametrize(("kills", "folders"), long_but(1, [(4, 3), (KILLS, 50)]))
def test_one_experiment_and_one_task_a_folder_whenever_it_is_killed(
    server: EmbeddedServer, tmp_path: Path, kills: int, folders: int
) -> None:
    chance = random.Random(SEED)
    project = Project(tmp_path / "lab", server.url)
    project.configure(
        experiment="new",
        path="{date}/{run}/**",
        title="{run}",
        settle="200ms",
        measurement={"folder": "{date}/{run}/", "complete": {"sentinel": ["done.tag"]}},
        actions=[{"extension": "plots", "action": "t1", "parameters": {"run": "{run}"}}],
    )
    before = project.server.find(limit=1).total
    with Daemon(project, QUICKLY) as daemon:
        made = 0
        for number in range(kills):
            while made * kills <= number * folders and made < folders:
                project.write(f"2026-11-24/run_{made}/iq.csv", f"{made}")
                project.write(f"2026-11-24/run_{made}/done.tag")
                made += 1
            daemon.start(ready=chance.random() < 0.8)
            time.sleep(chance.random() ** 2 * 0.8)
            daemon.kill()
        daemon.start()
        daemon.wait(lambda: are_there(project, 2 * folders), "all is in sync")
        daemon.wait(lambda: states(project) == {ActionState.SUCCEEDED: folders}, "all have run")
        assert daemon.stop() == 0
    project.push()
    assert project.server.find(limit=1).total - before == folders
    runs = Counter(run for own in experiments(project) for run in runs_on(project, own))
    assert runs == {f"run_{number}": 1 for number in range(folders)}
    project.close()


def experiments(project: Project) -> Iterator[ExperimentRef]:
    """The experiment of each folder, which has the folder's title and its file."""
    for own in told(project)["experiments"]:
        found = project.server.experiment_by_eid(own["experiment"])
        assert found.title == Path(own["folder"]).name
        with project.server.download(found.uuid, "iq.csv") as file:
            assert b"".join(file.chunks()).decode() == found.title.removeprefix("run_")
        yield found


def runs_on(project: Project, found: ExperimentRef) -> Iterator[str]:
    """What each task on an experiment was asked to work on: that experiment's own folder."""
    for task in project.server.tasks.find(experiment=found.uuid, limit=500).tasks:
        assert task.status is TaskStatus.SUCCESS
        run = {key.name: value for key, value in task.parameters}["run"]
        assert run == found.title
        yield run


def states(project: Project) -> Counter[ActionState]:
    with Journal.open_for_reading(project.journal) as journal:
        mapping_id = journal.mappings.get("main").id
        return Counter(run.state for run in journal.actions.of(mapping_id))


def told(project: Project) -> dict[str, Any]:
    mapping: dict[str, Any] = project.run("status", "--json").json["mappings"]["main"]
    return mapping


def are_there(project: Project, files: int) -> bool:
    found = told(project)
    return bool(found["complete"] and found["in_sync"] == files)
