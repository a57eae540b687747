"""What was answered with 200 is there after the worst, and nothing else is."""

from __future__ import annotations

import itertools
import os
import random
import resource
import shutil
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from aqsync.server.settings import StorageSettings
from aqsync.server.storage import Storage
from tests.support.embedded import EmbeddedServer
from tests.support.patience import HANG_S, wait_until
from tests.support.visit import FILE_START, Visit, read_all, upload_head


def content_of(name: str) -> bytes:
    """Between nothing and a few pieces, not to be taken for another file's."""
    chance = random.Random(name)
    return chance.randbytes(chance.choice([0, 1, 100, 10_000, 300_000, 3_000_000]))


def upload_until(dead: threading.Event, visit: Visit, uuid: str, names: list[str]) -> list[str]:
    """Upload until the server is gone; return the names that were answered with 200."""
    answered: list[str] = []
    for name in names:
        try:
            response = visit.upload(uuid, name, content_of(name))
        except httpx.TransportError:
            assert dead.wait(HANG_S), "the server broke off without being killed"
            break
        assert response.status_code == 200
        answered.append(name)
    return answered


def incoming(server: EmbeddedServer) -> list[Path]:
    return list((server.data / "incoming").iterdir())


def test_killed_during_uploads(server: EmbeddedServer, own: Visit) -> None:
    uuid = own.create()["uuid"]
    workers = 4
    dead = threading.Event()
    with ThreadPoolExecutor(workers) as pool:
        names = [[f"{worker}-{n}.dat" for n in range(10_000)] for worker in range(workers)]
        running = [pool.submit(upload_until, dead, own, uuid, mine) for mine in names]
        wait_until(lambda: len(own.names(uuid)) >= 40, "forty uploads")
        server.kill()
        dead.set()
        answered = {name for result in running for name in result.result()}
    server.restart()

    assert incoming(server) == []
    listed = own.names(uuid)
    assert answered <= set(listed)
    # Others may be there too, renamed but not answered: whole, like all that can be seen.
    assert len(listed) <= len(answered) + workers
    for name in listed:
        assert own.get(uuid, name) == content_of(name)


def test_killed_while_files_are_replaced(server: EmbeddedServer, own: Visit) -> None:
    uuid = own.create()["uuid"]
    versions = [bytes([number]) * 200_000 for number in range(256)]
    own.put(uuid, "f", versions[0])
    last = 0

    def replace() -> None:
        nonlocal last
        for number in itertools.count(1):
            try:
                own.put(uuid, "f", versions[number % 256])
            except httpx.TransportError:
                return
            last = number

    thread = threading.Thread(target=replace)
    thread.start()
    wait_until(lambda: last >= 20, "twenty versions")
    server.kill()
    thread.join()
    server.restart()
    assert own.get(uuid, "f") in (versions[last % 256], versions[(last + 1) % 256])
    assert own.names(uuid) == ["f"]


def test_killed_with_half_an_upload(server: EmbeddedServer, own: Visit) -> None:
    uuid = own.create()["uuid"]
    own.put(uuid, "f", b"before")
    with own.connection() as connection:
        connection.sendall(upload_head(uuid, "f", 100_000_000) + FILE_START)
        while not incoming(server):
            connection.sendall(b"x" * 1_000_000)
        server.kill()
    server.restart()
    assert incoming(server) == []
    assert own.get(uuid, "f") == b"before"


@pytest.mark.parametrize("sent", [0, 10, 5_000_000])
def test_a_client_that_breaks_off_leaves_nothing(
    server: EmbeddedServer, own: Visit, sent: int
) -> None:
    uuid = own.create()["uuid"]
    own.put(uuid, "f", b"before")
    with own.connection() as connection:
        connection.sendall(upload_head(uuid, "f", 100_000_000) + FILE_START + b"x" * sent)
    server.stop()
    assert incoming(server) == []
    server.start()
    assert own.get(uuid, "f") == b"before"
    assert own.names(uuid) == ["f"]
    assert server.log == ""


def test_an_upload_that_is_too_large_leaves_nothing(tmp_path: Path) -> None:
    with (
        EmbeddedServer(tmp_path / "data", max_file_bytes=3_000_000) as server,
        Visit(server.url) as visit,
    ):
        uuid = visit.create()["uuid"]
        visit.put(uuid, "fits", bytes(3_000_000))
        assert visit.upload(uuid, "large", bytes(3_000_001)).status_code == 413
        with visit.connection() as connection:
            # No length is announced: the end would come by chunks.
            start = upload_head(uuid, "endless", 0).replace(
                b"Content-Length: 0", b"Transfer-Encoding: chunked"
            )
            connection.sendall(start)
            for chunk in (FILE_START, *(bytes(1_000_000) for _ in range(5))):
                connection.sendall(b"%x\r\n%b\r\n" % (len(chunk), chunk))
            connection.sendall(b"0\r\n\r\n")
            answer = read_all(connection)
        assert b" 413 " in answer
        assert b"Maximum " in answer
        assert visit.names(uuid) == ["fits"]
        assert incoming(server) == []


