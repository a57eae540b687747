"""Whether a writer has closed a file: what is asked of the disk for it, and what it says."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from aqsync.errors import FileChanged
from aqsync.local.disk import OpenFile, RealDisk, Seen, seen_in
from aqsync.local.open_files import locked_for_writing
from aqsync.local.reader import CHUNK, GuardedFile
from aqsync.local.unfinished import still_written
from aqsync.model import Signature

REAL = Path(__file__).parent / "formats" / "real"


class CountingDisk(RealDisk):
    """A disk that keeps what is read of it."""

    def __init__(self) -> None:
        self.reads: list[str] = []
        """``read`` for the next bytes, ``at`` for others, ``locks`` for the system's list."""
        self.bytes = 0

    def open(self, root: Path, path: str) -> OpenFile:
        return _Counted(super().open(root, path), self)


class _Counted:
    def __init__(self, file: OpenFile, disk: CountingDisk) -> None:
        self._file = file
        self._disk = disk

    def look(self) -> Seen:
        return self._file.look()

    def read(self, size: int) -> bytes:
        return self._count("read", self._file.read(size))

    def read_at(self, offset: int, size: int) -> bytes:
        return self._count("at", self._file.read_at(offset, size))

    def locked_for_writing(self) -> bool:
        self._count("locks", b"")
        return self._file.locked_for_writing()

    def cloned_into(self, descriptor: int) -> bool:
        return self._file.cloned_into(descriptor)

    def fileno(self) -> int:
        return self._file.fileno()

    def close(self) -> None:
        self._file.close()

    def _count(self, what: str, found: bytes) -> bytes:
        self._disk.reads.append(what)
        self._disk.bytes += len(found)
        return found


@pytest.fixture
def disk() -> CountingDisk:
    return CountingDisk()


def opened(place: Path, disk: RealDisk) -> GuardedFile:
    signature = Signature(*seen_in(place.stat())[1:])
    return GuardedFile(place.parent, place.name, signature, disk)


def said_and_sent(place: Path, disk: CountingDisk, *, chunk_size: int = CHUNK) -> str | None:
    """What is found, after which all of the file is given out as ever."""
    with opened(place, disk) as source:
        found = still_written(source)
        assert b"".join(source.chunks(chunk_size)) == place.read_bytes()
    return found


def made(root: Path, content: bytes, name: str = "file") -> Path:
    place = root / name
    place.write_bytes(content)
    return place


# What is read


