"""A storage that is moved into another one: all of it, as it was, or it is said what is not."""

from __future__ import annotations

import hashlib
import os
import random
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

import pytest

from aqsync.server.catalog.task_records import Orderer, TaskEnd, TaskStatus
from aqsync.server.errors import ServerStartError
from aqsync.server.files.store import By
from aqsync.server.migrating.migration import Migration, Moved
from aqsync.server.migrating.rows import moved_tables
from aqsync.server.migrating.source import opened_source
from aqsync.server.migrating.target import opened_target
from aqsync.server.moving.moved import MoveRefused
from aqsync.server.rights.who import Scope, Who
from aqsync.server.settings import StorageSettings
from aqsync.server.storage import Storage
from tests.support.embedded import EmbeddedServer
from tests.support.object_store import ObjectStore
from tests.support.postgres import Postgres
from tests.support.project import COMMAND, run

FILES = {"a.csv": b"a" * 10, "b.bin": os.urandom(300_000), "empty": b"", "ü b.txt": b"text"}
T0 = 1_700_000_000_000_000


@contextmanager
def opened(settings: StorageSettings) -> Iterator[Storage]:
    storage = Storage(settings)
    try:
        yield storage
    finally:
        storage.close()


def fill(settings: StorageSettings) -> None:
    """Put something of each kind into a new storage."""
    with opened(settings) as storage:
        made = [
            storage.catalog.create(
                f"title {number}",
                "text",
                ["B", "a", f"tag-{number}"],
                by="owner",
                create_folder=storage.files.create,
            ).uuid
            for number in range(3)
        ]
        for number, uuid in enumerate(made[:2]):
            for at, (name, content) in enumerate(FILES.items()):
                put(storage, uuid, name, content, T0 + number * 1000 + at)
        storage.remove_experiment(made[2])
        storage.tokens.create(Who("pc", "somebody", Scope.UPLOAD, frozenset(made[:1]), ("a",)))
        ordered = [
            storage.tasks.add(
                made[0], "extension", f"action {number}", [], Orderer("owner"), lambda *_: None
            ).uuid
            for number in range(3)
        ]
        with storage.database.changing() as database:
            database.execute(
                "UPDATE task SET status = 'STARTED' WHERE uuid IN (?, ?)",
                (str(ordered[0]), str(ordered[1])),
            )
        storage.tasks.finish(ordered[0], TaskEnd(TaskStatus.SUCCESS, "out\n", "err", 0))


def put(storage: Storage, uuid: UUID, name: str, content: bytes, time: int) -> None:
    incoming = storage.files.new_file()
    incoming.write([content])
    storage.files.keep(incoming, uuid, name, by=By(f"owner of {name}"), time=time)
    incoming.discard()


@dataclass
class Seen:
    """All that a storage has, as far as clients and the next server can tell."""

    experiments: list[UUID]
    files: object
    owners: object
    tables: object


def seen(settings: StorageSettings) -> Seen:
    with opened_source(settings) as source, ExitStack() as stack:
        experiments = source.experiments()
        files = {}
        for uuid in experiments:
            for name in source.files.listing(uuid).names():
                found = stack.enter_context(closing(source.files.open_for_reading(uuid, name)))
                digest = hashlib.sha256()
                while piece := found.next_piece():
                    digest.update(piece)
                facts = (found.facts.size, found.facts.stored_at)
                files[uuid, name] = (*facts, digest.hexdigest())
        with source.database.reading() as database:
            owners = sorted(
                row
                for table in ("file", "file_note")
                for row in database.execute(
                    f"SELECT uuid, name, owner FROM {table} JOIN experiment ON number = experiment"
                )
            )
            tables = {
                table.name: sorted(
                    map(
                        repr,
                        database.execute(f"SELECT {', '.join(table.columns)} FROM {table.name}"),
                    )
                )
                for table in moved_tables()
                if table.name != "had_files"
            }
    return Seen(experiments, files, owners, tables)


def move(source: StorageSettings, target: StorageSettings, **told: Callable[..., object]) -> Moved:
    with opened_source(source) as here, opened_target(target) as there:
        return Migration(here, there, **told).run()


def tree(folder: Path) -> dict[str, tuple[int, str]]:
    return {
        str(path.relative_to(folder)): (
            path.stat().st_mtime_ns,
            hashlib.sha256(path.read_bytes()).hexdigest(),
        )
        for path in folder.rglob("*")
        if path.is_file()
    }


@pytest.fixture
def old(tmp_path: Path) -> StorageSettings:
    settings = StorageSettings(tmp_path / "old")
    fill(settings)
    return settings


