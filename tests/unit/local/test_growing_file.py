"""What is given out of a file that grows: a beginning that makes sense, which stood there once."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from aqsync.errors import FileChanged, FileRewritten, FileVanished
from aqsync.journal.rows import SQLITE
from aqsync.local.disk import seen_in
from aqsync.local.growing_file import TEXT_BYTES, GrowingFile, find_beginning, whole_or_nothing
from aqsync.local.reader import CHUNK
from aqsync.model import Beginning, Signature


def beginning(content: bytes) -> Beginning:
    return Beginning(len(content), hashlib.sha256(content).digest())


def pieces(content: bytes, size: int = CHUNK) -> list[bytes]:
    return [content[at : at + size] for at in range(0, len(content), size)]


LINES = b"".join(b"%06d a line\n" % number for number in range(2 * TEXT_BYTES // 14))


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (b"a line\nanother\n", b"a line\nanother\n"),
        (b"a line\nhalf of ano", b"a line\n"),
        (b"a\r\nb\r\n\r", b"a\r\nb\r\n"),
        (b"no line end at all", None),
        (b"", None),
        (LINES + b"half", LINES),
        (LINES + b"half\0\0\0\0and more\n", LINES),
        (LINES + b"\0" * 100, LINES),
        (b"\0binary, with a half line", b"\0binary, with a half line"),
    ],
    ids=lambda value: None if value is None else repr(value[-12:]),
)
def test_what_makes_sense_by_itself(content: bytes, found: bytes | None) -> None:
    assert find_beginning(pieces(content), None) == (None if found is None else beginning(found))


@pytest.mark.parametrize(
    ("content", "name"),
    [
        (b"SQLite format 3\0 and pages", SQLITE),
        (b"\x89HDF\r\n\x1a\n and more", "HDF5"),
        (b"PK\x03\x04 and more", "ZIP"),
        (b"n,voltage\n", None),
        (b"\0\1\2", None),
        (b"", None),
    ],
)
def test_formats_of_which_no_part_makes_sense(content: bytes, name: str | None) -> None:
    assert whole_or_nothing(content) == name


@pytest.mark.parametrize("size", [TEXT_BYTES, TEXT_BYTES + 1, TEXT_BYTES + 13, CHUNK])
def test_lines_that_lie_across_chunks(size: int) -> None:
    content = LINES + b"half of a line"
    assert find_beginning(pieces(content, size), beginning(LINES[:-7])) == beginning(LINES)


def test_a_line_longer_than_a_chunk_is_not_cut() -> None:
    content = b"first\n" + b"x" * 3 * TEXT_BYTES
    assert find_beginning(pieces(content, TEXT_BYTES), None) == beginning(b"first\n")


@pytest.mark.parametrize("size", [1, 13, TEXT_BYTES - 1, TEXT_BYTES, TEXT_BYTES + 1, len(LINES)])
def test_what_begins_otherwise_than_before_is_told(size: int) -> None:
    known = beginning(LINES[:size])
    assert find_beginning(pieces(LINES, TEXT_BYTES), known) == beginning(LINES)
    for at in {0, size // 2, size - 1}:
        changed = LINES[:at] + bytes([LINES[at] ^ 1]) + LINES[at + 1 :]
        with pytest.raises(FileRewritten):
            find_beginning(pieces(changed, TEXT_BYTES), known)


def test_what_was_longer_before_gives_nothing() -> None:
    assert find_beginning([b"a\nb\n"], beginning(b"a\nb\nc\n")) is None
    assert find_beginning([LINES + b"\0\0"], beginning(LINES + b"b\n")) is None


# From a disk


def now(place: Path) -> Signature:
    return Signature(*seen_in(place.lstat())[1:])


def opened(place: Path, seen: Signature | None = None) -> GrowingFile:
    return GrowingFile(place.parent, place.name, seen or now(place))


@pytest.fixture
def place(tmp_path: Path) -> Path:
    place = tmp_path / "run.log"
    place.write_bytes(LINES)
    return place


def append(place: Path, content: bytes = b"more\n") -> None:
    with place.open("ab") as file:
        file.write(content)


@pytest.mark.parametrize("size", [7, CHUNK, len(LINES)])
def test_what_was_found_comes_out_while_more_is_appended(place: Path, size: int) -> None:
    with opened(place) as source:
        append(place)
        found = find_beginning(source.all(), None)
        assert found == beginning(LINES)
        append(place)
        source.give_out(found)
        append(place)
        chunks = list(source.chunks(size))
    assert source.size == len(LINES)
    assert b"".join(chunks) == LINES
    assert {len(chunk) for chunk in chunks[:-1]} <= {size}


def rewrite(place: Path) -> None:
    with place.open("r+b") as file:
        file.seek(5000)
        file.write(b"REWRITTEN")


def replace_it(place: Path) -> None:
    other = place.with_name("other")
    other.write_bytes(LINES + b"more\n")
    other.replace(place)


@pytest.mark.parametrize(
    ("change", "error"),
    [
        (rewrite, FileRewritten),
        (lambda place: place.write_bytes(LINES[:-1]), FileChanged),
        (lambda place: place.write_bytes(b"X" * 2 * len(LINES)), FileRewritten),
        (lambda place: os.truncate(place, 10), FileChanged),
        (replace_it, FileChanged),
        (Path.unlink, FileVanished),
    ],
)
def test_the_last_bytes_of_what_changed_meanwhile_do_not_come_out(
    place: Path, change: Callable[[Path], object], error: type[FileChanged]
) -> None:
    with opened(place) as source:
        source.give_out(beginning(LINES))
        given = list[bytes]()
        chunks = source.chunks(1000)
        given.append(next(chunks))
        change(place)
        with pytest.raises(error):
            given += chunks
    assert len(b"".join(given)) < len(LINES)


def test_another_file_of_its_name_is_not_opened(place: Path) -> None:
    seen = now(place)
    replace_it(place)
    with pytest.raises(FileChanged):
        opened(place, seen)
    place.unlink()
    with pytest.raises(FileVanished):
        opened(place, seen)
