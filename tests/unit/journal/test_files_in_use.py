"""A journal knows whether its files still are those that its paths lead to."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from aqsync.journal import Journal

NOW_NS = 1_795_428_000 * 10**9


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.db"


@pytest.fixture
def journal(path: Path) -> Iterator[Journal]:
    with Journal.open_for_writing(path, NOW_NS) as journal:
        journal.mappings.get("a")
        yield journal


def test_what_it_does_itself_is_no_problem(journal: Journal, path: Path) -> None:
    for number in range(3):
        assert journal.displaced() is None
        journal.mappings.get(f"b{number}")
        assert journal.displaced() is None
        journal.checkpoint()
    assert journal.displaced() is None
    with Journal.open_for_reading(path) as reader:
        assert reader.displaced() is None
    assert journal.displaced() is None


@pytest.mark.parametrize("suffix", ["", "-wal", "-shm", ".lock"])
def test_a_file_that_is_deleted_or_replaced(journal: Journal, path: Path, suffix: str) -> None:
    assert journal.displaced() is None
    file = path.with_name(path.name + suffix)
    shutil.copy(file, file.with_name("copy"))
    file.unlink()
    assert str(file) in str(journal.displaced())
    file.with_name("copy").rename(file)
    assert str(file) in str(journal.displaced())


def test_a_file_that_is_written_over(journal: Journal, path: Path) -> None:
    journal.checkpoint()
    assert journal.displaced() is None
    content = path.read_bytes()
    path.write_bytes(content)
    os.utime(path, ns=(NOW_NS, NOW_NS))
    assert "was written to by another program" in str(journal.displaced())


def test_what_stands_in_its_place_is_read_through_when_it_is_opened(path: Path) -> None:
    with Journal.open_for_writing(path, NOW_NS) as journal:
        journal.mappings.get("a")
        journal.checkpoint()
        copy = path.with_name("copy")
        shutil.copy(path, copy)
        copy.replace(path)
    assert not path.with_name(path.name + ".lock").read_text().startswith("closed")
    with Journal.open_for_writing(path, NOW_NS) as journal:
        assert journal.mappings.find("a") is not None
        assert journal.broken_set_aside is None
