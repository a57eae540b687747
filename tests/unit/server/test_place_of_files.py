"""Where --files may lead, and that a database and its files belong together."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest

from aqsync.server.errors import ServerStartError
from aqsync.server.files.opening import open_blobs
from aqsync.server.settings import StorageSettings
from aqsync.server.storage import Storage


def opened(data: Path, files: Path | None = None) -> Storage:
    return Storage(StorageSettings(data, files=None if files is None else str(files)))


def store_a_file(storage: Storage) -> None:
    create = storage.files.create
    uuid = storage.catalog.create("", "", [], by="me", create_folder=create).uuid
    incoming = storage.files.new_file()
    incoming.write([b"content"])
    storage.files.keep(incoming, uuid, "f")


@pytest.mark.parametrize(
    ("address", "why"),
    [
        ("relative/path", "neither"),
        ("http://host/bucket", "neither"),
        ("file://host/path", "neither"),
        ("s3://", "names a bucket"),
        ("s3://user:s3cret@bucket", "names a bucket"),
        ("s3://bucket?user=s3cret", "the option user"),
        ("s3://bucket?endpoint=http://user:s3cret@host", "without a user"),
        ("s3://bucket?endpoint=host:8333", "the endpoint"),
    ],
)
def test_an_address_that_names_no_place(address: str, why: str) -> None:
    with pytest.raises(ServerStartError, match=why) as refused:
        open_blobs(address)
    assert "s3cret" not in refused.value.message + refused.value.hint


def test_a_directory_is_also_named_by_a_url(tmp_path: Path) -> None:
    with closing(open_blobs(f"file://{tmp_path}/a%20place")) as blobs:
        assert blobs.disk == tmp_path / "a place"
        assert blobs.mark(None) is None
        assert blobs.mark("one") == "one"
        assert blobs.mark("two") == blobs.mark(None) == "one"
        assert list(blobs.found()) == []


def test_a_directory_that_cannot_be_made(tmp_path: Path) -> None:
    with pytest.raises(ServerStartError, match="missing/files cannot be used"):
        opened(tmp_path / "data", tmp_path / "missing" / "files")


def test_the_place_of_another_database_is_refused(tmp_path: Path) -> None:
    opened(tmp_path / "one", tmp_path / "files").close()
    with pytest.raises(ServerStartError, match="those of another database"):
        opened(tmp_path / "two", tmp_path / "files")
    # Nothing was stored yet, so another place will do.
    opened(tmp_path / "two", tmp_path / "others").close()
    opened(tmp_path / "one", tmp_path / "files").close()


def test_another_place_than_the_databases_is_refused(tmp_path: Path) -> None:
    with closing(opened(tmp_path / "data", tmp_path / "files")) as storage:
        store_a_file(storage)
    with pytest.raises(ServerStartError, match="no server's"):
        opened(tmp_path / "data", tmp_path / "others")
    with pytest.raises(ServerStartError, match="not in a data directory"):
        opened(tmp_path / "data")
    opened(tmp_path / "data", tmp_path / "files").close()


def test_a_data_directory_with_files_of_its_own_is_refused(tmp_path: Path) -> None:
    with closing(opened(tmp_path / "data")) as storage:
        store_a_file(storage)
    with pytest.raises(ServerStartError, match="files of its own"):
        opened(tmp_path / "data", tmp_path / "files")
    with closing(opened(tmp_path / "data")) as storage:
        assert len(storage.catalog.uuids()) == 1


def test_a_quota_counts_what_others_store(tmp_path: Path) -> None:
    settings = StorageSettings(tmp_path / "data", files=str(tmp_path / "files"))
    with closing(Storage(settings, quota=10, reserve=0)) as storage:
        store_a_file(storage)
        assert storage.files.space.left() == 3
    with closing(Storage(settings, quota=20, reserve=0)) as storage:
        assert storage.files.space.left() == 13
        with storage.database.changing() as database:
            database.execute("UPDATE file SET size = 12")
        storage.files.tidy_up()  # type: ignore[union-attr]
        assert storage.files.space.left() == 8
