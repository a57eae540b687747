"""The sweep removes what is nobody's, and nothing else: after a crash anywhere, in any order."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, suppress
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from aqsync.server.catalog.catalog import Catalog
from aqsync.server.catalog.sqlite import SqliteDatabase
from aqsync.server.errors import FileRefused
from aqsync.server.files import file_rows, recorded_file
from aqsync.server.files.blobs import BlobsAway, BlobWriter, FoundBlob
from aqsync.server.files.directory_blobs import DirectoryBlobs
from aqsync.server.files.file_rows import FileRows
from aqsync.server.files.leases import LEASE_US
from aqsync.server.files.recorded_store import RecordedStore
from aqsync.server.files.space import Space
from aqsync.server.files.store import Incoming
from aqsync.server.files.sweep import GRACE_US, ORPHAN_US

MINUTE = 60_000_000
HOUR = 60 * MINUTE
DAY = 24 * HOUR
LARGE = 9 * 1024 * 1024


class Killed(BaseException):
    """The server is gone: none of its code runs any more."""


class LabBlobs(DirectoryBlobs):
    """Blobs whose times are those of the lab's clock."""

    def __init__(self, folder: Path, now: Callable[[], int]) -> None:
        super().__init__(folder)
        self._now = now
        self._written: dict[str, int] = {}

    def writer(self, key: str) -> BlobWriter:
        writer = super().writer(key)
        write = writer.write

        def noted(chunks: Sequence[bytes]) -> None:
            self._written[key] = self._now()
            write(chunks)

        monkey: Any = writer
        monkey.write = noted
        return writer

    def found(self) -> Iterator[FoundBlob]:
        for found in super().found():
            yield FoundBlob(found.key, self._written[found.key])


class Lab:
    """A database and a directory of blobs, and servers on them that share a clock."""

    def __init__(self, folder: Path) -> None:
        self._now = 1_795_428_705_826_756
        self.blobs = LabBlobs(folder / "files", self.now)
        self.blobs.mark("the lab's")
        self.database = SqliteDatabase(folder / "catalog.db")
        self.catalog = Catalog(self.database)
        self.uuid = self.experiment()

    def now(self) -> int:
        return self._now

    def passes(self, time: int) -> None:
        self._now += time

    def server(self, ahead: int = 0) -> RecordedStore:
        """Return a server; its clock may be ahead of the others'."""
        return RecordedStore(self.database, self.blobs, Space(None), lambda: self._now + ahead)

    def experiment(self) -> UUID:
        return self.catalog.create("", "", [], by="me", create_folder=lambda _: None).uuid

    def there(self) -> set[str]:
        return {found.key for found in self.blobs.found()}

    def close(self) -> None:
        self.database.close()


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    with closing(Lab(tmp_path)) as lab:
        yield lab


def put(store: RecordedStore, uuid: UUID, name: str, content: bytes = b"content") -> None:
    incoming = store.new_file()
    incoming.write([content])
    store.keep(incoming, uuid, name)


def begun(store: RecordedStore, size: int = LARGE) -> Incoming:
    incoming = store.new_file()
    incoming.write([bytes(size)])
    return incoming


def read(store: RecordedStore, uuid: UUID, name: str) -> bytes:
    with closing(store.open_for_reading(uuid, name)) as file:
        return b"".join(iter(file.next_piece, b""))


def test_what_was_replaced_or_removed_goes_after_the_grace(lab: Lab) -> None:
    store = lab.server()
    for content in (b"1", b"2"):
        put(store, lab.uuid, "replaced", content)
    put(store, lab.uuid, "removed")
    store.delete(lab.uuid, ["removed"])
    assert len(lab.there()) == 3
    store.tidy_up()
    assert len(lab.there()) == 3
    lab.passes(GRACE_US)
    store.tidy_up()
    assert len(lab.there()) == 1
    assert read(store, lab.uuid, "replaced") == b"2"


