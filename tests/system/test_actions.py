"""Kills of real daemons while measurements arrive: the server runs each action once.

Where the kill hits is a matter of chance; `tests/unit/sync/test_actions.py` hits every step.
"""

from __future__ import annotations

import os
import random
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from aqsync.aqueduct.records import TaskRecord
from aqsync.journal import Journal
from aqsync.model import ActionState
from tests.support.daemon import Daemon
from tests.support.embedded import EmbeddedServer
from tests.support.extensions import parameter, serving, write_extension
from tests.support.patience import wait_until
from tests.support.project import Project

KILLS, FOLDERS = int(os.environ.get("AQSYNC_KILLS", "40")), 50
QUICK = {
    "aqsync.sync.action_rules.LOST_NS": 30_000_000_000,
    "aqsync.sync.action_rules._SOONEST_NS": 100_000_000,
    "aqsync.sync.actions.LOOK_AGAIN_S": 0.05,
    "aqsync.sync.server_poller.CONFIRM_AFTER_S": 0.05,
    "aqsync.sync.server_poller.CONFIRM_REST": 1.0,
}
"""What a daemon waits for minutes with, in seconds; a request is answered long before that."""


@pytest.fixture
def server(tmp_path: Path) -> Iterator[EmbeddedServer]:
    extensions = tmp_path / "extensions"
    write_extension(extensions / "plots", {"t1": "echo $run"}, parameters=[parameter("run", "str")])
    with serving(tmp_path, extensions) as made:
        yield made


def test_a_daemon_has_what_arrives_analysed(
    embedded_server: EmbeddedServer, tmp_path: Path
) -> None:
    project = Project(tmp_path / "p", embedded_server.url)
    section = {"folder": "{run}/", "complete": {"sentinel": ["done.tag"]}}
    project.configure(
        measurement=section, actions=[{"extension": "Contract suite", "action": "fail"}]
    )
    with Daemon(project, QUICK).start() as daemon:
        project.write("run_1/iq.csv")
        project.write("run_1/done.tag")
        daemon.wait(lambda: _states(project) == {ActionState.FAILED: 1}, "it has run and failed")
        assert "1 action wanted again" in project.run("retry", "--actions").out
        daemon.wait(lambda: len(_tasks(project)) == 2, "it is run again")
        assert daemon.stop() == 0
    assert len(daemon.lines("an action has begun")) == 2
    project.close()


@pytest.mark.long
def test_one_task_for_each_folder_whatever_is_killed(
    server: EmbeddedServer, tmp_path: Path
) -> None:
    project = Project(tmp_path / "p", server.url)
    section = {"folder": "{run}/", "complete": {"sentinel": ["done.tag"]}}
    action = {"extension": "plots", "action": "t1", "parameters": {"run": "{run}"}}
    project.configure(measurement=section, actions=[action])
    chance, daemon, made = random.Random(1), Daemon(project, QUICK), 0
    for kill in range(KILLS):
        daemon.start(ready=chance.random() < 0.8)
        while made * KILLS < (kill + 1) * FOLDERS:
            project.write(f"run_{made:02}/iq.csv", f"{made}")
            project.write(f"run_{made:02}/done.tag")
            made += 1
        time.sleep(chance.random() ** 2)
        daemon.kill()
    daemon.start()
    wait_until(lambda: len(_tasks(project)) >= FOLDERS, lambda: len(_tasks(project)))
    wait_until(lambda: _states(project) == {ActionState.SUCCEEDED: FOLDERS}, "all have ended")
    assert daemon.stop() == 0
    project.push()
    runs = Counter({p.name: v for p, v in task.parameters}["run"] for task in _tasks(project))
    assert runs == {f"run_{number:02}": 1 for number in range(FOLDERS)}
    project.close()
    daemon.__exit__(None)


def _tasks(project: Project) -> list[TaskRecord]:
    return [*project.server.tasks.find(experiment=project.experiment.uuid, limit=500).tasks]


def _states(project: Project) -> Counter[ActionState]:
    with Journal.open_for_reading(project.journal) as journal:
        mapping_id = journal.mappings.get("main").id
        return Counter(run.state for run in journal.actions.of(mapping_id))