@pytest.fixture
def new(tmp_path: Path) -> StorageSettings:
    """As the old one: quickly made. One with PostgreSQL is `shared`."""
    return StorageSettings(tmp_path / "new")


@pytest.fixture
def shared(tmp_path: Path, postgres: Postgres) -> StorageSettings:
    return StorageSettings(tmp_path / "new", postgres.database())


def test_all_comes_as_it_was_there_and_back_again(
    tmp_path: Path, old: StorageSettings, shared: StorageSettings
) -> None:
    before, at_first = tree(tmp_path / "old"), seen(old)
    moved = move(old, shared)
    assert (moved.files, moved.bytes) == (8, 2 * sum(map(len, FILES.values())))
    assert (moved.rows["experiment"], moved.rows["task"], moved.rows["token"]) == (2, 3, 1)
    assert tree(tmp_path / "old") == before
    there = seen(shared)
    assert (there.experiments, there.files, there.owners) == (
        at_first.experiments,
        at_first.files,
        at_first.owners,
    )
    with opened(shared) as storage:
        # What ran when its server died has failed; the next number of the day is a new one.
        states = [task.status.value for task in storage.tasks.of_experiment(there.experiments[0])]
        assert states == ["PENDING", "FAILURE", "SUCCESS"]
        made = storage.catalog.create(
            "next", "", ["B"], by="owner", create_folder=storage.files.create
        )
        assert made.eid.endswith("-4")
        assert made.tags == ("B",)
        storage.remove_experiment(made.uuid)
        jobs = postgres_jobs(storage)
        assert len(jobs) == 1
    back = StorageSettings(tmp_path / "back")
    after_use = seen(shared)
    move(shared, back)
    assert seen(back) == after_use
    assert seen(shared) == after_use


def postgres_jobs(storage: Storage) -> list[object]:
    with storage.database.reading() as database:
        return list(database.execute("SELECT id FROM procrastinate_jobs").fetchall())


class Broken(Exception):
    """It was broken off here."""


def test_what_was_broken_off_goes_on_and_no_server_starts_before(
    old: StorageSettings, new: StorageSettings
) -> None:
    for stop in (1, 2, 5, 8):
        done: list[int] = []

        def file(stop: int = stop, done: list[int] = done) -> None:
            done.append(1)
            if len(done) == stop:
                raise Broken

        with pytest.raises(Broken):
            move(old, new, file=file)
        with pytest.raises(ServerStartError, match="not finished"):
            Storage(new)
    moved = move(old, new)
    assert moved.files == 8
    assert seen(new).files == seen(old).files
    Storage(new).close()
    with pytest.raises(MoveRefused, match="is not empty"):
        move(old, new)


@pytest.mark.parametrize("change", ["a file more", "another title"])
def test_a_source_that_changed_meanwhile(
    old: StorageSettings, new: StorageSettings, change: str
) -> None:
    def stop() -> None:
        raise Broken

    with pytest.raises(Broken):
        move(old, new, file=stop)
    with opened(old) as storage:
        uuid = storage.catalog.uuids()[0]
        if change == "a file more":
            put(storage, uuid, "more", b"more", T0)
        else:
            storage.catalog.update(uuid, "another", None)
    if change == "a file more":
        assert move(old, new).files == 9
    else:
        with pytest.raises(MoveRefused, match="has changed since") as caught:
            move(old, new)
        assert caught.value.details == ("the table experiment: some of 2 rows differ",)


def test_a_byte_that_arrives_otherwise_is_noticed(
    tmp_path: Path, old: StorageSettings, new: StorageSettings
) -> None:
    def spoil(_: int) -> None:
        for path in (tmp_path / "new" / "incoming").glob("*"):
            if path.stat().st_size > 100_000:
                with path.open("r+b") as file:
                    file.write(b"\x00\x00")

    with pytest.raises(MoveRefused, match="did not arrive") as caught:
        move(old, new, came=spoil)
    assert all(detail.startswith("b.bin: ") for detail in caught.value.details)
    with pytest.raises(ServerStartError, match="not finished"):
        Storage(new)
    assert move(old, new).files == 8
    assert seen(new).files == seen(old).files


def test_a_file_that_is_damaged_is_named(tmp_path: Path, new: StorageSettings) -> None:
    old = StorageSettings(tmp_path / "old", None, str(tmp_path / "blobs"))
    fill(old)
    with opened(old) as storage, storage.database.changing() as database:
        database.execute("UPDATE file SET sha256 = ? WHERE name = 'empty'", (b"other",))
    with pytest.raises(MoveRefused, match="did not arrive") as caught:
        move(old, new)
    assert caught.value.details == (
        "empty: it cannot be read here: these are other bytes than were stored",
    )