def test_the_blobs_of_a_removed_experiment_go_soon(lab: Lab) -> None:
    store = lab.server()
    other = lab.experiment()
    for number in range(3):
        put(store, lab.uuid, f"{number}")
    put(store, other, "kept")
    lab.catalog.remove(lab.uuid)
    store.remove(lab.uuid)
    store.tidy_up()
    lab.passes(GRACE_US)
    store.tidy_up()
    assert len(lab.there()) == 1
    assert read(store, other, "kept") == b"content"


def test_a_version_that_is_read_for_hours_stays(lab: Lab) -> None:
    store, other = lab.server(), lab.server()
    put(store, lab.uuid, "f", bytes(LARGE))
    with closing(store.open_for_reading(lab.uuid, "f")) as file:
        got = len(file.next_piece())
        other.delete(lab.uuid, ["f"])
        for _ in range(60):
            lab.passes(LEASE_US // 2)
            store.tidy_up()
            other.tidy_up()
        # An open file would be whole without its name, too; an object would not.
        assert len(lab.there()) == 1
        assert got + sum(map(len, iter(file.next_piece, b""))) == LARGE
    store.tidy_up()
    other.tidy_up()
    assert lab.there() == set()


def test_an_upload_of_many_hours_stays(lab: Lab) -> None:
    store, other = lab.server(), lab.server()
    incoming = begun(store)
    for _ in range(80):
        lab.passes(HOUR // 2)
        store.tidy_up()
        other.tidy_up()
        incoming.write([b"more"])
    store.keep(incoming, lab.uuid, "slow")
    lab.passes(2 * DAY)
    other.tidy_up()
    assert len(read(other, lab.uuid, "slow")) == LARGE + 80 * len(b"more")


@pytest.mark.parametrize("size", [10, LARGE])
def test_what_a_killed_server_was_about_goes(lab: Lab, size: int) -> None:
    begun(lab.server(), size)
    other = lab.server()
    for _ in range(100):
        lab.passes(2 * HOUR)
        other.tidy_up()
    assert lab.there() == set()


def test_a_server_that_stood_still_for_too_long_keeps_no_blob_that_may_be_gone(lab: Lab) -> None:
    store, other = lab.server(), lab.server()
    incoming = begun(store)
    lab.passes(LEASE_US + MINUTE)
    other.tidy_up()
    with pytest.raises(BlobsAway):
        store.keep(incoming, lab.uuid, "f")
    incoming.discard()
    assert store.listing(lab.uuid).names() == []


def test_a_small_upload_that_stood_still_for_half_a_day_is_refused(lab: Lab) -> None:
    store = lab.server()
    incoming = begun(store, 10)
    lab.passes(ORPHAN_US // 2 + MINUTE)
    with pytest.raises(BlobsAway):
        store.keep(incoming, lab.uuid, "f")


def test_what_an_earlier_state_of_the_database_does_not_know_stays_for_a_week(lab: Lab) -> None:
    """Who restores a backup may find out days later that there is a newer one."""
    store = lab.server()
    put(store, lab.uuid, "f")
    (blob,) = lab.there()
    lab.passes(10 * DAY)
    with lab.database.changing() as database:
        (row,) = database.execute("SELECT * FROM file").fetchall()
        database.execute("DELETE FROM file")
    for _ in range(6):
        store.tidy_up()
        lab.passes(DAY)
    assert lab.there() == {blob}
    with lab.database.changing() as database:
        marks = ", ".join("?" * len(row))
        database.execute(f"INSERT INTO file VALUES ({marks})", row)
    for _ in range(6):
        lab.passes(DAY)
        store.tidy_up()
    assert read(store, lab.uuid, "f") == b"content"


def test_a_blob_that_the_sweep_takes_for_nobodys_becomes_no_file(lab: Lab) -> None:
    """A clock that is days ahead of the others takes each upload for an old one."""
    store, fast = lab.server(), lab.server(ahead=3 * DAY)
    incoming = begun(store, 10)
    fast.tidy_up()
    with pytest.raises(BlobsAway):
        store.keep(incoming, lab.uuid, "f")
    incoming.discard()
    put(store, lab.uuid, "f")
    lab.passes(30 * DAY)
    fast.tidy_up()
    assert read(store, lab.uuid, "f") == b"content"


def test_one_server_at_a_time_sweeps(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    store, other = lab.server(), lab.server()
    put(store, lab.uuid, "f")
    store.delete(lab.uuid, ["f"])
    lab.passes(GRACE_US)
    removals: list[object] = []
    remove = lab.blobs.remove

    def removed(blobs: object) -> None:
        removals.append(blobs)
        other.tidy_up()
        remove(blobs)  # type: ignore[arg-type]

    monkeypatch.setattr(lab.blobs, "remove", removed)
    store.tidy_up()
    assert len(removals) == 2  # the second one found nothing more


def test_a_sweep_that_died_is_followed_by_another(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = lab.server()
    put(store, lab.uuid, "f")
    store.delete(lab.uuid, ["f"])
    lab.passes(GRACE_US)
    with monkeypatch.context() as patch:
        patch.setattr(lab.blobs, "remove", _killed)
        patch.setattr("aqsync.server.files.sweep.Sweep._keep", _killed)
        with pytest.raises(Killed):
            store.tidy_up()
    lab.server().tidy_up()
    assert len(lab.there()) == 1
    lab.passes(HOUR)
    lab.server().tidy_up()
    assert lab.there() == set()


def test_an_answer_that_got_lost_costs_no_file(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    """The database has done it, and the connection breaks before it says so."""
    store = lab.server()
    done = FileRows.put

    def lost(*args: object) -> None:
        done(*args)  # type: ignore[arg-type]
        raise ConnectionError

    monkeypatch.setattr(FileRows, "put", lost)
    for size in (10, LARGE):
        incoming = begun(store, size)
        with pytest.raises(ConnectionError):
            store.keep(incoming, lab.uuid, f"{size}")
        incoming.discard()
    for _ in range(60):
        lab.passes(HOUR)
        store.tidy_up()
    assert [len(read(store, lab.uuid, name)) for name in ("10", f"{LARGE}")] == [10, LARGE]


def _killed(*_: object, **__: object) -> None:
    raise Killed


_STEPS = (
    "DirectoryBlobs.writer",
    "_Writer.write",
    "_Writer.finish",
    "Leases.take",
    "RecordedIncoming.be_named",
    "FileRows.put",
    "RecordedIncoming.named",
    "FileRows.delete",
    "DirectoryBlobs.remove",
    "Sweep._note_expired",
    "Sweep._note_unnamed",
    "Sweep._unused",
    "Sweep._forget",
    "Sweep._keep",
)


class Kills:
    """Kills the server at a random step: before it, or after it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, chance: random.Random) -> None:
        self._chance = chance
        self._likely = 0.0
        self._targets = {
            each.__name__: each
            for each in (
                DirectoryBlobs,
                FileRows,
                recorded_file.RecordedIncoming,
                _class("directory_blobs", "_Writer"),
                _class("leases", "Leases"),
                _class("sweep", "Sweep"),
            )
        }
        for step in _STEPS:
            owner, name = step.split(".")
            self._watch(monkeypatch, self._targets[owner], name)

    def _watch(self, monkeypatch: pytest.MonkeyPatch, owner: type, name: str) -> None:
        real = getattr(owner, name)

        def step(*args: object, **options: object) -> object:
            self._maybe()
            result = real(*args, **options)
            self._maybe()
            return result

        monkeypatch.setattr(owner, name, step)

    def _maybe(self) -> None:
        if self._chance.random() < self._likely:
            raise Killed

    def likely(self, how: float) -> None:
        self._likely = how


def _class(module: str, name: str) -> type:
    found: type = getattr(__import__(f"aqsync.server.files.{module}", fromlist=[name]), name)
    return found


class History:
    """Two servers, each killed at any step and started again.

    Args:
        lab: What they share.
        kills: What kills them.
        chance: What happens.
    """

    def __init__(self, lab: Lab, kills: Kills, chance: random.Random) -> None:
        self._lab = lab
        self._kills = kills
        self._chance = chance
        self._servers = [lab.server(), lab.server()]
        self._experiments = [lab.uuid, lab.experiment()]
        self._uploads: list[tuple[int, Incoming, bytes]] = []
        self._finished: dict[tuple[UUID, str], set[bytes]] = {}

    def go_on(self) -> None:
        """Do something on one server, which may be killed by that."""
        which = self._chance.randrange(2)
        steps = (self._upload, self._finish, self._delete, self._remove, self._tidy_up)
        (step,) = self._chance.choices(steps, (2, 3, 1, 1, 2))
        self._lab.passes(self._chance.choice([0, 1000, MINUTE, 20 * MINUTE, HOUR, 5 * HOUR]))
        self._kills.likely(0.05)
        try:
            with suppress(FileRefused):
                step(which)
        except Killed:
            self._servers[which] = self._lab.server()
            self._uploads = [each for each in self._uploads if each[0] != which]
        self._kills.likely(0)

    def check(self) -> None:
        """Each file has the bytes of an upload to its name."""
        for uuid in self._experiments:
            for name in self._servers[0].listing(uuid).names():
                assert read(self._servers[0], uuid, name) in self._finished[uuid, name]

    def _upload(self, which: int) -> None:
        content = self._chance.randbytes(20) * self._chance.choice([0, 1, 1, 500_000])
        incoming = self._servers[which].new_file()
        self._uploads.append((which, incoming, content))
        incoming.write([content])

    def _finish(self, which: int) -> None:
        mine = [each for each in self._uploads if each[0] == which]
        if mine:
            chosen = self._chance.choice(mine)
            self._uploads.remove(chosen)
            place = (self._chance.choice(self._experiments), self._chance.choice("ab"))
            self._finished.setdefault(place, set()).add(chosen[2])
            self._servers[which].keep(chosen[1], *place)

    def _delete(self, which: int) -> None:
        where = self._chance.choice(self._experiments)
        self._servers[which].delete(where, [self._chance.choice("ab")])

    def _remove(self, which: int) -> None:
        doomed = self._experiments.pop(self._chance.randrange(2))
        self._lab.catalog.remove(doomed)
        self._servers[which].remove(doomed)
        self._experiments.append(self._lab.experiment())

    def _tidy_up(self, which: int) -> None:
        self._servers[which].tidy_up()


SEEDS = [0, *(pytest.param(seed, marks=pytest.mark.long) for seed in range(1, 100))]


@pytest.mark.parametrize("seed", SEEDS)
def test_random_histories(lab: Lab, monkeypatch: pytest.MonkeyPatch, seed: int) -> None:
    """At every moment each file is whole; after ten quiet days only their blobs are left."""
    chance = random.Random(seed)
    history = History(lab, Kills(monkeypatch, chance), chance)
    for _ in range(60):
        history.go_on()
        history.check()
    for _ in range(60):
        lab.passes(4 * HOUR)
        lab.server().tidy_up()
    with lab.database.reading() as database:
        named = {blob for (blob,) in database.execute("SELECT blob FROM file")}
        assert database.execute("SELECT count(*) FROM removed_blob").fetchone() == (0,)
        assert database.execute("SELECT count(*) FROM blob_lease").fetchone() == (0,)
    assert lab.there() == named
    history.check()


def test_the_sweep_works_in_portions(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("aqsync.server.files.sweep._AT_ONCE", 2)
    monkeypatch.setattr(file_rows, "_AT_ONCE", 2)
    store = lab.server()
    names = [f"{number}" for number in range(7)]
    for name in names:
        put(store, lab.uuid, name)
        begun(store, 10)
    assert store.sizes(lab.uuid, names) == [7] * 7
    lab.catalog.remove(lab.uuid)
    for _ in range(60):
        lab.passes(4 * HOUR)
        store.tidy_up()
    assert lab.there() == set()
