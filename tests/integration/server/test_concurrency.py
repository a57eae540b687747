"""Many clients at once: nothing torn, nothing lost, nobody held up."""

from __future__ import annotations

import contextlib
import os
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from aqsync.server.errors import FileRefused
from aqsync.server.settings import StorageSettings
from aqsync.server.storage import Storage
from tests.support.embedded import EmbeddedServer
from tests.support.visit import FILE_START, FORM_END, Visit, head, read_all, upload_head


def test_the_same_name_is_never_torn(visit: Visit) -> None:
    uuid = visit.create()["uuid"]
    versions = [bytes([number]) * (100_000 + number) for number in range(8)]
    visit.put(uuid, "f", versions[0])
    done = threading.Event()

    def write(version: bytes) -> None:
        for _ in range(10):
            visit.put(uuid, "f", version)

    def read() -> int:
        reads = 0
        while not done.is_set():
            assert visit.get(uuid, "f") in versions
            assert visit.names(uuid) == ["f"]
            reads += 1
        return reads

    with ThreadPoolExecutor(10) as pool:
        readers = [pool.submit(read) for _ in range(2)]
        for writer in [pool.submit(write, version) for version in versions]:
            writer.result()
        done.set()
        assert all(reader.result() for reader in readers)


def test_different_names_all_arrive(visit: Visit) -> None:
    uuid = visit.create()["uuid"]
    names = [f"{number:03}" for number in range(200)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda name: visit.put(uuid, name, name.encode() * 1000), names))
    assert visit.names(uuid) == names
    assert all(visit.get(uuid, name) == name.encode() * 1000 for name in names)


def test_eids_are_unique_and_count_up(own: Visit) -> None:
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda _: own.create(), range(40)))
    days = {experiment["eid"].split("-")[0] for experiment in made}
    numbers = sorted(int(experiment["eid"].split("-")[1]) for experiment in made)
    # At midnight the count begins anew.
    assert len(days) == 2 or numbers == list(range(1, 41))
    assert len({experiment["eid"] for experiment in made}) == 40


def test_an_eid_is_never_given_again(server: EmbeddedServer, own: Visit) -> None:
    eids = []
    for number in range(3):
        if number == 2:
            server.restart()
        made = own.create()
        eids.append(made["eid"])
        own.remove(made["uuid"])
    assert len(set(eids)) == 3


def test_one_new_tag_from_many_clients(visit: Visit) -> None:
    tag = f"tag-{time.time_ns()}"
    add = (
        "mutation($uuid: UUID!, $tag: String!)"
        " {addTagToExperiment(experimentTagInput: {uuid: $uuid, tag: $tag}) {tags}}"
    )
    made = [visit.create()["uuid"] for _ in range(8)]
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda uuid: visit.ask(add, uuid=uuid, tag=tag), made))
    assert answers == [{"tags": [tag]}] * 8


def test_slow_clients_hold_up_nobody(own: Visit) -> None:
    uuid = own.create()["uuid"]
    own.put(uuid, "large", bytes(20_000_000))
    with contextlib.ExitStack() as stack:
        for number in range(40):
            sending = stack.enter_context(own.connection())
            sending.sendall(upload_head(uuid, f"slow-{number}", 50_000_000) + FILE_START)
            sending.sendall(b"x" * 1_500_000)
            reading = stack.enter_context(own.connection())
            reading.sendall(head("GET", f"/api/files/{uuid}/large"))
        own.put(uuid, "quick", b"content")
        assert own.get(uuid, "quick") == b"content"
        assert own.names(uuid) == ["large", "quick"]


def test_a_body_in_single_bytes(visit: Visit) -> None:
    uuid = visit.create()["uuid"]
    body = FILE_START + b"\r\n-content-\r" + FORM_END
    with visit.connection() as connection:
        connection.sendall(upload_head(uuid, "f", len(body)))
        for byte in body:
            connection.sendall(bytes([byte]))
        assert b" 200 " in connection.recv(65536)
    assert visit.get(uuid, "f") == b"\r\n-content-\r"


def test_an_experiment_removed_under_an_upload(own: Visit, server: EmbeddedServer) -> None:
    uuid = own.create()["uuid"]
    body = FILE_START + bytes(3_000_000) + FORM_END
    with own.connection() as connection:
        connection.sendall(upload_head(uuid, "f", len(body)) + body[:-1])
        while not any((server.data / "incoming").iterdir()):
            pass
        own.remove(uuid)
        connection.sendall(body[-1:])
        answer = read_all(connection)
    assert b" 404 " in answer
    assert b"The specified experiment was not found." in answer
    assert not any((server.data / "incoming").iterdir())
    assert not any((server.data / "experiments").iterdir())


def test_a_file_replaced_under_a_download_comes_whole(visit: Visit) -> None:
    uuid = visit.create()["uuid"]
    visit.put(uuid, "f", b"1" * 20_000_000)
    with visit.http.stream("GET", f"/api/files/{uuid}/f") as response:
        pieces = response.iter_raw()
        received = [next(pieces)]
        visit.put(uuid, "f", b"2" * 10)
        assert visit.delete(uuid, ["f"]).status_code == 200
        received += pieces
    assert b"".join(received) == b"1" * 20_000_000


def test_only_plain_files_are_shown_and_served(tmp_path: Path) -> None:
    storage = Storage(StorageSettings(tmp_path / "data"))
    made = storage.catalog.create("title", "", [], by="admin", create_folder=storage.files.create)
    folder = tmp_path / "data" / "experiments" / str(made.uuid)
    (tmp_path / "secret").write_bytes(b"secret")
    (folder / "link").symlink_to(tmp_path / "secret")
    (folder / "folder").mkdir()
    (folder / "plain").write_bytes(b"content")
    Path(os.fsdecode(bytes(folder) + b"/\xff")).write_bytes(b"no client could ask for it")
    assert storage.files.listing(made.uuid).names() == ["plain"]
    with pytest.raises(FileRefused):
        storage.files.open_for_reading(made.uuid, "link")
    storage.close()


def test_what_is_no_plain_file_is_not_found(own: Visit, server: EmbeddedServer) -> None:
    uuid = own.create()["uuid"]
    folder = server.data / "experiments" / uuid
    os.mkfifo(folder / "pipe")
    (folder / "folder").mkdir()
    for name in ("pipe", "folder"):
        assert own.http.get(f"/api/files/{uuid}/{name}").status_code == 404
        assert own.delete(uuid, [name]).status_code == 409
