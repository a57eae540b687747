"""The threads that run tasks, where the catalog or the server itself gets into trouble."""

from __future__ import annotations

import os
import signal
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

import pytest

from aqsync.server.catalog.catalog import Experiment
from aqsync.server.catalog.task_records import Orderer, Task, TaskEnd, TaskRecords, TaskStatus
from aqsync.server.extensions import embedded_queue as queue_module
from aqsync.server.extensions.embedded_queue import EmbeddedQueue
from aqsync.server.extensions.library import ExtensionLibrary
from aqsync.server.extensions.manifest import Extension
from aqsync.server.extensions.script_runner import ScriptRunner
from aqsync.server.extensions.variables import ServerAccess
from aqsync.server.rights.task_tokens import TaskTokens
from aqsync.server.settings import StorageSettings
from aqsync.server.storage import Storage
from tests.support.embedded import EmbeddedServer
from tests.support.extensions import Tasks, is_running, wait_for, write_extension
from tests.support.patience import wait_until
from tests.support.visit import FILE_START, Visit, connected, upload_head


@pytest.fixture
def storage(tmp_path: Path) -> Iterator[Storage]:
    storage = Storage(StorageSettings(tmp_path / "data"))
    yield storage
    storage.close()


@pytest.fixture
def experiment(storage: Storage) -> Experiment:
    return storage.catalog.create("title", "", [], by="admin", create_folder=storage.files.create)


def in_no_queue(*_: object) -> None:
    """The catalog itself is the queue."""


class FullDisk(TaskRecords):
    """Lets through only every third attempt to begin or to end a task."""

    attempts = 0

    def start_next(self) -> Task | None:
        self._fail()
        return super().start_next()

    def finish(self, uuid: UUID, end: TaskEnd) -> None:
        self._fail()
        super().finish(uuid, end)

    def _fail(self) -> None:
        self.attempts += 1
        if self.attempts % 3:
            raise sqlite3.OperationalError("database or disk is full")


class Surprising:
    """Finds extensions, but not at first."""

    def __init__(self, library: ExtensionLibrary) -> None:
        self._find = library.find
        self._calls = 0

    def __call__(self, name: str) -> Extension:
        self._calls += 1
        if self._calls == 1:
            raise ZeroDivisionError("a surprise")
        return self._find(name)


def add(records: TaskRecords, experiment: Experiment) -> Task:
    return records.add(experiment.uuid, "e", "a", [], Orderer("ada"), in_no_queue)


def scripts(library: ExtensionLibrary, storage: Storage) -> ScriptRunner:
    tokens = TaskTokens(storage.tokens, is_closed=True)
    return ScriptRunner(library, storage.environments, ServerAccess("http://x/"), tokens)


def ended(records: TaskRecords, task: Task) -> Task:
    wait_until(lambda: records.find(task.uuid).ended_at is not None, f"the end of {task}")
    return records.find(task.uuid)


def test_a_full_disk_only_delays_tasks(
    storage: Storage,
    experiment: Experiment,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(queue_module, "_RETRY_SECONDS", 0.01)
    write_extension(tmp_path / "extensions" / "e", {"a": "echo done"})
    records = FullDisk(storage.database)
    tasks = [add(records, experiment) for _ in range(2)]
    library = ExtensionLibrary(tmp_path / "extensions")
    queue = EmbeddedQueue(records, scripts(library, storage), 1)
    queue.start()
    assert {ended(records, task).status for task in tasks} == {TaskStatus.SUCCESS}
    assert records.output(tasks[0].uuid) == ("done\n", "")
    queue.stop(0)
    # Two starts and two ends, and the search that found no third task: each is told once.
    told = [message for message in caplog.messages if "cannot be written to" in message]
    assert len(told) == 5


def test_a_surprise_fails_its_task_and_not_the_next(
    storage: Storage,
    experiment: Experiment,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    write_extension(tmp_path / "extensions" / "e", {"a": ":"})
    records = storage.tasks
    first, second = (add(records, experiment) for _ in range(2))
    library = ExtensionLibrary(tmp_path / "extensions")
    monkeypatch.setattr(library, "find", Surprising(library))
    queue = EmbeddedQueue(records, scripts(library, storage), 1)
    queue.start()
    assert ended(records, first).status is TaskStatus.FAILURE
    assert ended(records, second).status is TaskStatus.SUCCESS
    queue.stop(0)
    assert records.output(first.uuid)[1] == "The server failed to run this task: a surprise"
    assert f"task {first.uuid} cannot be run" in caplog.text


def test_a_queue_that_was_never_started_can_be_stopped(storage: Storage, tmp_path: Path) -> None:
    library = ExtensionLibrary(tmp_path)
    EmbeddedQueue(storage.tasks, scripts(library, storage), 2).stop()


def is_refused(server: EmbeddedServer) -> bool:
    """Tell whether the server takes no more connections, as it does once it is to end."""
    try:
        connected(server.url).close()
    except ConnectionRefusedError:
        return True
    return False


def test_a_forced_end_leaves_no_script(tmp_path: Path) -> None:
    begun = tmp_path / "begun"
    script = f"trap '' INT TERM; echo $$ > {begun}; while :; do sleep 0.02; done"
    write_extension(tmp_path / "extensions" / "e", {"stubborn": script})
    server = EmbeddedServer(tmp_path / "data", extensions=tmp_path / "extensions")
    server.start()
    with Visit(server.url) as visit, visit.connection() as lingering:
        tasks = Tasks(visit, "e")
        tasks.start("stubborn")
        pid = int(wait_for(begun))
        lingering.sendall(upload_head(tasks.experiment["uuid"], "f", 1000) + FILE_START)
        # The first one waits for the upload, the second one does not.
        os.kill(server.pid, signal.SIGINT)
        wait_until(lambda: is_refused(server), "the first one is obeyed")
        assert server.stop(signal.SIGINT) == 0
    assert not is_running(pid)
    assert server.log == "", "it tells when the patience of the first one has ended"
