"""Three servers on one PostgreSQL and one bucket, behind a proxy, killed while eight PCs push."""

from __future__ import annotations

import itertools
import os
import random
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest

from aqsync.aqueduct.records import TaskRecord, TaskStatus
from aqsync.errors import AqsyncError
from tests.support.balancer import Balancer
from tests.support.embedded import EmbeddedServer
from tests.support.extensions import parameter, write_extension
from tests.support.object_store import CREDENTIALS, ObjectStore
from tests.support.patience import wait_until
from tests.support.postgres import Postgres
from tests.support.project import Project

pytestmark = pytest.mark.long

FILES = int(os.environ.get("AQSYNC_MANY_FILES", "800"))
"""`make many-servers` asks for 100,000."""
PCS = 8
SERVERS = 3
READ_BACK = 4_000
SEED = int(os.environ.get("AQSYNC_CRASH_SEED", "1"))
RUNS = "runs"


class Department:
    """The servers, their proxy, and somebody who kills them."""

    def __init__(self, folder: Path, servers: list[EmbeddedServer], url: str) -> None:
        self.folder = folder
        self.url = url
        self.kills = 0
        self._servers = servers
        self._chance = random.Random(SEED)
        self._over = threading.Event()
        self._killer = threading.Thread(target=self._kill_on, name="killer")

    def begin_to_kill(self) -> None:
        self._killer.start()

    def end_of_kills(self) -> None:
        self._over.set()
        self._killer.join()

    def _kill_on(self) -> None:
        while not self._over.wait(self._chance.uniform(0.5, 3)):
            fallen = self._chance.sample(self._servers, self._chance.choice([1, 1, 1, 2, 3]))
            for server in fallen:
                server.kill()
                self.kills += 1
            self._over.wait(self._chance.uniform(0, 2))
            for server in fallen:
                server.start()


@pytest.fixture
def department(
    postgres: Postgres, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Department]:
    for name, value in CREDENTIALS.items():
        monkeypatch.setenv(name, value)
    write_extension(
        tmp_path / "extensions" / "plots",
        {"count": f"echo $run >> {tmp_path}/{RUNS}; sleep 0.2"},
        parameters=[parameter("run", "str")],
    )
    with ExitStack() as stack:
        store = stack.enter_context(ObjectStore())
        database, files = postgres.database(), store.place()
        servers = [
            stack.enter_context(
                EmbeddedServer(
                    tmp_path / f"server-{number}",
                    database=database,
                    more=("--files", files),
                    extensions=tmp_path / "extensions",
                )
            )
            for number in range(SERVERS)
        ]
        ports = [int(server.url.rpartition(":")[2]) for server in servers]
        balancer = stack.enter_context(Balancer(ports))
        yield Department(tmp_path, servers, balancer.url)
        assert "Traceback" not in "".join(server.log for server in servers)


class Pc:
    """One of the PCs: its files, and its pushes until all is there."""

    def __init__(self, department: Department, number: int) -> None:
        self.project = Project(department.folder / f"pc-{number}", department.url)
        self.number = number
        self.pushes = 0
        self._push: subprocess.Popen[str] | None = None

    def write(self, version: int) -> None:
        for number in range(FILES // PCS):
            content = f"{version} of {number} on {self.number}".encode()
            self.project.write(f"{number:06}.dat", content * (1 + number % 40))

    def is_done(self) -> bool:
        """Whether a push has found that all is there; else one runs."""
        if self._push is not None and self._push.poll() is None:
            return False
        if self._push is not None and self._push.returncode == 0:
            self._push.communicate()
            return True
        if self._push is not None:
            self._push.communicate()
        self.pushes += 1
        self._push = self.project.start("push", "--json")
        return False

    def again(self) -> None:
        self._push = None


def order_runs(project: Project, over: threading.Event) -> None:
    """Order tasks, each once, though the answer may be lost."""
    for number in itertools.count():
        with suppress(AqsyncError):
            given = [("experiment", project.eid), ("run", f"run-{number}")]
            project.server.tasks.execute(project.experiment.uuid, "plots", "count", given)
        if over.wait(0.3):
            return


def push_all(pcs: list[Pc]) -> None:
    """Push until each PC has found that all is there; servers are killed meanwhile."""
    waiting = pcs
    for pc in pcs:
        pc.again()
    while waiting := [pc for pc in waiting if not pc.is_done()]:
        time.sleep(0.2)


@pytest.fixture
def pcs(department: Department) -> Iterator[list[Pc]]:
    with ExitStack() as stack:
        found = [Pc(department, number) for number in range(PCS)]
        for pc in found:
            stack.callback(pc.project.close)
        yield found


def test_nothing_is_lost_torn_or_doubled(department: Department, pcs: list[Pc]) -> None:
    over = threading.Event()
    orders = threading.Thread(target=order_runs, args=(pcs[0].project, over), name="orders")
    for pc in pcs:
        pc.write(1)
    department.begin_to_kill()
    orders.start()
    push_all(pcs)
    for pc in pcs:
        pc.write(2)
    push_all(pcs)
    over.set()
    orders.join()
    department.end_of_kills()
    assert department.kills > 0
    for pc in pcs:
        there = pc.project.remote_names()
        assert there == {file.name for file in pc.project.root.iterdir()}
        wanted = random.Random(SEED).sample(sorted(there), min(len(there), READ_BACK // PCS))
        torn = [name for name in wanted if pc.project.read(name) != content(pc, name)]
        assert torn == []
        assert pc.project.pushed()["uploaded"] == 0
    check_runs(department, pcs[0].project)
    print(  # noqa: T201 - shown by `make many-servers`
        f"{FILES} files twice, {department.kills} kills, {sum(pc.pushes for pc in pcs)} pushes"
    )


def content(pc: Pc, name: str) -> bytes:
    return (pc.project.root / name).read_bytes()


def check_runs(department: Department, project: Project) -> None:
    """No run was made twice, and each that has ended well was made."""
    wait_until(
        lambda: all(task.ended_at is not None for task in tasks_of(project)), "the end of all tasks"
    )
    made = Counter((department.folder / RUNS).read_text().split())
    assert set(made.values()) == {1}, made
    tasks = tasks_of(project)
    assert len(tasks) == len({run_of(task) for task in tasks})
    well = {run_of(task) for task in tasks if task.status is TaskStatus.SUCCESS}
    assert well <= set(made)


def tasks_of(project: Project) -> list[TaskRecord]:
    found: list[TaskRecord] = []
    while page := project.server.tasks.find(
        experiment=project.experiment.uuid, offset=len(found), limit=500
    ).tasks:
        found += page
    return found


def run_of(task: TaskRecord) -> str:
    return str({key.name: value for key, value in task.parameters}["run"])