def test_a_disk_that_fails_leaves_nothing(server: EmbeddedServer, own: Visit) -> None:
    uuid = own.create()["uuid"]
    own.put(uuid, "f", b"before")
    before = resource.prlimit(server.pid, resource.RLIMIT_FSIZE, (1_000_000, 1_000_000))
    assert before[0] == resource.RLIM_INFINITY
    for size in (1_000_001, 30_000_000):
        response = own.upload(uuid, "f", bytes(size))
        assert response.status_code == 500
        assert response.json() == {"detail": "The server's disk failed."}
    assert incoming(server) == []
    own.put(uuid, "g", bytes(1_000_000))
    assert own.get(uuid, "f") == b"before"
    assert "File too large" in server.log
    assert "Traceback" not in server.log


def test_the_file_and_its_name_are_on_the_disk_before_the_answer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps: list[str] = []

    def synced(descriptor: int) -> None:
        steps.append(f"sync {Path(f'/proc/self/fd/{descriptor}').readlink().name}")
        real_sync(descriptor)

    def replaced(source: str, target: str) -> None:
        steps.append(f"rename {Path(source).name} to {Path(target).name}")
        real_replace(source, target)

    storage = Storage(StorageSettings(tmp_path / "data"))
    made = storage.catalog.create("title", "", [], by="admin", create_folder=storage.files.create)
    real_sync, real_replace = os.fsync, os.replace
    monkeypatch.setattr(os, "fsync", synced)
    monkeypatch.setattr(os, "replace", replaced)
    arriving = storage.files.new_file()
    arriving.write([b"content"])
    (passing,) = (tmp_path / "data" / "incoming").iterdir()
    storage.files.keep(arriving, made.uuid, "f")
    assert steps == [
        f"sync {passing.name}",
        f"rename {passing.name} to f",
        f"sync {made.uuid}",
    ]
    storage.close()


def test_experiments_and_tags_survive(server: EmbeddedServer, own: Visit) -> None:
    made = [own.create(f"title {number}", ["a", "B"]) for number in range(3)]
    own.remove(made[1]["uuid"])
    server.kill()
    server.restart()
    found = own.ask("{experiments(offset: 0, limit: 9) {experimentsData {uuid eid title tags}}}")
    assert found["experimentsData"] == [made[2], made[0]]


class Crash(Exception):
    pass


def crash(*_: Any) -> None:
    raise Crash


def crash_in_removal(storage: Storage, monkeypatch: pytest.MonkeyPatch, step: str) -> None:
    target: Any = storage.catalog if step == "forget_removed" else storage.files
    if step == "rmtree":
        target = shutil
    monkeypatch.setattr(target, step, crash)


@pytest.mark.parametrize("step", ["remove", "rmtree", "forget_removed"])
def test_a_removal_goes_on_after_a_crash(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    data = tmp_path / "data"
    storage = Storage(StorageSettings(data))
    create: Callable[[], Any] = lambda: storage.catalog.create(  # noqa: E731 - twice, in short
        "title", "", [], by="admin", create_folder=storage.files.create
    )
    doomed, kept = create(), create()
    for experiment in (doomed, kept):
        (data / "experiments" / str(experiment.uuid) / "f").write_bytes(b"content")
    with monkeypatch.context() as patch:
        crash_in_removal(storage, patch, step)
        with pytest.raises(Crash):
            storage.remove_experiment(doomed.uuid)
    storage.close()

    storage = Storage(StorageSettings(data))
    assert storage.catalog.uuids() == [kept.uuid]
    assert storage.catalog.removed() == []
    assert [path.name for path in (data / "experiments").iterdir()] == [str(kept.uuid)]
    assert list((data / "removed").iterdir()) == []
    assert storage.files.listing(kept.uuid).names() == ["f"]
    storage.close()


def test_an_experiment_that_cannot_get_a_folder_is_not_made(tmp_path: Path) -> None:
    storage = Storage(StorageSettings(tmp_path / "data"))
    with pytest.raises(Crash):
        storage.catalog.create("title", "", ["tag"], by="admin", create_folder=crash)
    assert storage.catalog.uuids() == []
    assert storage.catalog.tags(unused=True) == []
    storage.close()


def test_a_folder_lost_in_a_backup_is_made_again(server: EmbeddedServer, own: Visit) -> None:
    uuid = own.create()["uuid"]
    server.stop()
    (server.data / "experiments" / uuid).rmdir()
    server.start()
    own.put(uuid, "f", b"content")
    assert own.names(uuid) == ["f"]
