"""What comes out of a guarded read is one whole version of a file, or an error."""

from __future__ import annotations

import errno
import os
import shutil
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from aqsync.errors import FileChanged, FileUnreadable, FileVanished, LocalError
from aqsync.local.disk import RealDisk, Seen, seen_in
from aqsync.local.reader import CHUNK, GuardedFile, is_gone
from aqsync.model import Signature
from tests.support.permissions import bound_by_permissions

BIG = CHUNK * 3 + 17


def now(place: Path) -> Signature:
    return Signature(*seen_in(place.lstat())[1:])


def guarded(place: Path, expected: Signature | None = None) -> GuardedFile:
    return GuardedFile(place.parent, place.name, expected or now(place))


def make(tmp_path: Path, size: int = BIG) -> Path:
    place = tmp_path / "a.bin"
    place.write_bytes(os.urandom(size))
    os.utime(place, ns=(0, 10**18))
    return place


@pytest.mark.parametrize("size", [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK, 2 * CHUNK + 1, BIG])
def test_every_byte_comes_out(tmp_path: Path, size: int) -> None:
    place = make(tmp_path, size)
    with guarded(place) as source:
        chunks = list(source.chunks())
    assert b"".join(chunks) == place.read_bytes()
    assert all(0 < len(chunk) <= CHUNK for chunk in chunks)


@pytest.mark.parametrize("size", [1, 2, 5, 6, 7])
def test_chunks_of_any_size(tmp_path: Path, size: int) -> None:
    place = tmp_path / "a"
    place.write_bytes(b"123456")
    with guarded(place) as source:
        chunks = list(source.chunks(size))
    assert b"".join(chunks) == b"123456"
    assert {len(chunk) for chunk in chunks[:-1]} <= {size}


def test_a_file_with_holes(tmp_path: Path) -> None:
    place = tmp_path / "sparse"
    with place.open("wb") as file:
        file.truncate(BIG)
    with guarded(place) as source:
        assert b"".join(source.chunks()) == bytes(BIG)


def test_reading_leaves_the_file_as_it_is(tmp_path: Path) -> None:
    place = make(tmp_path)
    place.chmod(0o400)
    before = now(place)
    with bound_by_permissions(), guarded(place) as source:
        for _ in source.chunks():
            pass
    assert now(place) == before


# What was another version before it was opened

OTHER_VERSIONS: list[tuple[str, Callable[[Path], object]]] = [
    ("rewritten", lambda place: place.write_bytes(b"another")),
    ("touched", lambda place: os.utime(place, ns=(0, 5))),
    ("made private", lambda place: place.chmod(0o600)),
    ("grown", lambda place: os.truncate(place, BIG + 1)),
    ("cut", lambda place: os.truncate(place, 3)),
    ("copied anew", lambda place: Path(shutil.copy2(place, f"{place}2")).replace(place)),
    ("linked once more", lambda place: os.link(place, f"{place}2")),
]


@pytest.mark.parametrize(
    "change", [pair[1] for pair in OTHER_VERSIONS], ids=[pair[0] for pair in OTHER_VERSIONS]
)
def test_another_version_is_not_read(tmp_path: Path, change: Callable[[Path], object]) -> None:
    place = make(tmp_path)
    expected = now(place)
    change(place)
    with pytest.raises(FileChanged):
        guarded(place, expected)


def test_a_rewrite_with_its_time_put_back_is_seen(tmp_path: Path) -> None:
    place = make(tmp_path)
    expected = now(place)
    place.write_bytes(os.urandom(BIG))
    os.utime(place, ns=(0, expected.mtime_ns))
    assert now(place)[:2] == expected[:2]
    with pytest.raises(FileChanged):
        guarded(place, expected)


def vanished(place: Path) -> None:
    place.unlink()


def directory_instead(place: Path) -> None:
    place.unlink()
    place.mkdir()


def link_instead(place: Path) -> None:
    place.rename(place.with_name("elsewhere"))
    place.symlink_to("elsewhere")


def fifo_instead(place: Path) -> None:
    place.unlink()
    os.mkfifo(place)


def socket_instead(place: Path) -> None:
    place.unlink()
    folder = os.open(place.parent, os.O_RDONLY)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(f"/proc/self/fd/{folder}/{place.name}")  # a short way to a long path
    os.close(folder)


REPLACEMENTS = [vanished, directory_instead, link_instead, fifo_instead, socket_instead]


@pytest.mark.parametrize("replace", REPLACEMENTS)
def test_what_is_no_file_any_more_is_not_opened(
    tmp_path: Path, replace: Callable[[Path], None]
) -> None:
    place = make(tmp_path)
    expected = now(place)
    replace(place)
    with pytest.raises(FileVanished):
        guarded(place, expected)


