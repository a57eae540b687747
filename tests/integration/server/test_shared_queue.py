"""The queue of tasks in PostgreSQL, that several servers work on."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import UUID

import pytest

from aqsync.server.catalog.catalog import Catalog, Experiment
from aqsync.server.catalog.database import DatabaseAway
from aqsync.server.catalog.postgres import PostgresDatabase
from aqsync.server.catalog.postgres_address import PostgresAddress
from aqsync.server.catalog.task_records import Orderer, Task, TaskRecords, TaskStatus
from aqsync.server.extensions import shared_queue as queue_module
from aqsync.server.extensions.environments import Environments
from aqsync.server.extensions.library import ExtensionLibrary
from aqsync.server.extensions.script_runner import ScriptRunner
from aqsync.server.extensions.shared_queue import SharedQueue
from aqsync.server.extensions.task_queue import SERVER_DIED
from aqsync.server.extensions.variables import ServerAccess
from aqsync.server.rights.task_tokens import TaskTokens
from aqsync.server.rights.tokens import Tokens
from tests.support.extensions import write_extension
from tests.support.patience import wait_until
from tests.support.postgres import Postgres

OTHER = """
import sys, threading
from pathlib import Path
from tests.integration.server.test_shared_queue import Lab
lab = Lab(sys.argv[1], Path(sys.argv[2]))
lab.queue.start()
print("started", flush=True)
threading.Event().wait()
"""


class Lab:
    """One server's share of the queue, and what it works with."""

    def __init__(self, url: str, folder: Path) -> None:
        folder.mkdir(exist_ok=True)
        self.database = PostgresDatabase(PostgresAddress(url))
        self.catalog = Catalog(self.database)
        self.records = TaskRecords(self.database)
        scripts = ScriptRunner(
            ExtensionLibrary(folder.parent / "extensions"),
            Environments(folder / "environments"),
            ServerAccess("http://127.0.0.1:1/"),
            TaskTokens(Tokens(self.database), is_closed=False),
        )
        self.queue = SharedQueue(self.database, self.records, scripts, 2)

    def order(self, experiment: Experiment, action: str) -> UUID:
        return self.records.add(
            experiment.uuid, "e", action, [], Orderer("ada"), self.queue.enqueue
        ).uuid

    def task(self, uuid: UUID) -> Task:
        return self.records.find(uuid)

    def wait(self, uuid: UUID, *statuses: TaskStatus) -> Task:
        wait_until(lambda: self.task(uuid).status in statuses, lambda: str(self.task(uuid)))
        return self.task(uuid)

    def jobs(self) -> list[tuple[object, ...]]:
        with self.database.reading() as connection:
            return connection.execute("SELECT id, status FROM procrastinate_jobs").fetchall()


@pytest.fixture
def url(postgres: Postgres, tmp_path: Path) -> str:
    write_extension(
        tmp_path / "extensions" / "e",
        {
            "count": f"echo run >> {tmp_path}/runs",
            "slow": f"echo $$ >> {tmp_path}/slow; sleep 600",
            "rest": f"echo begun >> {tmp_path}/slow; sleep 3; echo end",
        },
    )
    return postgres.database()


@pytest.fixture
def lab(url: str, tmp_path: Path) -> Iterator[Lab]:
    lab = Lab(url, tmp_path / "one")
    yield lab
    lab.queue.stop()
    lab.database.close()


@pytest.fixture
def experiment(lab: Lab) -> Experiment:
    return lab.catalog.create("title", "", [], by="ada", create_folder=lambda _: None)


