"""Room for files: a quota and a reserve are kept, and the bytes are counted right."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from aqsync.server.errors import FileRefused
from aqsync.server.files.space import Space
from aqsync.server.settings import StorageSettings
from aqsync.server.storage import Storage
from tests.support.embedded import EmbeddedServer
from tests.support.patience import HANG_S
from tests.support.visit import FILE_START, Visit, connected, upload_head


def put(storage: Storage, uuid: object, name: str, size: int) -> None:
    incoming = storage.files.new_file()
    try:
        incoming.write([bytes(size)])
        storage.files.keep(incoming, uuid, name)  # type: ignore[arg-type]
    finally:
        incoming.discard()


def fits(storage: Storage, size: int) -> bool:
    try:
        storage.files.space.check(size)
    except FileRefused:
        return False
    return True


def has_room_for(storage: Storage, size: int) -> bool:
    """Whether there is room for exactly so many bytes."""
    return fits(storage, size) and not fits(storage, size + 1)


def test_a_quota_counts_what_comes_and_goes(tmp_path: Path) -> None:
    storage = Storage(StorageSettings(tmp_path / "data"), quota=1000, reserve=0)
    one, two = (
        storage.catalog.create(title, "", [], by="admin", create_folder=storage.files.create).uuid
        for title in ("one", "two")
    )
    put(storage, one, "a", 300)
    put(storage, one, "b", 100)
    put(storage, two, "c", 50)
    assert has_room_for(storage, 550)
    put(storage, one, "a", 200)
    assert has_room_for(storage, 650)
    with pytest.raises(FileRefused, match="quota"):
        put(storage, two, "d", 651)
    assert has_room_for(storage, 650)
    half = storage.files.new_file()
    half.write([bytes(600)])
    assert has_room_for(storage, 50)
    half.discard()
    storage.files.delete(one, ["b"])
    assert has_room_for(storage, 750)
    storage.close()
    storage = Storage(StorageSettings(tmp_path / "data"), quota=1000, reserve=0)
    assert has_room_for(storage, 750)
    storage.remove_experiment(one)
    assert has_room_for(storage, 950)
    storage.close()


def test_the_disk_is_never_filled(tmp_path: Path) -> None:
    disk = os.statvfs(tmp_path)
    with pytest.raises(FileRefused, match="stay free") as caught:
        Space(tmp_path, reserve=disk.f_blocks * disk.f_frsize).check(0)
    assert caught.value.status == 507
    with pytest.raises(FileRefused, match="stay free"):
        Space(tmp_path, reserve=0).check(1 << 60)
    Space(tmp_path, reserve=0).check(1)


def test_a_client_is_told_before_it_sends_the_file(tmp_path: Path) -> None:
    with EmbeddedServer(tmp_path / "data", quota=100_000) as server, Visit(server.url) as visit:
        uuid = visit.create()["uuid"]
        visit.put(uuid, "a", bytes(90_000))
        refused = visit.upload(uuid, "b", bytes(20_000))
        assert refused.status_code == 507
        assert "quota" in refused.json()["detail"]
        with connected(server.url) as peer:
            peer.sendall(upload_head(uuid, "c", 50_000_000) + FILE_START)
            peer.settimeout(HANG_S)
            assert peer.recv(100).startswith(b"HTTP/1.1 507 ")
        assert visit.names(uuid) == ["a"]
        assert visit.delete(uuid, ["a"]).status_code == 200
        visit.put(uuid, "b", bytes(20_000))
        assert not any((server.data / "incoming").iterdir())
