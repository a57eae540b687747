"""`--workers`: several processes on one socket, one database and one directory of files."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from aqsync.server.errors import ServerStartError
from aqsync.server.run import serve
from aqsync.server.settings import ServerSettings, StorageSettings
from tests.support.embedded import EmbeddedServer
from tests.support.extensions import Tasks, write_extension
from tests.support.patience import wait_until
from tests.support.postgres import Postgres
from tests.support.visit import Visit

TOKEN = "a token that is secret"


@pytest.fixture
def server(postgres: Postgres, tmp_path: Path) -> Iterator[EmbeddedServer]:
    write_extension(tmp_path / "extensions" / "e", {"count": f"echo run >> {tmp_path}/runs"})
    with EmbeddedServer(
        tmp_path / "data",
        token=TOKEN,
        database=postgres.database(),
        extensions=tmp_path / "extensions",
        more=("--files", str(tmp_path / "files"), "--workers", "3"),
    ) as server:
        yield server


def children(pid: int) -> list[int]:
    return [int(each) for each in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


@pytest.mark.parametrize(
    "storage", [StorageSettings(Path("data")), StorageSettings(Path("data"), None, "/files")]
)
def test_they_need_what_they_can_share(storage: StorageSettings) -> None:
    with pytest.raises(ServerStartError, match="several workers need"):
        serve(ServerSettings(storage, workers=2), host="127.0.0.1", port=0)


@pytest.mark.long
def test_all_answer_alike_and_survive_each_other(server: EmbeddedServer) -> None:
    assert len(children(server.pid)) == 3
    with Visit(server.url, TOKEN) as visit:
        experiment = visit.create()["uuid"]

    def upload(number: int) -> None:
        # A connection of its own, so that any of the processes may answer.
        with Visit(server.url, TOKEN) as visit:
            name = f"{number}.txt"
            answer = visit.upload(experiment, name, name.encode())
            assert answer.status_code == 200
            assert visit.get(experiment, name) == name.encode()

    with ThreadPoolExecutor(6) as threads:
        list(threads.map(upload, range(60)))
    fallen = children(server.pid)[0]
    os.kill(fallen, signal.SIGKILL)
    wait_until(
        lambda: len(children(server.pid)) == 3 and fallen not in children(server.pid),
        "a new process",
    )
    with ThreadPoolExecutor(6) as threads:
        list(threads.map(upload, range(60, 90)))
    assert "worker" in server.log


@pytest.mark.long
def test_a_session_and_a_task_belong_to_all(server: EmbeddedServer, tmp_path: Path) -> None:
    cookie = ""
    for _ in range(12):
        with Visit(server.url) as browser:
            if cookie:
                page = browser.http.get("/", headers={"Cookie": cookie})
                assert page.status_code == 200
                continue
            answer = browser.http.post(
                "/login", data={"token": TOKEN}, headers={"Origin": server.url}
            )
            assert answer.status_code == 303, answer.text
            cookie = answer.headers["set-cookie"].partition(";")[0]
    with Visit(server.url, TOKEN) as visit:
        tasks = Tasks(visit, "e")
        uuids = [tasks.start("count") for _ in range(10)]
        for uuid in uuids:
            assert tasks.ended(uuid)["taskStatus"] == "SUCCESS"
    assert (tmp_path / "runs").read_text() == "run\n" * 10


@pytest.mark.long
def test_it_ends_in_good_order(server: EmbeddedServer) -> None:
    pids = children(server.pid)
    assert server.stop() == 0
    assert not any(Path(f"/proc/{pid}").exists() for pid in pids)