def test_a_file_whose_bytes_are_lost_is_named(tmp_path: Path, new: StorageSettings) -> None:
    old = StorageSettings(tmp_path / "old", None, str(tmp_path / "blobs"))
    fill(old)
    with opened(old) as storage, storage.database.reading() as database:
        row = database.execute("SELECT blob FROM file WHERE name = 'empty'").fetchone()
    assert row is not None
    (tmp_path / "blobs" / row[0][:2] / row[0]).unlink()
    with pytest.raises(MoveRefused, match="did not arrive") as caught:
        move(old, new)
    assert caught.value.details == ("empty: it cannot be read here: No such file or directory",)


def test_the_target_is_empty_or_this_very_move(
    tmp_path: Path, old: StorageSettings, new: StorageSettings
) -> None:
    other = StorageSettings(tmp_path / "other")
    fill(other)
    with pytest.raises(MoveRefused, match="is not empty"):
        move(old, other)

    def stop() -> None:
        raise Broken

    with pytest.raises(Broken):
        move(old, new, file=stop)
    with pytest.raises(MoveRefused, match="is not finished") as caught:
        move(other, new)
    assert str(tmp_path / "old") in caught.value.message


def test_nobody_uses_either_meanwhile(
    tmp_path: Path, old: StorageSettings, new: StorageSettings
) -> None:
    with opened_source(old), pytest.raises(ServerStartError, match="another server uses"):
        Storage(old)
    with EmbeddedServer(tmp_path / "old"), pytest.raises(ServerStartError, match="another server"):
        move(old, new)
    with pytest.raises(ServerStartError, match="holds nothing of a server"):
        move(StorageSettings(tmp_path / "nowhere"), new)
    assert not (tmp_path / "nowhere").exists()


def test_the_command(tmp_path: Path, shared: StorageSettings) -> None:
    fill(StorageSettings(tmp_path / "old"))
    command = ("serve", "migrate", "--data", tmp_path / "old", "--to-data", tmp_path / "new")
    ran = run(*command, "--to-database", str(shared.database))
    assert ran.exit_code == 0, ran.text
    assert "moved 2 experiments, 3 tasks, 1 token and 8 files" in ran.out
    again = run(*command, "--to-database", str(shared.database))
    assert again.exit_code != 0
    assert "is not empty" in again.err
    assert "Missing option '--to-data'" in run("serve", "migrate", "--data", tmp_path / "old").err


@pytest.mark.long
def test_from_any_storage_into_any_other(
    tmp_path: Path, old: StorageSettings, postgres: Postgres, object_store: ObjectStore
) -> None:
    chain = [
        StorageSettings(tmp_path / "1", None, str(tmp_path / "blobs-1")),
        StorageSettings(tmp_path / "2", postgres.database(), str(tmp_path / "blobs-2")),
        StorageSettings(tmp_path / "3", None, object_store.place()),
        StorageSettings(None, postgres.database(), object_store.place()),
        StorageSettings(tmp_path / "5", postgres.database()),
        StorageSettings(tmp_path / "6"),
    ]
    here, before = old, seen(old)
    for there in chain:
        assert move(here, there).files == 8
        after = seen(there)
        assert (after.files, after.owners) == (before.files, before.owners)
        if here is not old:  # of which a task had not ended
            assert after == before
        assert seen(here) == before
        Storage(there).close()
        here, before = there, after


@pytest.mark.long
def test_kills_at_any_moment(tmp_path: Path, shared: StorageSettings) -> None:
    old = StorageSettings(tmp_path / "old")
    fill(old)
    with opened(old) as storage:
        [first, *_] = storage.catalog.uuids()
        for number in range(300):
            put(storage, first, f"many-{number}", os.urandom(3000), T0 + number)
    before = seen(old)
    command = [*COMMAND, "serve", "migrate", "--data", old.data, "--to-data", shared.data]
    command += ["--to-database", shared.database]
    kills = 0
    chance = random.Random(17)
    while True:
        process = subprocess.Popen(
            [str(word) for word in command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
        with suppress(subprocess.TimeoutExpired):
            out, _ = process.communicate(timeout=chance.uniform(0.5, 1.5 + kills))
            assert process.returncode == 0, out
            break
        process.kill()
        process.communicate()
        kills += 1
    assert kills
    assert seen(shared).files == before.files
    assert seen(old) == before
    Storage(shared).close()


def test_every_table_is_moved_or_left_on_purpose() -> None:
    assert [table.name for table in moved_tables()] == [
        *("experiment", "last_eid", "tag", "token"),
        *("experiment_tag", "had_files", "imported_experiment", "imported_file", "task"),
    ]