@pytest.mark.parametrize("size", [0, 1, 100, CHUNK, CHUNK + 1, 3 * CHUNK])
def test_nothing_more_is_read_of_a_file_of_no_known_format(
    root: Path, disk: CountingDisk, size: int
) -> None:
    assert said_and_sent(made(root, os.urandom(size)), disk) is None
    assert disk.reads == ["read"] * -(-size // CHUNK)
    assert disk.bytes == size


@pytest.mark.parametrize(
    "name", ["arrays.npz", "map.png", "run.tdms", "table.parquet", "table.arrow", "lines.csv.gz"]
)
def test_nothing_more_is_read_of_a_small_file_of_a_known_format(
    disk: CountingDisk, name: str
) -> None:
    assert said_and_sent(REAL / name, disk) is None
    assert disk.reads == ["read"]


def test_of_a_small_hdf5_file_the_locks_alone_are_asked_for(disk: CountingDisk) -> None:
    assert said_and_sent(REAL / "version-0.h5", disk) is None
    assert disk.reads == ["read", "locks"]


def test_of_an_hdf5_file_that_tells_it_itself_not_even_these(disk: CountingDisk) -> None:
    assert said_and_sent(REAL / "unflushed-3.open.h5", disk) == "HDF5"
    assert disk.reads == ["read"]


def test_of_a_large_file_of_a_known_format_a_page_at_its_end(
    root: Path, disk: CountingDisk
) -> None:
    content = (REAL / "map.png").read_bytes()
    place = made(root, content[:-12] + bytes(3 * CHUNK) + content[-12:])
    assert said_and_sent(place, disk, chunk_size=4 * CHUNK) is None
    assert disk.reads.count("at") == 1
    assert disk.bytes == place.stat().st_size + 12


@pytest.mark.parametrize("chunk_size", [1, 7, CHUNK, 4 * CHUNK])
def test_chunks_of_any_size_follow_the_beginning(
    root: Path, disk: CountingDisk, chunk_size: int
) -> None:
    size = 50 if chunk_size < 10 else 3 * CHUNK + 5
    assert said_and_sent(made(root, os.urandom(size)), disk, chunk_size=chunk_size) is None


def test_a_file_that_became_shorter_has_changed(root: Path, disk: CountingDisk) -> None:
    place = made(root, bytes(100))
    with opened(place, disk) as source:
        os.truncate(place, 50)
        with pytest.raises(FileChanged):
            still_written(source)


# Locks


@pytest.fixture
def held(root: Path) -> Iterator[Path]:
    """A finished HDF5 file whose writer still has it open, as libhdf5 does."""
    place = made(root, (REAL / "version-0.h5").read_bytes(), "held.h5")
    with place.open("rb+") as file:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield place


def test_hdf5_that_a_program_has_locked_is_being_written(held: Path, disk: CountingDisk) -> None:
    assert said_and_sent(held, disk) == "HDF5"


def test_we_take_no_lock_that_its_writer_could_meet(root: Path, disk: CountingDisk) -> None:
    place = made(root, (REAL / "version-0.h5").read_bytes())
    with opened(place, disk) as source, place.open("rb+") as writer:
        still_written(source)
        fcntl.flock(writer, fcntl.LOCK_EX | fcntl.LOCK_NB)


def test_readers_lock_no_file_for_writing(root: Path, disk: CountingDisk) -> None:
    place = made(root, (REAL / "version-0.h5").read_bytes())
    with place.open("rb") as reader:
        fcntl.flock(reader, fcntl.LOCK_SH)
        assert said_and_sent(place, disk) is None


def test_a_lock_on_another_format_says_nothing(root: Path, disk: CountingDisk) -> None:
    place = made(root, (REAL / "map.png").read_bytes())
    with place.open("rb+") as writer:
        fcntl.flock(writer, fcntl.LOCK_EX)
        assert said_and_sent(place, disk) is None


@pytest.mark.parametrize(
    ("line", "locked"),
    [
        ("1: FLOCK  ADVISORY  WRITE 2488 {file} 0 EOF", True),
        ("3: OFDLCK ADVISORY  WRITE -1 {file} 0 EOF", True),
        ("1: -> FLOCK  ADVISORY  WRITE 2489 {file} 0 EOF", False),
        ("2: POSIX  ADVISORY  READ 2488 {file} 128 128", False),
        ("1: FLOCK  ADVISORY  WRITE 2488 {other_disk} 0 EOF", False),
        ("5: POSIX  ADVISORY  WRITE 7 nonsense 0 EOF", False),
        ("7: FLOCK", False),
        ("", False),
    ],
)
def test_the_systems_list_of_locks(tmp_path: Path, line: str, *, locked: bool) -> None:
    status = tmp_path.stat()
    major, minor = os.major(status.st_dev), os.minor(status.st_dev)
    file = f"{major:02x}:{minor:02x}:{status.st_ino}"
    other = f"{major:02x}:{minor + 1:02x}:{status.st_ino}"
    lines = ["9: LEASE  ACTIVE    READ  5 fe:00:14 0 EOF", line, ""]
    text = "\n".join(lines).format(file=file, other_disk=other)
    (tmp_path / "locks").write_text(text)
    assert locked_for_writing(status, tmp_path) is locked
    assert not locked_for_writing(status, tmp_path / "none")
