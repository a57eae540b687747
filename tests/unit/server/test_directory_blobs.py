"""A shared directory of blobs whose file system comes and goes."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest

from aqsync.server.files.blobs import BlobsAway
from aqsync.server.files.directory_blobs import DirectoryBlobs


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "files"


@pytest.fixture
def blobs(folder: Path) -> DirectoryBlobs:
    blobs = DirectoryBlobs(folder)
    assert blobs.mark("a") == "a"
    return blobs


def write(blobs: DirectoryBlobs, key: str) -> None:
    with closing(blobs.writer(key)) as writer:
        writer.write([b"content"])
        writer.finish()


def read(blobs: DirectoryBlobs, key: str) -> bytes:
    with closing(blobs.reader(key, 7)) as reader:
        return reader.next_piece()


@pytest.mark.parametrize("is_there", [False, True])
def test_nothing_is_written_where_the_file_system_was(
    blobs: DirectoryBlobs, folder: Path, *, is_there: bool
) -> None:
    """A mount point without its file system is an empty directory, or none."""
    write(blobs, "ab0")
    mounted = folder.rename(folder.with_name("mounted elsewhere"))
    if is_there:
        folder.mkdir()
    for _ in range(2):
        with pytest.raises(BlobsAway):
            write(blobs, "ab1")
        with pytest.raises(BlobsAway):
            read(blobs, "ab0")
    assert not is_there or list(folder.iterdir()) == []
    if is_there:
        folder.rmdir()
    mounted.rename(folder)
    write(blobs, "ab1")
    assert [read(blobs, key) for key in ("ab0", "ab1")] == [b"content"] * 2


def test_a_blob_that_is_lost_is_no_outage(blobs: DirectoryBlobs) -> None:
    with pytest.raises(FileNotFoundError):
        read(blobs, "ab0")