def test_a_fifo_with_a_writer_is_not_read_from(tmp_path: Path) -> None:
    place = tmp_path / "pipe"
    os.mkfifo(place)
    other_end = os.open(place, os.O_RDWR)
    os.write(other_end, b"not for us")
    with pytest.raises(FileVanished):
        guarded(place, Signature(10, 0, 0, 0))
    assert os.read(other_end, 99) == b"not for us"
    os.close(other_end)


def test_a_file_that_may_not_be_read(tmp_path: Path) -> None:
    place = make(tmp_path)
    place.chmod(0)
    with bound_by_permissions(), pytest.raises(FileUnreadable) as caught:
        guarded(place)
    assert caught.value.message == f"{place} cannot be read: Permission denied"
    assert caught.value.hint == "let the user that aqsync runs as read it"
    assert not caught.value.permanent


# The way to it


def below(tmp_path: Path) -> tuple[Path, Signature]:
    """A root that has a file some directories down."""
    root = tmp_path / "root"
    place = root / "one/two/a.bin"
    place.parent.mkdir(parents=True)
    place.write_bytes(b"inside")
    return root, now(place)


def test_a_file_below_directories(tmp_path: Path) -> None:
    root, expected = below(tmp_path)
    with GuardedFile(root, "one/two/a.bin", expected) as source:
        assert list(source.chunks()) == [b"inside"]


@pytest.mark.parametrize("linked", ["one", "one/two"])
def test_no_link_on_the_way_is_followed(tmp_path: Path, linked: str) -> None:
    root, _ = below(tmp_path)
    (root / linked).rename(tmp_path / "moved")
    (root / linked).symlink_to(tmp_path / "moved")
    expected = now(root / "one/two/a.bin")
    with pytest.raises(FileVanished):
        GuardedFile(root, "one/two/a.bin", expected)


def test_the_root_itself_may_be_a_link(tmp_path: Path) -> None:
    root, expected = below(tmp_path)
    link = tmp_path / "link"
    link.symlink_to(root)
    with GuardedFile(link, "one/two/a.bin", expected) as source:
        assert list(source.chunks()) == [b"inside"]


def test_a_root_that_is_gone(tmp_path: Path) -> None:
    root, expected = below(tmp_path)
    root.rename(tmp_path / "away")
    with pytest.raises(FileVanished):
        GuardedFile(root, "one/two/a.bin", expected)


def test_a_file_where_a_directory_was(tmp_path: Path) -> None:
    root, expected = below(tmp_path)
    shutil.rmtree(root / "one")
    (root / "one").write_text("")
    with pytest.raises(FileVanished):
        GuardedFile(root, "one/two/a.bin", expected)


def test_a_name_that_is_no_utf8(tmp_path: Path) -> None:
    place = tmp_path / os.fsdecode(b"bad-\xff")
    place.write_bytes(b"x")
    with guarded(place) as source:
        assert list(source.chunks()) == [b"x"]


# What happens under the read


def read_but(
    place: Path, expected_error: type[LocalError], change: Callable[[Path], object]
) -> int:
    """Change the file after the first chunk; returns how many bytes came out."""
    seen: list[int] = []
    with guarded(place) as source:
        chunks = source.chunks()
        seen.append(len(next(chunks)))
        change(place)
        with pytest.raises(expected_error):
            seen.extend(map(len, chunks))
    return sum(seen)


@pytest.mark.parametrize(
    "change", [pair[1] for pair in OTHER_VERSIONS], ids=[pair[0] for pair in OTHER_VERSIONS]
)
def test_a_change_under_the_read_keeps_the_last_chunk_back(
    tmp_path: Path, change: Callable[[Path], object]
) -> None:
    place = make(tmp_path)
    assert read_but(place, FileChanged, change) < BIG


@pytest.mark.parametrize("replace", REPLACEMENTS)
def test_a_file_replaced_under_the_read_keeps_the_last_chunk_back(
    tmp_path: Path, replace: Callable[[Path], None]
) -> None:
    place = make(tmp_path)
    assert read_but(place, LocalError, replace) < BIG


def test_a_file_of_one_chunk_is_checked_before_it_is_given_out(tmp_path: Path) -> None:
    place = make(tmp_path, 10)
    with guarded(place) as source:
        place.write_bytes(b"0123456789")
        with pytest.raises(FileChanged):
            next(source.chunks())


def test_a_file_of_whole_chunks_is_checked_before_the_last_of_them(tmp_path: Path) -> None:
    place = make(tmp_path, 20)
    with guarded(place) as source:
        chunks = source.chunks(10)
        next(chunks)
        os.utime(place)
        with pytest.raises(FileChanged):
            next(chunks)


def test_an_empty_file_is_checked_too(tmp_path: Path) -> None:
    place = make(tmp_path, 0)
    with guarded(place) as source:
        place.write_bytes(b"not empty now")
        with pytest.raises(FileChanged):
            list(source.chunks())


def test_a_change_in_the_last_chunk_is_noticed(tmp_path: Path) -> None:
    place = make(tmp_path)
    with guarded(place) as source:
        chunks = source.chunks()
        for _ in range(3):
            next(chunks)
        with place.open("r+b") as file:
            file.seek(BIG - 1)
            file.write(b"!")
        with pytest.raises(FileChanged):
            next(chunks)


