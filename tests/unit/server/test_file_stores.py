"""What every store of files does, wherever it keeps them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from pathlib import Path
from uuid import UUID, uuid4

import pytest

from aqsync.server.errors import FileRefused, NotAsExpected
from aqsync.server.files.expected import ABSENT
from aqsync.server.files.store import By, FileDamaged, FileFacts, FileStore
from aqsync.server.settings import StorageSettings
from aqsync.server.storage import Storage

MICROSECOND = 1_795_428_705_826_756


KINDS = (
    *("folders", "directory"),
    *(pytest.param(kind, marks=pytest.mark.long) for kind in ("objects", "postgres")),
)


@pytest.fixture(params=KINDS)
def settings(request: pytest.FixtureRequest, tmp_path: Path) -> StorageSettings:
    """Where a server keeps names and contents of files."""
    data = tmp_path / "data"
    match request.param:
        case "directory":
            return StorageSettings(data, files=str(tmp_path / "shared"))
        case "objects":
            return StorageSettings(data, files=request.getfixturevalue("object_store").place())
        case "postgres":
            database = request.getfixturevalue("postgres").database()
            return StorageSettings(data, database, str(tmp_path / "shared"))
    return StorageSettings(data)


@pytest.fixture
def storage(settings: StorageSettings) -> Iterator[Storage]:
    with closing(Storage(settings)) as storage:
        yield storage


@pytest.fixture
def store(storage: Storage) -> FileStore:
    return storage.files


@pytest.fixture
def uuid(storage: Storage) -> UUID:
    return new_experiment(storage)


def new_experiment(storage: Storage) -> UUID:
    create = storage.files.create
    return storage.catalog.create("", "", [], create_folder=create, by="me").uuid


def put(
    store: FileStore,
    uuid: UUID,
    name: str,
    content: bytes = b"content",
    expected: str | None = None,
    by: By | None = None,
    time: int | None = None,
) -> str:
    incoming = store.new_file()
    try:
        incoming.write([content[:5], content[5:]])
        return store.keep(incoming, uuid, name, expected, by=by or By(), time=time)
    except BaseException:
        incoming.discard()
        raise


def read(store: FileStore, uuid: UUID, name: str) -> bytes:
    with closing(store.open_for_reading(uuid, name)) as file:
        return b"".join(iter(file.next_piece, b""))


def facts(store: FileStore, uuid: UUID, name: str) -> FileFacts:
    with closing(store.open_for_reading(uuid, name)) as file:
        return file.facts


def listed(store: FileStore, uuid: UUID) -> dict[str, str]:
    columns = store.listing(uuid).columns()
    assert columns.names == store.listing(uuid).names()
    return dict(zip(columns.names, columns.times, strict=True))


def status_of(refused: pytest.ExceptionInfo[FileRefused]) -> int:
    return refused.value.status


@pytest.mark.parametrize("size", [0, 1, 524_288, 524_289, 9_000_000])
def test_a_file_comes_back_as_it_was(store: FileStore, uuid: UUID, size: int) -> None:
    content = (hashlib.sha512(b"x").digest() * (size // 64 + 1))[:size]
    time = put(store, uuid, "a file.dat", content)
    assert read(store, uuid, "a file.dat") == content
    assert facts(store, uuid, "a file.dat").size == size
    assert listed(store, uuid) == {"a file.dat": time}
    with closing(store.open_for_reading(uuid, "a file.dat")) as file:
        for _ in range(2):
            assert file.sha256() == hashlib.sha256(content).digest()
        assert b"".join(iter(file.next_piece, b"")) == content


def test_names_are_sorted_by_code_points(store: FileStore, uuid: UUID) -> None:
    names = ["Z", "a", "a b", "a.b", "ab", "µ", "é", "_", "~"]
    for name in reversed(names):
        put(store, uuid, name)
    assert list(listed(store, uuid)) == sorted(names)


def test_the_last_one_wins(store: FileStore, uuid: UUID) -> None:
    times = [put(store, uuid, "f", bytes([number])) for number in range(5)]
    assert times == sorted(set(times))
    assert read(store, uuid, "f") == b"\x04"
    assert listed(store, uuid) == {"f": times[-1]}


def test_conditions(store: FileStore, uuid: UUID) -> None:
    first = put(store, uuid, "f", b"1", ABSENT)
    for expected in (ABSENT, "2026-11-23T10:11:45.826756+00:00"):
        with pytest.raises(NotAsExpected) as refused:
            put(store, uuid, "f", b"2", expected)
        assert refused.value.headers == ((b"aqueduct-modified", first.encode()),)
        with pytest.raises(NotAsExpected):
            store.check(uuid, "f", expected)
        with pytest.raises(NotAsExpected):
            store.delete(uuid, ["f"], expected)
    store.check(uuid, "f", first)
    second = put(store, uuid, "f", b"2", first)
    assert read(store, uuid, "f") == b"2"
    with pytest.raises(NotAsExpected):
        put(store, uuid, "f", b"3", first)
    store.delete(uuid, ["f"], second)
    with pytest.raises(NotAsExpected) as refused:
        put(store, uuid, "f", b"3", second)
    assert refused.value.headers == ((b"aqueduct-modified", b"absent"),)
    store.check(uuid, "f", ABSENT)


def test_one_of_those_that_expect_the_same_wins(store: FileStore, uuid: UUID) -> None:
    def tries(number: int) -> bool:
        try:
            put(store, uuid, "f", bytes([number]), ABSENT)
        except NotAsExpected:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        won = list(pool.map(tries, range(8)))
    assert sum(won) == 1
    assert read(store, uuid, "f") == bytes([won.index(True)])


def test_versions_follow_one_another_whoever_makes_them(store: FileStore, uuid: UUID) -> None:
    """Six threads each replace what they have just seen: none takes another's version away."""
    put(store, uuid, "f", b"0")

    def counts_on(_: int) -> int:
        done = 0
        for _ in range(8):
            seen = listed(store, uuid)["f"]
            number = int(read(store, uuid, "f"))
            try:
                put(store, uuid, "f", b"%d" % (number + 1), seen)
            except NotAsExpected:
                continue
            done += 1
        return done

    with ThreadPoolExecutor(6) as pool:
        done = sum(pool.map(counts_on, range(6)))
    # What was read is of the listed version or a later one, and a later one is not as expected.
    assert int(read(store, uuid, "f")) == done >= 8


