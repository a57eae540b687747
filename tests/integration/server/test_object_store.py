"""Files in a real object store: while it answers, while it does not, and after kills."""

from __future__ import annotations

import random
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from pathlib import Path

import httpx
import pytest

from aqsync.server.catalog.sqlite import SqliteDatabase
from aqsync.server.errors import ServerStartError
from aqsync.server.files.opening import open_blobs
from aqsync.server.files.recorded_store import RecordedStore
from aqsync.server.files.space import Space
from aqsync.server.files.sweep import KEPT_US
from aqsync.server.settings import StorageSettings
from aqsync.server.storage import Storage
from tests.support.embedded import EmbeddedServer
from tests.support.object_store import SECRET_KEY, ObjectStore
from tests.support.patience import HANG_S, wait_until
from tests.support.visit import FILE_START, FORM_END, Visit, upload_head

pytestmark = pytest.mark.long

PIECE = bytes(1_000_000)
LARGE = 40_000_000
HOUR = 3600 * 1_000_000
AWAY = {"detail": "The server cannot reach its file store at the moment."}


@pytest.fixture
def place(object_store: ObjectStore) -> str:
    return object_store.place()


@pytest.fixture
def server(tmp_path: Path, place: str) -> Iterator[EmbeddedServer]:
    with EmbeddedServer(tmp_path / "data", files=place) as server:
        yield server


def objects(place: str) -> int:
    """How many objects there are, each a piece of a blob."""
    with closing(open_blobs(place)) as blobs:
        return sum(1 for _ in blobs.found())


def test_while_it_is_away(object_store: ObjectStore, server: EmbeddedServer, own: Visit) -> None:
    uuid = own.create()["uuid"]
    own.put(uuid, "before", b"content")
    object_store.stop()
    try:
        for size in (10, 20_000_000):
            answer = own.upload(uuid, "f", bytes(size))
            assert (answer.status_code, answer.json()) == (503, AWAY)
        answer = own.http.get(f"/api/files/{uuid}/before")
        assert (answer.status_code, answer.json()) == (503, AWAY)
        assert own.names(uuid) == ["before"]
    finally:
        object_store.start()
    own.put(uuid, "f", b"after")
    assert own.get(uuid, "before") == b"content"
    assert own.get(uuid, "f") == b"after"
    assert "does not answer as it should" in server.log
    assert SECRET_KEY not in server.log
    assert "Traceback" not in server.log


def test_while_it_hangs_all_else_goes_on(object_store: ObjectStore, own: Visit) -> None:
    """More uploads wait than there are threads for files."""
    uuid = own.create()["uuid"]
    own.put(uuid, "before", b"content")
    with ThreadPoolExecutor(70) as pool:
        object_store.pause()
        try:
            waiting = [pool.submit(own.upload, uuid, f"{n}", b"content") for n in range(70)]
            for _ in range(20):
                assert own.names(uuid) == ["before"]
                own.create()
        finally:
            object_store.pause(end=True)
        assert {each.result().status_code for each in waiting} == {200}
    assert len(own.names(uuid)) == 71


@pytest.mark.parametrize("sent", [500_000, 30_000_000])
def test_who_leaves_in_the_middle_leaves_no_object(
    server: EmbeddedServer, own: Visit, place: str, sent: int
) -> None:
    uuid = own.create()["uuid"]
    own.put(uuid, "f", b"before")
    with own.connection() as connection:
        connection.sendall(upload_head(uuid, "f", 100_000_000) + FILE_START + bytes(sent))
    server.stop()
    assert objects(place) == 1
    server.start()
    assert own.get(uuid, "f") == b"before"
    assert server.log == ""


def test_what_a_killed_server_has_sent_is_swept(
    tmp_path: Path, server: EmbeddedServer, own: Visit, place: str
) -> None:
    uuid = own.create()["uuid"]
    own.put(uuid, "f", b"before")
    with own.connection() as connection:
        connection.sendall(upload_head(uuid, "f", 100_000_000) + FILE_START)

        def sends() -> None:
            for _ in range(30):
                connection.sendall(PIECE)

        thread = threading.Thread(target=sends)
        thread.start()
        wait_until(lambda: objects(place) > 2, "objects of an upload")
        thread.join(HANG_S)
        server.kill()
    assert objects(place) > 2
    passed = 0
    with (
        closing(SqliteDatabase(tmp_path / "data" / "catalog.db")) as database,
        closing(open_blobs(place)) as blobs,
    ):
        store = RecordedStore(database, blobs, Space(None), lambda: database.now() + passed)
        while objects(place) > 1:
            passed += HOUR // 4
            assert passed < 2 * HOUR, "they outlive the server by hours"
            store.tidy_up()
    server.start()
    assert own.get(uuid, "f") == b"before"