def test_another_file_in_its_place_is_noticed_though_the_open_one_stays(tmp_path: Path) -> None:
    """A directory on the way was replaced: nothing of the open file shows that."""
    root, expected = below(tmp_path)
    with GuardedFile(root, "one/two/a.bin", expected) as source:
        (root / "one").rename(root / "moved")
        below_again = root / "one/two/a.bin"
        below_again.parent.mkdir(parents=True)
        below_again.write_bytes(b"inside")
        with pytest.raises(FileChanged):
            list(source.chunks())


# What people are told


def test_what_happened_to_a_file_is_told(tmp_path: Path) -> None:
    place = make(tmp_path)
    with guarded(place) as source:
        chunks = source.chunks()
        next(chunks)
        place.write_bytes(b"")
        with pytest.raises(FileChanged) as caught:
            next(chunks)
        assert caught.value.message == f"{place} became shorter while it was read"
    with pytest.raises(FileChanged) as caught:
        guarded(place, Signature(10, 0, 0, 0))
    assert caught.value.message == f"{place} changed while it was about to be sent"
    place.unlink()
    with pytest.raises(FileVanished) as gone:
        guarded(place, Signature(10, 0, 0, 0))
    assert gone.value.message == f"{place} is gone, or no longer a regular file"
    os.mkfifo(place)
    with pytest.raises(FileVanished) as fifo:
        guarded(place, Signature(10, 0, 0, 0))
    assert fifo.value.message == f"{place} is no longer a regular file"


class FailingDisk(RealDisk):
    """Every look fails."""

    def __init__(self, error: OSError) -> None:
        self._error = error

    def look(self, _root: Path, _path: str) -> Seen:
        raise self._error


@pytest.mark.parametrize(
    ("error", "reason", "hint"),
    [
        (OSError(errno.EIO, "Input/output error"), "Input/output error", "check the disk"),
        (OSError("odd"), "odd", "check the disk"),
        (
            PermissionError(errno.EACCES, "Denied"),
            "Denied",
            "let the user that aqsync runs as read it",
        ),
    ],
)
def test_why_a_file_cannot_be_read_is_told(
    tmp_path: Path, error: OSError, reason: str, hint: str
) -> None:
    with pytest.raises(FileUnreadable) as caught:
        is_gone(tmp_path, "a", FailingDisk(error))
    assert caught.value.message == f"{tmp_path / 'a'} cannot be read: {reason}"
    assert caught.value.hint == hint


def test_descriptors_are_closed_whatever_happens(tmp_path: Path) -> None:
    place = make(tmp_path)
    expected = now(place)
    before = set(Path("/proc/self/fd").iterdir())
    read_but(place, FileChanged, lambda p: p.write_bytes(b""))
    for wrong in (place, tmp_path / "none", tmp_path):
        with pytest.raises(LocalError):
            guarded(wrong, expected)
    assert set(Path("/proc/self/fd").iterdir()) == before


# Whether nothing is there


@pytest.mark.parametrize("path", ["none", "none/deeper", "file/below", "directory"])
def test_what_is_gone(tmp_path: Path, path: str) -> None:
    (tmp_path / "file").write_text("")
    (tmp_path / "directory").mkdir()
    assert is_gone(tmp_path, path)


@pytest.mark.parametrize("path", ["file", "dangling", "directory/inside"])
def test_what_is_not_gone(tmp_path: Path, path: str) -> None:
    (tmp_path / "file").write_text("")
    (tmp_path / "directory").mkdir()
    (tmp_path / "directory/inside").write_text("")
    (tmp_path / "dangling").symlink_to("nowhere")
    assert not is_gone(tmp_path, path)


def test_what_cannot_be_told(tmp_path: Path) -> None:
    locked = tmp_path / "locked"
    locked.mkdir(mode=0)
    for path in ("locked/a", "locked/deeper/a"):
        with bound_by_permissions(), pytest.raises(FileUnreadable):
            is_gone(tmp_path, path)


@pytest.mark.parametrize("there", [True, False])
def test_a_link_on_the_way_is_no_answer(tmp_path: Path, *, there: bool) -> None:
    """A directory that was moved to another disk and linked from here is not deleted."""
    (tmp_path / "moved").mkdir()
    if there:
        (tmp_path / "moved/a").write_text("")
    root = tmp_path / "root"
    root.mkdir()
    (root / "run").symlink_to(tmp_path / "moved")
    with pytest.raises(FileUnreadable) as caught:
        is_gone(root, "run/a")
    assert caught.value.message == (
        f"{root / 'run'} is a symbolic link now, so whether run/a is gone cannot be told"
    )
    assert caught.value.hint == (
        "nothing was removed from the server; put the directory back, "
        "or remove the link if its files are meant to go"
    )