def test_uploads_while_their_experiment_is_removed(storage: Storage, store: FileStore) -> None:
    def uploads(number: int) -> None:
        for count in range(20):
            with suppress(FileRefused):
                put(store, doomed, f"{number % 2}-{count % 4}")

    for _ in range(3):
        doomed = new_experiment(storage)
        with ThreadPoolExecutor(4) as pool:
            running = [pool.submit(uploads, number) for number in range(4)]
            while not store.listing(doomed).names():
                pass
            storage.remove_experiment(doomed)
            for each in running:
                each.result()
        assert listed(store, doomed) == {}


def test_a_reader_of_a_version_that_goes_gets_it_whole(store: FileStore, uuid: UUID) -> None:
    content = bytes(9_000_000)
    for end in ("replaced", "removed"):
        put(store, uuid, "f", content)
        with closing(store.open_for_reading(uuid, "f")) as file:
            got = file.next_piece()
            put(store, uuid, "f", b"new") if end == "replaced" else store.delete(uuid, ["f"])
            assert got + b"".join(iter(file.next_piece, b"")) == content


def test_what_is_not_there(store: FileStore, uuid: UUID) -> None:
    nowhere = uuid4()
    with pytest.raises(FileRefused, match="No files were found") as refused:
        store.delete(uuid, ["f"])
    assert status_of(refused) == 400
    put(store, uuid, "f")
    assert store.has(uuid)
    assert not store.has(nowhere)
    assert not store.remembers(nowhere)
    assert store.has_file(uuid, "f")
    assert not store.has_file(uuid, "g")
    assert store.sizes(uuid, ["g", "f"]) == [None, 7]
    assert listed(store, nowhere) == {}
    for where, name in ((nowhere, "f"), (uuid, "g")):
        with pytest.raises(FileRefused) as refused:
            store.open_for_reading(where, name)
        assert status_of(refused) == 404
    for expected in (None, ABSENT, "2026-11-23T10:11:45.826756+00:00"):
        with pytest.raises(FileRefused) as refused:
            put(store, nowhere, "f", expected=expected)
        assert status_of(refused) == 404
    with pytest.raises(FileRefused) as refused:
        store.delete(nowhere, ["f"])
    assert status_of(refused) == 404
    with pytest.raises(FileRefused, match="g and h") as refused:
        store.delete(uuid, ["f", "g", "h"])
    assert status_of(refused) == 409
    for name in ("../f", "", "a/b"):
        with pytest.raises(FileRefused) as refused:
            store.open_for_reading(uuid, name)
        assert status_of(refused) == 400
        with pytest.raises(FileRefused) as refused:
            store.delete(uuid, [name])
        assert status_of(refused) == 400
    assert list(listed(store, uuid)) == ["f"]