@pytest.mark.parametrize("kind", ["directory", "bucket"])
def test_kills_during_uploads(tmp_path: Path, kind: str, request: pytest.FixtureRequest) -> None:
    """What was answered with 200 is there and whole, nothing is half, and all else is swept."""
    place = str(tmp_path / "files")
    if kind == "bucket":
        place = request.getfixturevalue("place")
    ended = threading.Event()
    moments = random.Random(kind)
    answered: dict[str, bytes] = {}

    def uploads(worker: int) -> None:
        chance = random.Random(worker)
        while not ended.is_set():
            name = f"{worker}-{chance.randrange(5)}"
            content = chance.randbytes(100) * chance.choice([1, 100, 30_000, 200_000])
            with suppress(httpx.TransportError):
                if visit.upload(uuid, name, content).status_code == 200:
                    answered[name] = content
                    continue
            # It may have been stored, or not.
            answered.pop(name, None)

    with EmbeddedServer(tmp_path / "data", files=place) as server, Visit(server.url) as visit:
        uuid = visit.create()["uuid"]
        with ThreadPoolExecutor(4) as pool:
            running = [pool.submit(uploads, worker) for worker in range(4)]
            for _ in range(6):
                wait_until(lambda: answered, "an upload")
                ended.wait(moments.uniform(0.3, 1.2))
                server.kill()
                server.restart()
            ended.set()
            for each in running:
                each.result()
        names = visit.names(uuid)
        assert answered.keys() <= set(names)
        for name in names:
            content = visit.get(uuid, name)
            if name in answered:
                assert content == answered[name]
            else:
                assert content == content[:100] * (len(content) // 100)
    passed = 0
    with (
        closing(SqliteDatabase(tmp_path / "data" / "catalog.db")) as database,
        closing(open_blobs(place)) as blobs,
    ):
        store = RecordedStore(database, blobs, Space(None), lambda: database.now() + passed)
        for _ in range(30):
            passed += 10 * HOUR
            store.tidy_up()
        with database.reading() as connection:
            named = {blob for (blob,) in connection.execute("SELECT blob FROM file")}
        assert {found.key for found in blobs.found()} == named
        assert len(named) == len(names)


def test_orphans_are_found_and_nothing_else(tmp_path: Path, place: str) -> None:
    settings = StorageSettings(tmp_path / "data", files=place)
    with closing(Storage(settings)) as storage, closing(open_blobs(place)) as blobs:
        create = storage.files.create
        uuid = storage.catalog.create("", "", [], by="me", create_folder=create).uuid
        for number in range(3):
            kept = storage.files.new_file()
            kept.write([bytes(9_000_000)])
            storage.files.keep(kept, uuid, f"{number}")
            orphan = blobs.writer(f"{number:032x}")
            orphan.write([bytes(9_000_000)])
            orphan.finish()
        assert objects(place) == 12
        passed = 0
        now = storage.database.now
        store = RecordedStore(storage.database, blobs, Space(None), lambda: now() + passed)
        for wait in (0, 25 * HOUR, KEPT_US):
            passed += wait
            assert objects(place) == 12
            store.tidy_up()
        assert objects(place) == 6


def test_a_large_file_passes_through(server: EmbeddedServer, own: Visit) -> None:
    """What the server holds of it in memory is a few pieces."""
    uuid = own.create()["uuid"]
    size = 300_000_000
    with own.connection() as connection:
        length = len(FILE_START) + size + len(FORM_END)
        connection.sendall(upload_head(uuid, "large", length) + FILE_START)
        for _ in range(size // len(PIECE)):
            connection.sendall(PIECE)
        connection.sendall(FORM_END)
        assert b" 200 " in connection.recv(65536)
    with own.http.stream("GET", f"/api/files/{uuid}/large") as response:
        assert sum(map(len, response.iter_raw())) == size
    status = Path(f"/proc/{server.pid}/status").read_text()
    (peak,) = (line.split()[1] for line in status.splitlines() if line.startswith("VmHWM"))
    assert int(peak) < 160_000  # kB


def test_two_servers_share_it(tmp_path: Path, place: str, request: pytest.FixtureRequest) -> None:
    database = request.getfixturevalue("postgres").database()
    with (
        EmbeddedServer(tmp_path / "one", database=database, files=place) as one,
        EmbeddedServer(tmp_path / "two", database=database, files=place) as two,
        Visit(one.url) as here,
        Visit(two.url) as there,
    ):
        uuid = here.create()["uuid"]
        here.put(uuid, "f", bytes(LARGE))
        assert there.get(uuid, "f") == bytes(LARGE)
        there.put(uuid, "f", b"there")
        assert here.get(uuid, "f") == b"there"
        one.kill()
        assert there.get(uuid, "f") == b"there"


def test_a_bucket_that_cannot_be_used(
    tmp_path: Path, object_store: ObjectStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "another-secret")
    with pytest.raises(ServerStartError, match=r"\(SignatureDoesNotMatch\)$") as refused:
        Storage(StorageSettings(tmp_path / "data", files=object_store.place()))
    assert "another-secret" not in refused.value.message + refused.value.hint
    with pytest.raises(ServerStartError, match="cannot be used"):
        Storage(StorageSettings(tmp_path / "data", files=object_store.place("http://127.0.0.1:1")))


def test_another_databases_bucket_is_refused(tmp_path: Path, place: str) -> None:
    Storage(StorageSettings(tmp_path / "one", files=place)).close()
    with pytest.raises(ServerStartError, match="another database"):
        Storage(StorageSettings(tmp_path / "two", files=place))
    Storage(StorageSettings(tmp_path / "one", files=place)).close()
