"""Files of the libraries that laboratories use: whole, cut off anywhere, and copied while open."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.local.formats.viewing import (
    BEING_WRITTEN,
    CANNOT_TELL,
    FINISHED,
    REAL,
    read_of,
    said_of,
)

FORMAT_OF = {
    ".h5": "HDF5",
    ".npz": "ZIP",
    ".zip": "ZIP",
    ".png": "PNG",
    ".tdms": "TDMS",
    ".tdms_index": "TDMS",
    ".parquet": "Parquet",
    ".arrow": "Arrow",
    ".gz": "gzip",
}
FILES = sorted(file for file in REAL.iterdir() if file.suffix in FORMAT_OF)
WHOLE = [file for file in FILES if ".open" not in file.suffixes]
OPEN = [file for file in FILES if ".open" in file.suffixes]
LONGEST_MAGIC = 8


def named(file: Path) -> str:
    return file.name


def whole_parts(file: Path, content: bytes) -> set[int]:
    """Where a file of segments, or of members, is whole although more follows."""
    magic = {".tdms": b"TDSm", ".tdms_index": b"TDSh", ".gz": b"\x1f\x8b\x08"}.get(file.suffix)
    if magic is None:
        return set()
    return {at for at in range(1, len(content)) if content.startswith(magic, at)}


def test_there_is_a_file_of_each_format() -> None:
    assert {FORMAT_OF[file.suffix] for file in WHOLE} == set(FORMAT_OF.values())


@pytest.mark.parametrize("file", WHOLE, ids=named)
def test_a_whole_file_is_finished(file: Path) -> None:
    content = file.read_bytes()
    assert said_of(content) == (FORMAT_OF[file.suffix], FINISHED)
    verdict, reads = read_of(content, in_memory=1100)
    assert verdict is FINISHED
    assert reads.count <= 3


@pytest.mark.parametrize("file", OPEN, ids=named)
def test_a_file_that_was_copied_while_it_was_open_is_being_written(file: Path) -> None:
    assert said_of(file.read_bytes()) == (FORMAT_OF[file.suffix], BEING_WRITTEN)


@pytest.mark.parametrize("file", WHOLE, ids=named)
def test_a_beginning_of_a_file_is_being_written(file: Path) -> None:
    content = file.read_bytes()
    parts = whole_parts(file, content)
    start = max(content.find(b"\x89HDF"), 0) + LONGEST_MAGIC
    for size in range(len(content)):
        name, verdict = said_of(content[:size])
        if size >= start or name is not None:
            assert verdict is (FINISHED if size in parts else BEING_WRITTEN), size


@pytest.mark.parametrize("file", WHOLE, ids=named)
def test_what_is_read_besides_the_beginning_is_judged_alike(file: Path) -> None:
    content = file.read_bytes()
    in_memory = 1100 if file.name.startswith("user-block") else 64
    for size in range(in_memory, len(content), 7):
        verdict, _ = read_of(content[:size], in_memory)
        assert verdict in {said_of(content[:size])[1], CANNOT_TELL}
        assert verdict is not CANNOT_TELL or file.suffix == ".gz"
