"""A journal that another user could have planted or changed."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from aqsync.errors import JournalError
from aqsync.journal import Journal
from tests.support.notes import NOW

OPENINGS: tuple[Callable[[Path], Journal], ...] = (
    lambda path: Journal.open_for_writing(path, NOW),
    Journal.open_for_reading,
    lambda path: Journal.copy_in_memory(path, NOW),
)


@pytest.fixture
def journal(path: Path) -> Path:
    Journal.open_for_writing(path, NOW).close()
    return path


def refuses(path: Path, words: str) -> None:
    for opening in OPENINGS:
        with pytest.raises(JournalError, match=words):
            opening(path)


@pytest.mark.parametrize("suffix", ["", "-wal", "-shm", "-journal", ".lock"])
def test_what_others_may_write_to(journal: Path, suffix: str) -> None:
    part = journal.with_name(journal.name + suffix)
    part.touch()
    part.chmod(0o666)
    refuses(journal, f"{part} is not used.* can be written to by every user")


def test_a_folder_that_others_may_write_to(journal: Path) -> None:
    journal.parent.chmod(0o1777)
    refuses(journal, f"the folder {journal.parent} can be written to by every user")


@pytest.mark.skipif(os.geteuid() != 0, reason="gives files away")
@pytest.mark.parametrize("suffix", ["", "-wal", ".lock"])
def test_what_another_user_planted(journal: Path, suffix: str) -> None:
    part = journal.with_name(journal.name + suffix)
    part.touch()
    os.chown(part, 12345, 12345)
    refuses(journal, f"{part} is not used.* belongs to the user with number 12345")


@pytest.mark.parametrize("suffix", ["-wal", "-shm", "-journal", ".lock"])
def test_a_planted_link_is_not_written_through(journal: Path, suffix: str, tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_text("kept")
    part = journal.with_name(journal.name + suffix)
    part.unlink(missing_ok=True)
    part.symlink_to(victim)
    refuses(journal, f"{part} is not a regular file")
    assert victim.read_text() == "kept"


def test_a_journal_is_private_whatever_the_umask(path: Path) -> None:
    path.parent.mkdir(mode=0o755)
    before = os.umask(0)
    try:
        with Journal.open_for_writing(path, NOW) as journal:
            journal.pauses.all()
            modes = {part.name: part.stat().st_mode & 0o777 for part in path.parent.iterdir()}
    finally:
        os.umask(before)
    assert set(modes.values()) == {0o600}, modes


@pytest.mark.skipif(os.geteuid() != 0, reason="gives files away")
def test_root_may_use_the_journal_of_its_folders_owner(journal: Path) -> None:
    for part in (journal.parent, *journal.parent.iterdir()):
        os.chown(part, 12345, 12345)
    for opening in OPENINGS:
        opening(journal).close()
