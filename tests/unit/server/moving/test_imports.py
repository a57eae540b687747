"""What an import has brought is as it was; it goes on where it stopped, and overwrites nothing."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from uuid import UUID

import pytest

from aqsync.server.catalog.catalog import Experiment
from aqsync.server.catalog.task_records import Task, TaskStatus
from aqsync.server.errors import FileRefused
from aqsync.server.files.folder_store import FolderStore
from aqsync.server.files.store import By, listed_time
from aqsync.server.moving.archive_import import ArchiveImport
from aqsync.server.moving.archive_reader import Archive
from aqsync.server.moving.inbound import ExperimentFiles, Inbound, Tally, Wish
from aqsync.server.moving.moved import ComingFile, MovedTask, MoveRefused, Whole
from aqsync.server.settings import StorageSettings
from aqsync.server.storage import Storage

OF_AQUEDUCT = Path(__file__).with_name("of-aqueduct.tar.gz")
"""Made by the command of Aqueduct."""
FIRST = UUID("eabf239c-8895-4687-98ff-187edadb21de")
SECOND = UUID("979622d5-cb33-4110-aca2-522d22454d0e")
THEN = datetime(2026, 11, 23, 10, 11, 45, 826756, tzinfo=UTC)
T1, T2 = 1_795_428_705_826_756, 1_795_428_705_826_757


def imported(storage: Storage, path: Path = OF_AQUEDUCT) -> Tally:
    moving = ArchiveImport(Archive(path), Inbound(storage))
    moving.run(moving.check(lambda _: None), lambda _: None)
    return moving.inbound.tally


def listed(storage: Storage, uuid: UUID) -> dict[str, str]:
    columns = storage.files.listing(uuid).columns()
    return dict(zip(columns.names, columns.times, strict=True))


def content(storage: Storage, uuid: UUID, name: str) -> bytes:
    opened = storage.files.open_for_reading(uuid, name)
    try:
        return b"".join(iter(opened.next_piece, b""))
    finally:
        opened.close()


def put(storage: Storage, uuid: UUID, name: str, data: bytes) -> None:
    incoming = storage.files.new_file()
    incoming.write([data])
    storage.files.keep(incoming, uuid, name)


def whole(
    eid: str = "20261123-7",
    *tasks: MovedTask,
    title: str = "title",
    tags: tuple[str, ...] = ("Alpha", "b"),
) -> Whole:
    return Whole(Experiment(SECOND, eid, title, "", "ada", THEN, THEN, tags), tasks)


def coming(data: bytes, time: int = T1, name: str = "f") -> ComingFile:
    return ComingFile(SECOND, name, time, len(data), iter([data]))


def brought(files: ExperimentFiles, file: ComingFile) -> None:
    files.take(files.bring(file))
    files.end([file.name])


class TestAnArchiveOfAqueduct:
    def test_comes_as_it_was(self, storage: Storage) -> None:
        tally = imported(storage)
        assert (tally.new, tally.files, tally.bytes) == (3, 3, 6)
        assert tally.difference_count == 0, tally.differences
        first, second = storage.catalog.by_uuid(FIRST), storage.catalog.by_eid("20261130-2")
        assert (first.eid, first.title, first.description) == ("20261130-1", "First", "of two")
        assert first.tags == ("Alpha", "run:1")
        assert first.created_by == "admin"
        assert first.created_at.isoformat() == "2026-11-30T20:38:51.337745+00:00"
        assert first.updated_at.isoformat() == "2026-11-30T20:38:51.337748+00:00"
        assert (second.title, second.tags) == ("Second é", ("__archived__",))
        assert content(storage, FIRST, "a~b.csv") == b"1,2\n"
        assert content(storage, FIRST, "é.bin") == b"\0\1"
        assert content(storage, FIRST, "empty") == b""
        assert listed(storage, FIRST)["a~b.csv"] == "2026-11-30T20:38:51.369292+00:00"
        assert listed(storage, SECOND) == {}

    def test_comes_once(self, storage: Storage) -> None:
        imported(storage)
        before = listed(storage, FIRST)
        again = imported(storage)
        assert (again.new, again.files, again.there, again.present) == (0, 0, 3, 3)
        assert again.difference_count == 0
        assert listed(storage, FIRST) == before

    def test_is_refused_whole_where_an_eid_is_taken(self, storage: Storage) -> None:
        Inbound(storage).enter(Whole(whole("20261130-3").experiment))
        with pytest.raises(MoveRefused) as caught:
            imported(storage)
        assert "20261130-3" in "".join(caught.value.details)
        assert storage.catalog.uuids() == [SECOND]


class TestNumbers:
    def test_new_experiments_count_on_behind_imported_ones(self, storage: Storage) -> None:
        today = datetime.now().astimezone().strftime("%Y%m%d")
        Inbound(storage).enter(whole(f"{today}-41"))
        room = storage.files.create
        assert storage.catalog.create("", "", [], create_folder=room, by="ada").eid == f"{today}-42"
        storage.catalog.remove(SECOND)
        Inbound(storage).enter(whole(f"{today}-7"))
        assert storage.catalog.create("", "", [], create_folder=room, by="ada").eid == f"{today}-43"

    @pytest.mark.parametrize(
        "eid", ["of another kind", "20261123-0", "2026-1", "20261123-" + "9" * 30]
    )
    def test_an_eid_of_another_kind_counts_nothing(self, storage: Storage, eid: str) -> None:
        assert Inbound(storage).enter(whole(eid))
        assert storage.catalog.by_eid(eid).uuid == SECOND


class TestAnExperiment:
    def test_that_changed_at_the_source_is_brought_up_to_date(self, storage: Storage) -> None:
        inbound = Inbound(storage)
        inbound.enter(whole())
        inbound.enter(whole(title="new", tags=("c", "alpha")))
        assert inbound.tally.renewed == 1
        assert inbound.tally.difference_count == 0
        found = storage.catalog.by_uuid(SECOND)
        assert (found.title, set(found.tags)) == ("new", {"c", "Alpha"})

    def test_that_was_changed_here_stays(self, storage: Storage) -> None:
        inbound = Inbound(storage)
        inbound.enter(whole())
        storage.catalog.update(SECOND, "mine", None)
        inbound.enter(whole(title="new"))
        assert inbound.tally.difference_count == 1
        assert storage.catalog.by_uuid(SECOND).title == "mine"

    def test_keeps_the_spelling_that_its_tags_have_here(self, storage: Storage) -> None:
        storage.catalog.create("", "", ["ALPHA"], create_folder=storage.files.create, by="ada")
        inbound = Inbound(storage)
        inbound.enter(whole())
        assert storage.catalog.by_uuid(SECOND).tags == ("ALPHA", "b")
        assert inbound.tally.difference_count == 0
        assert "'Alpha' is spelled 'ALPHA'" in inbound.tally.notes[0]

    def test_with_the_uuid_of_another_one_is_refused(self, storage: Storage) -> None:
        inbound = Inbound(storage)
        inbound.enter(whole())
        with pytest.raises(MoveRefused, match="1 of the experiments"):
            inbound.require_no_clash([(SECOND, "20261123-8"), (FIRST, "20261123-9")])
        inbound.require_no_clash([(SECOND, "20261123-7")])

    def test_whose_eid_is_given_away_meanwhile_is_named(self, storage: Storage) -> None:
        inbound = Inbound(storage)
        inbound.enter(whole())
        assert not inbound.enter(Whole(replace(whole().experiment, uuid=FIRST)))
        assert storage.catalog.uuids() == [SECOND]
        assert "given to another experiment" in inbound.tally.differences[0]


class TestTasks:
    @pytest.fixture
    def task(self) -> MovedTask:
        return MovedTask(
            Task(FIRST, SECOND, "ext", "act", (), "ada", THEN, THEN, TaskStatus.FAILURE, 3),
            "out",
            None,
        )

    def test_come_with_all_that_they_have(self, storage: Storage, task: MovedTask) -> None:
        inbound = Inbound(storage)
        inbound.enter(whole("20261123-7", task))
        assert storage.tasks.of_experiment(SECOND) == [task.task]
        assert storage.tasks.output(FIRST) == ("out", None)
        assert (inbound.tally.tasks, inbound.tally.difference_count) == (1, 0)

    def test_that_wait_at_the_source_never_run_here(self, storage: Storage) -> None:
        waiting = Task(FIRST, SECOND, "ext", "act", (), "ada", THEN, None, TaskStatus.PENDING, None)
        inbound = Inbound(storage)
        inbound.enter(whole("20261123-7", MovedTask(waiting, None, None)))
        assert storage.tasks.start_next() is None
        assert storage.tasks.find(FIRST).status is TaskStatus.REVOKED
        assert "PENDING" in inbound.tally.notes[0]

    def test_get_their_end_later(self, storage: Storage, task: MovedTask) -> None:
        inbound = Inbound(storage)
        runs = Task(FIRST, SECOND, "ext", "act", (), "ada", THEN, None, TaskStatus.STARTED, None)
        inbound.enter(whole("20261123-7", MovedTask(runs, None, None)))
        inbound.enter(whole("20261123-7", task))
        assert storage.tasks.find(FIRST) == task.task


class TestFiles:
    @pytest.fixture
    def inbound(self, storage: Storage) -> Inbound:
        made = Inbound(storage)
        made.enter(whole())
        return made

    @pytest.fixture
    def files(self, inbound: Inbound) -> ExperimentFiles:
        return inbound.files_of(SECOND)

    def again(self, inbound: Inbound) -> ExperimentFiles:
        return inbound.files_of(SECOND)

    def test_are_told_with_sha256_and_belong_to_who_made_the_experiment(
        self, storage: Storage, inbound: Inbound, files: ExperimentFiles
    ) -> None:
        brought(files, coming(b"one"))
        opened = storage.files.open_for_reading(SECOND, "f")
        assert opened.sha256() == sha256(b"one").digest()
        opened.close()
        assert inbound.tally.difference_count == 0

        def refuse(name: str, owner: str | None) -> None:
            raise FileRefused(403, f"{name} is of {owner}")

        incoming = storage.files.new_file()
        incoming.write([b"two"])
        with pytest.raises(FileRefused, match="f is of ada"):
            storage.files.keep(incoming, SECOND, "f", by=By("eve", refuse))
        incoming.discard()

    def test_keep_their_times_to_the_microsecond(
        self, storage: Storage, files: ExperimentFiles
    ) -> None:
        assert files.wish("f", T1) is Wish.BRING
        brought(files, coming(b"one"))
        assert listed(storage, SECOND) == {"f": listed_time(T1)}

    def test_that_are_here_and_equal_are_not_brought_again(
        self, inbound: Inbound, files: ExperimentFiles
    ) -> None:
        brought(files, coming(b"one"))
        assert self.again(inbound).wish("f", T1) is Wish.PRESENT

    def test_that_changed_at_the_source_are_replaced(
        self, storage: Storage, inbound: Inbound, files: ExperimentFiles
    ) -> None:
        brought(files, coming(b"one", T2))
        for time, data in ((T1, b"earlier"), (T2 + 5, b"later")):
            anew = self.again(inbound)
            assert anew.wish("f", time) is Wish.BRING
            brought(anew, coming(data, time))
            assert content(storage, SECOND, "f") == data
            assert listed(storage, SECOND) == {"f": listed_time(time)}
        assert inbound.tally.difference_count == 0

    def test_that_were_changed_here_stay(
        self, storage: Storage, inbound: Inbound, files: ExperimentFiles
    ) -> None:
        brought(files, coming(b"one"))
        put(storage, SECOND, "f", b"mine")
        assert self.again(inbound).wish("f", T1) is Wish.CHANGED_HERE
        assert self.again(inbound).wish("f", T2) is Wish.CHANGED_HERE

    def test_that_were_removed_here_stay_away(
        self, storage: Storage, inbound: Inbound, files: ExperimentFiles
    ) -> None:
        brought(files, coming(b"one"))
        storage.files.delete(SECOND, ["f"])
        assert self.again(inbound).wish("f", T1) is Wish.REMOVED_HERE

    def test_of_others_stay(self, storage: Storage, inbound: Inbound) -> None:
        put(storage, SECOND, "f", b"mine")
        anew = self.again(inbound)
        assert anew.wish("f", T1) is Wish.CHANGED_HERE
        anew.leave("f", Wish.CHANGED_HERE)
        assert "stays" in inbound.tally.differences[0]

    def test_changed_while_they_come_stay(
        self, storage: Storage, inbound: Inbound, files: ExperimentFiles
    ) -> None:
        brought(files, coming(b"one"))
        anew = self.again(inbound)

        def chunks() -> Iterator[bytes]:
            yield b"two"
            put(storage, SECOND, "f", b"mine")

        anew.take(anew.bring(ComingFile(SECOND, "f", T2, 3, chunks())))
        assert content(storage, SECOND, "f") == b"mine"
        assert "meanwhile" in inbound.tally.differences[0]

    def test_that_come_otherwise_than_the_source_says_are_not_stored(
        self, storage: Storage, inbound: Inbound, files: ExperimentFiles
    ) -> None:
        told = replace(coming(b"one"), sha256=sha256(b"two").digest())
        files.take(files.bring(told))
        assert listed(storage, SECOND) == {}
        assert "not come as the source says" in inbound.tally.differences[0]
        files.take(files.bring(replace(coming(b"two"), sha256=sha256(b"two").digest())))
        assert content(storage, SECOND, "f") == b"two"

    def test_that_do_not_stand_as_they_came_are_named(
        self, storage: Storage, inbound: Inbound, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        if not isinstance(storage.files, FolderStore):
            pytest.skip("no file to be spoiled")
        keep = storage.files.keep

        def broken(*args: object, **options: object) -> str:
            kept = keep(*args, **options)  # type: ignore[arg-type]
            path = next((storage_path(storage) / str(SECOND)).iterdir())
            with path.open("r+b") as file:
                file.write(b"X")
            os.utime(path, ns=(T1 * 1000, T1 * 1000))
            return kept

        monkeypatch.setattr(storage.files, "keep", broken)
        files = self.again(inbound)
        brought(files, coming(b"one"))
        assert "does not stand here as it came" in inbound.tally.differences[0]
        monkeypatch.undo()
        anew = self.again(inbound)
        assert anew.wish("f", T1) is Wish.COMPARE
        assert anew.compare("f") is None, "it is to be brought again"
        brought(anew, coming(b"one"))
        assert content(storage, SECOND, "f") == b"one"

    def test_no_longer_at_the_source_stay_and_are_told(
        self, storage: Storage, inbound: Inbound, files: ExperimentFiles
    ) -> None:
        brought(files, coming(b"one"))
        self.again(inbound).end([])
        assert listed(storage, SECOND)
        assert "not at the source any more" in inbound.tally.notes[0]


class TestAKill:
    """At whichever step it comes, the next import brings just what is left."""

    @pytest.mark.parametrize("step", ["note_files", "keep", "compared"])
    def test_is_made_good(
        self, settings: StorageSettings, step: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        storage = Storage(settings)
        inbound = Inbound(storage)
        inbound.enter(whole())
        files = inbound.files_of(SECOND)
        if step == "note_files":
            monkeypatch.setattr(storage.files, "keep", _killed)
        elif step == "keep":
            monkeypatch.setattr(files, "_digest", _killed)
        if step == "compared":
            files.take(files.bring(coming(b"one")))  # and `end` never comes
        else:
            with pytest.raises(KeyboardInterrupt):
                files.bring(coming(b"one"))
        storage.close()
        storage = Storage(settings)
        anew = Inbound(storage).files_of(SECOND)
        if step == "note_files":
            assert anew.wish("f", T1) is Wish.BRING
        else:
            assert anew.wish("f", T1) is Wish.COMPARE, "it does not come again"
            compared = anew.compare("f")
            assert compared is not None
            anew.take(compared)
            anew.end(["f"])
            assert Inbound(storage).files_of(SECOND).wish("f", T1) is Wish.PRESENT
        storage.close()

    def test_between_replacing_and_its_note(
        self, storage: Storage, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        inbound = Inbound(storage)
        inbound.enter(whole())
        brought(inbound.files_of(SECOND), coming(b"one"))
        files = inbound.files_of(SECOND)
        monkeypatch.setattr(files, "_digest", _killed)
        with pytest.raises(KeyboardInterrupt):
            files.bring(coming(b"two", T2))
        anew = inbound.files_of(SECOND)
        assert anew.wish("f", T2) is Wish.BRING
        brought(anew, coming(b"two", T2))
        assert inbound.tally.difference_count == 0
        assert inbound.tally.present == 1
        assert content(storage, SECOND, "f") == b"two"


def _killed(*_: object, **__: object) -> None:
    raise KeyboardInterrupt


def storage_path(storage: Storage) -> Path:
    assert isinstance(storage.files, FolderStore)
    return Path(storage.files._folders.place(SECOND)).parent
