from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import pytest

from aqsync.aqueduct.client import Client
from aqsync.moving import server_import
from aqsync.server.catalog.catalog import Experiment
from aqsync.server.catalog.task_records import Task, TaskStatus
from aqsync.server.moving.inbound import Inbound
from aqsync.server.moving.moved import ComingFile, MovedTask, Whole
from aqsync.server.settings import StorageSettings
from aqsync.server.storage import Storage
from tests.support.embedded import EmbeddedServer
from tests.support.intercepting_proxy import InterceptingProxy
from tests.support.project import Project

THEN = datetime(2026, 11, 23, 10, 11, 45, 826756, tzinfo=UTC)
ODD, TASK = UUID(int=1), UUID(int=2)

FILES = {"a~b.csv": b"1,2\n", "é.bin": b"\0\1", "empty": b"", "large.bin": b"x" * 3_000_000}


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedServer]:
    """A server with three experiments, one of them archived."""
    with (
        EmbeddedServer(tmp_path_factory.mktemp("source") / "data") as server,
        Client(server.url) as client,
    ):
        first = client.create_experiment("First é", "of three\n", ["Alpha", "run:1"])
        for name, content in FILES.items():
            client.upload(first.uuid, name, [content] if content else [], len(content))
        client.create_experiment("Second", "", ["__archived__"])
        client.create_experiment("Third", "x" * 5000)
        yield server


@pytest.fixture
def proxy(source: EmbeddedServer) -> Iterator[InterceptingProxy]:
    with InterceptingProxy(source.url) as made:
        yield made


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Where it is imported."""
    return tmp_path / "data"


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server_import, "_FIRST_PAUSE_S", 0.0)


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """What a PC has pushed; the server has ended since."""
    folder = tmp_path_factory.mktemp("export")
    with EmbeddedServer(folder / "data") as server:
        made = Project(folder, server.url)
        made.write("run 7/iq.csv", "i,q\n")
        made.write("run 7/é.bin", b"\0\1")
        made.write("a~b.csv", "flat")
        made.write("empty", b"")
        made.pushed()
        made.close()
    odd = Experiment(
        ODD, "20261123-1", "Odd & <old>", "", "ada b", THEN, THEN, ("__archived__", "Paper")
    )
    task = Task(TASK, ODD, "ext", "act", (), "ada b", THEN, THEN, TaskStatus.SUCCESS, 0)
    storage = Storage(StorageSettings(folder / "data"))
    inbound = Inbound(storage)
    inbound.enter(Whole(odd, (MovedTask(task, "out", None),)))
    files = inbound.files_of(ODD)
    for name in ("tasks.json", "TASKS.json"):
        files.take(files.bring(ComingFile(ODD, name, 1_795_428_705_826_756, 1, iter([b"x"]))))
    files.end([])
    storage.close()
    return made