@contextmanager
def other_server(url: str, folder: Path) -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen(
        [sys.executable, "-c", OTHER, url, str(folder)],
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[3],
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "started\n"
        try:
            yield process
        finally:
            process.kill()


@pytest.fixture
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who is silent for a second has died."""
    monkeypatch.setattr(queue_module, "_SILENT_S", 1.0)
    monkeypatch.setattr(queue_module, "_LOOK_S", 0.2)


def is_alive(pid: int) -> bool:
    return Path(f"/proc/{pid}").exists()


def test_tasks_are_run_and_leave_the_queue(lab: Lab, experiment: Experiment) -> None:
    lab.queue.start()
    done = [lab.order(experiment, "count") for _ in range(5)]
    assert {lab.wait(one, TaskStatus.SUCCESS).result_code for one in done} == {0}
    wait_until(lambda: lab.jobs() == [], lambda: str(lab.jobs()))


def test_what_is_not_entered_is_not_run(lab: Lab, experiment: Experiment) -> None:
    def fail_after_all() -> None:
        with lab.database.changing() as connection:
            lab.queue.enqueue(connection, experiment.uuid)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail_after_all()
    assert lab.jobs() == []


def test_a_task_that_waits_is_revoked(lab: Lab, experiment: Experiment, tmp_path: Path) -> None:
    uuid = lab.order(experiment, "count")
    lab.queue.cancel(uuid)
    assert lab.task(uuid).status is TaskStatus.REVOKED
    lab.queue.start()
    lab.wait(lab.order(experiment, "count"), TaskStatus.SUCCESS)
    assert (tmp_path / "runs").read_text() == "run\n"
    assert lab.task(uuid).status is TaskStatus.REVOKED


def test_a_stop_ends_scripts_and_says_so(lab: Lab, experiment: Experiment, tmp_path: Path) -> None:
    lab.queue.start()
    uuid = lab.order(experiment, "slow")
    wait_until((tmp_path / "slow").exists, "the script")
    lab.queue.stop()
    assert lab.task(uuid).status is TaskStatus.FAILURE
    assert "The server was stopped" in str(lab.records.output(uuid)[1])
    assert lab.jobs() == []


@pytest.mark.long
def test_another_server_runs_and_cancels(
    lab: Lab, experiment: Experiment, url: str, tmp_path: Path
) -> None:
    with other_server(url, tmp_path / "two"):
        uuid = lab.order(experiment, "slow")
        lab.wait(uuid, TaskStatus.STARTED)
        wait_until((tmp_path / "slow").exists, "the script")
        lab.queue.cancel(uuid)
        lab.wait(uuid, TaskStatus.REVOKED)
    assert not is_alive(int((tmp_path / "slow").read_text()))


@pytest.mark.long
def test_scripts_end_with_their_experiment(
    lab: Lab, experiment: Experiment, url: str, tmp_path: Path
) -> None:
    with other_server(url, tmp_path / "two"):
        uuid = lab.order(experiment, "slow")
        wait_until((tmp_path / "slow").exists, "the script")
        lab.catalog.remove(experiment.uuid)
        lab.queue.end_all([uuid])
        pid = int((tmp_path / "slow").read_text())
        wait_until(lambda: not is_alive(pid), "the end of the script")


@pytest.mark.long
@pytest.mark.usefixtures("soon")
def test_a_task_whose_server_was_killed_has_failed_and_its_script_ends(
    lab: Lab, experiment: Experiment, url: str, tmp_path: Path
) -> None:
    with other_server(url, tmp_path / "two") as other:
        uuid = lab.order(experiment, "slow")
        wait_until((tmp_path / "slow").exists, "the script")
        other.kill()
        other.wait()
    lab.queue.start()
    lab.wait(uuid, TaskStatus.FAILURE)
    assert lab.records.output(uuid) == (None, SERVER_DIED)
    pid = int((tmp_path / "slow").read_text())
    wait_until(lambda: not is_alive(pid), "the end of the script")
    wait_until(lambda: lab.jobs() == [], lambda: str(lab.jobs()))
    assert (tmp_path / "slow").read_text().count("\n") == 1


@pytest.mark.long
@pytest.mark.usefixtures("soon")
@pytest.mark.parametrize(
    "loss",
    [
        pytest.param("UPDATE procrastinate_jobs SET status = 'doing'", id="taken, never begun"),
        pytest.param("DELETE FROM procrastinate_jobs", id="without a job"),
    ],
)
def test_what_waits_and_nobody_will_begin_goes_back_into_the_queue(
    lab: Lab, experiment: Experiment, tmp_path: Path, loss: str
) -> None:
    uuid = lab.order(experiment, "count")
    with lab.database.changing() as connection:
        connection.execute(loss)
    lab.queue.start()
    lab.wait(uuid, TaskStatus.SUCCESS)
    assert (tmp_path / "runs").read_text() == "run\n"


@pytest.mark.long
@pytest.mark.usefixtures("soon")
def test_a_server_that_is_alive_keeps_its_tasks(
    lab: Lab, experiment: Experiment, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(queue_module, "_SILENT_S", 15.0)
    lab.queue.start()
    uuid = lab.order(experiment, "rest")
    lab.wait(uuid, TaskStatus.SUCCESS)
    assert (tmp_path / "slow").read_text() == "begun\n"


@pytest.mark.long
@pytest.mark.usefixtures("soon")
def test_a_task_that_may_have_been_started_is_not_run_and_has_failed(
    lab: Lab, experiment: Experiment, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The connection breaks while the start is committed, and nobody can tell."""
    start = lab.records.start
    starts: list[UUID] = []

    def lost(uuid: UUID) -> Task | None:
        started = start(uuid)
        starts.append(uuid)
        if len(starts) == 1:
            raise DatabaseAway
        return started

    monkeypatch.setattr(lab.records, "start", lost)
    monkeypatch.setattr(queue_module, "_RETRY_S", 0.01)
    lab.queue.start()
    uuid = lab.order(experiment, "count")
    lab.wait(uuid, TaskStatus.FAILURE)
    assert lab.records.output(uuid) == (None, SERVER_DIED)
    assert not (tmp_path / "runs").exists()


@pytest.mark.long
def test_the_database_may_be_away_for_a_while(
    postgres: Postgres,
    lab: Lab,
    experiment: Experiment,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    lab.queue.start()
    uuid = lab.order(experiment, "rest")
    wait_until((tmp_path / "slow").exists, "the script")
    postgres.stop()
    postgres.start()
    wait_until(lambda: there(lambda: lab.task(uuid).ended_at is not None), "its end")
    assert lab.task(uuid).status is TaskStatus.SUCCESS
    assert lab.records.output(uuid)[0] == "end\n"
    assert lab.wait(lab.order(experiment, "count"), TaskStatus.SUCCESS).result_code == 0
    assert not [each for each in caplog.records if each.name.startswith("aqsync") and each.exc_info]


def there(ask: Callable[[], bool]) -> bool:
    try:
        return ask()
    except Exception:  # noqa: BLE001 - the database is away
        return False
