"""No two versions of a file have the same time, whatever the clock does."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from uuid import UUID

import pytest

from aqsync.server.files.stamps import Stamps, stamp
from aqsync.server.settings import StorageSettings
from aqsync.server.storage import Storage

NOW_NS = 1_795_428_705_826_756_123


class Clock:
    """The server's clock, to be set."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.ns = NOW_NS
        monkeypatch.setattr(time, "time_ns", lambda: self.ns)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


class Store:
    """A store with one experiment, that can be opened anew."""

    def __init__(self, data: Path) -> None:
        self._data = data
        self._storage = Storage(StorageSettings(data))
        room = self._storage.files.create
        made = self._storage.catalog.create("", "", [], by="admin", create_folder=room)
        self.uuid: UUID = made.uuid

    def reopen(self) -> None:
        self._storage.close()
        self._storage = Storage(StorageSettings(self._data))

    def put(self, name: str = "f") -> str:
        incoming = self._storage.files.new_file()
        incoming.write([b"content"])
        return self._storage.files.keep(incoming, self.uuid, name)

    def remove(self, name: str = "f") -> None:
        self._storage.files.delete(self.uuid, [name])

    def listed(self, name: str = "f") -> str:
        columns = self._storage.files.listing(self.uuid).columns()
        return dict(zip(columns.names, columns.times, strict=True))[name]

    def close(self) -> None:
        self._storage.close()


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = Store(tmp_path / "data")
    yield store
    store.close()


def test_the_time_is_that_of_the_clock_and_of_the_list(store: Store, clock: Clock) -> None:
    assert store.put() == store.listed() == "2026-11-23T10:11:45.826756+00:00"
    clock.ns += 173_244_000
    assert store.put() == store.listed() == "2026-11-23T10:11:46.000000+00:00"


@pytest.mark.parametrize("passes_ns", [0, 1, 999, -1, -3600 * 10**9, -(10**18)])
def test_times_of_one_name_only_grow(store: Store, clock: Clock, passes_ns: int) -> None:
    times = []
    for _ in range(5):
        times += [store.put(), store.listed()]
        clock.ns += passes_ns
        store.reopen()
    assert times[::2] == times[1::2]
    assert times[::2] == sorted(set(times))


def test_a_clock_that_was_wrong_stays_with_the_one_file(store: Store, clock: Clock) -> None:
    clock.ns += 10**18
    store.put()
    clock.ns -= 10**18
    assert store.put("g") < "2027" < store.put()


def test_what_was_removed_gets_another_time_when_it_is_back(store: Store, clock: Clock) -> None:
    first = store.put()
    store.remove()
    assert store.put() != first
    assert clock.ns == NOW_NS


@pytest.mark.parametrize("grain_s", [1, 2])
def test_a_file_system_with_coarse_times(
    store: Store, clock: Clock, monkeypatch: pytest.MonkeyPatch, grain_s: int
) -> None:
    utime = os.utime

    def coarse(descriptor: int, *, ns: tuple[int, int]) -> None:
        rounded = ns[1] // 10**9 // grain_s * grain_s * 10**9
        utime(descriptor, ns=(rounded, rounded))

    monkeypatch.setattr(os, "utime", coarse)
    times = []
    for _ in range(5):
        times.append(store.put())
        assert store.listed() == times[-1]
        clock.ns += 1_000_000
    assert times == sorted(set(times))


def test_a_file_system_whose_times_end_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "utime", lambda *_, **__: None)
    with (tmp_path / "f").open("wb") as file, pytest.raises(OSError, match="no later time"):
        stamp(file.fileno(), Stamps(), time.time_ns() // 1000 + 10**9)


def test_what_is_given_at_once_differs(clock: Clock) -> None:
    source = Stamps()
    with ThreadPoolExecutor(8) as pool:
        given = list(pool.map(lambda _: source.next(None), range(1000)))
    assert len(set(given)) == 1000
    assert min(given) == clock.ns // 1000