def test_many_are_removed_at_once(store: FileStore, uuid: UUID) -> None:
    names = [f"{number}" for number in range(20)]
    for name in names:
        put(store, uuid, name)
    store.delete(uuid, names[1:])
    assert list(listed(store, uuid)) == ["0"]
    store.delete(uuid, ["0"])
    with pytest.raises(FileRefused) as refused:
        store.delete(uuid, ["0"])
    assert status_of(refused) == 409


def test_a_removed_experiment_has_no_files(storage: Storage, store: FileStore, uuid: UUID) -> None:
    other = new_experiment(storage)
    for each in (uuid, other):
        put(store, each, "f")
    incoming = store.new_file()
    incoming.write([b"late"])
    storage.remove_experiment(uuid)
    assert listed(store, uuid) == {}
    assert not store.has(uuid)
    with pytest.raises(FileRefused) as refused:
        store.keep(incoming, uuid, "g")
    incoming.discard()
    assert status_of(refused) == 404
    assert read(store, other, "f") == b"content"


def test_a_time_that_is_given_is_kept(store: FileStore, uuid: UUID) -> None:
    assert put(store, uuid, "f", time=MICROSECOND) == "2026-11-23T10:11:45.826756+00:00"
    assert facts(store, uuid, "f").stored_at == MICROSECOND
    assert put(store, uuid, "f", time=MICROSECOND - 1) == "2026-11-23T10:11:45.826755+00:00"
    # No two versions of a file have one time.
    assert put(store, uuid, "f", time=MICROSECOND - 1) > "2026-11-23T10:11:45.826755+00:00"


def test_whose_a_version_is(store: FileStore, uuid: UUID) -> None:
    asked: list[tuple[str, str | None]] = []

    def only_own(name: str, owner: str | None) -> None:
        asked.append((name, owner))
        if owner != "me":
            raise FileRefused(403, "not yours")

    me = By("me", only_own)
    put(store, uuid, "mine", b"1", by=me)
    assert asked == []
    put(store, uuid, "mine", b"2", by=me)
    put(store, uuid, "theirs", by=By("they"))
    put(store, uuid, "nobody's")
    for name in ("theirs", "nobody's"):
        with pytest.raises(FileRefused, match="not yours"):
            put(store, uuid, name, b"mine!", by=me)
        with pytest.raises(FileRefused, match="not yours"):
            store.delete(uuid, ["mine", name], by=me)
        assert read(store, uuid, name) == b"content"
    assert set(asked) == {("mine", "me"), ("theirs", "they"), ("nobody's", None)}
    store.delete(uuid, ["mine"], by=me)
    put(store, uuid, "theirs", b"taken over", by=By("me"))
    put(store, uuid, "theirs", b"mine now", by=me)


def test_what_is_discarded_leaves_nothing(storage: Storage, store: FileStore, uuid: UUID) -> None:
    incoming = store.new_file(hashed=True)
    incoming.write([b"half of a file"])
    assert incoming.sha256 == hashlib.sha256(b"half of a file").digest()
    incoming.discard()
    store.new_file().discard()
    assert listed(storage.files, uuid) == {}


@pytest.mark.parametrize("settings", KINDS[1:], indirect=True)
def test_bytes_that_have_changed_are_not_given_out(storage: Storage, uuid: UUID) -> None:
    """Where the database knows the SHA-256; the client gets less than was announced."""
    put(storage.files, uuid, "f", bytes(9_000_000))
    put(storage.files, uuid, "g", b"content")
    with storage.database.changing() as database:
        database.execute("UPDATE file SET sha256 = ?", (bytes(32),))
    for name, most in (("f", 9_000_000), ("g", 1)):
        got: list[bytes] = []
        with (
            closing(storage.files.open_for_reading(uuid, name)) as file,
            pytest.raises(FileDamaged),
        ):
            got.extend(iter(file.next_piece, b""))
        assert len(b"".join(got)) < most
