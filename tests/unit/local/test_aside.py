"""What a killed `aqsync free` has left under another name is found and put back."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from aqsync.errors import LocalError
from aqsync.local.aside import LeftAside, alone, aside_name, left_aside, noted, put_all_back

NAMES = ["a", "ä" * 127, os.fsdecode(b"\xff.csv")]


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    (tmp_path / "root/run").mkdir(parents=True)
    return tmp_path / "journal.db"


def root_of(journal: Path) -> Path:
    return journal.parent / "root"


def killed_while_removing(journal: Path, *paths: str) -> None:
    """A process notes these files, renames them as for a removal, and is killed."""
    code = """
import os, signal, sys
from pathlib import Path
from aqsync.local.aside import aside_name, noted
root, *paths = sys.argv[2:]
with noted(Path(sys.argv[1]), Path(root), paths):
    for place in (Path(root, path) for path in paths):
        if place.exists():
            place.rename(place.with_name(aside_name(place.name)))
    os.kill(os.getpid(), signal.SIGKILL)
"""
    command = [sys.executable, "-c", code, str(journal), str(root_of(journal)), *paths]
    ended = subprocess.run(command, check=False)
    assert ended.returncode == -signal.SIGKILL


def test_what_a_kill_left_is_named_and_put_back(journal: Path) -> None:
    places = [root_of(journal) / "run" / name for name in NAMES]
    for place in places:
        place.write_bytes(os.fsencode(place.name))
    killed_while_removing(journal, *(f"run/{name}" for name in [*NAMES, "never there"]))
    assert not any(place.exists() for place in places)
    found = [LeftAside(place, aside_name(place.name)) for place in places]
    assert left_aside(journal) == found
    assert put_all_back(journal) == found
    assert [place.read_bytes() for place in places] == [os.fsencode(name) for name in NAMES]
    assert left_aside(journal) == put_all_back(journal) == []


def test_a_new_file_at_its_place_stays_and_both_are_named_until_one_is_renamed(
    journal: Path,
) -> None:
    place = root_of(journal) / "run/a"
    place.write_text("before")
    killed_while_removing(journal, "run/a")
    place.write_text("new")
    for _ in range(2):
        [left] = put_all_back(journal)
        assert "a new file came" in left.why
        assert place.read_text() == "new"
        assert place.with_name(left.aside).read_text() == "before"
    place.rename(place.with_name("b"))
    assert [left.why for left in put_all_back(journal)] == [""]
    assert place.read_text() == "before"


def test_a_kill_while_it_was_put_back_is_mended(journal: Path) -> None:
    place = root_of(journal) / "run/a"
    place.write_text("before")
    killed_while_removing(journal, "run/a")
    os.link(place.with_name(aside_name("a")), place)
    assert put_all_back(journal) == [LeftAside(place, aside_name("a"))]
    assert [entry.name for entry in place.parent.iterdir()] == ["a"]


def test_what_a_process_is_removing_now_is_left_to_it(journal: Path) -> None:
    aside = root_of(journal) / "run" / aside_name("a")
    with noted(journal, root_of(journal), ["run/a"]):
        aside.write_text("on its way")
        assert left_aside(journal) == put_all_back(journal) == []
        aside.unlink()
    assert [*journal.with_name("journal.db.freeing").iterdir()] == []


def test_one_at_a_time_which_puts_back_what_others_left(journal: Path) -> None:
    place = root_of(journal) / "run/a"
    place.write_text("before")
    killed_while_removing(journal, "run/a")
    with alone(journal) as left:
        assert left == [LeftAside(place, aside_name("a"))]
        with pytest.raises(LocalError, match="at work"), alone(journal):
            pass
    with alone(journal) as left:
        assert left == left_aside(journal) == []


def test_what_could_not_be_put_back_at_once_is_found_later(journal: Path) -> None:
    place = root_of(journal) / "run/a"
    with noted(journal, root_of(journal), ["run/a"]):
        place.with_name(aside_name("a")).write_text("before")
    put_all_back(journal)
    assert place.read_text() == "before"


def test_a_root_that_is_away_is_named_and_looked_at_again(journal: Path) -> None:
    place = root_of(journal) / "run/a"
    place.write_text("before")
    killed_while_removing(journal, "run/a")
    root_of(journal).rename(journal.with_name("elsewhere"))
    [left] = put_all_back(journal)
    assert (left.place, bool(left.why)) == (root_of(journal), True)
    journal.with_name("elsewhere").rename(root_of(journal))
    put_all_back(journal)
    assert place.read_text() == "before"


@pytest.mark.parametrize("note", ["", "[]", '{"root": "/", "paths": 7}', "x" * 1000])
def test_a_note_that_is_none_says_nothing(journal: Path, note: str) -> None:
    folder = journal.with_name("journal.db.freeing")
    folder.mkdir()
    (folder / "note").write_text(note)
    (folder / "note.new").write_text(note)
    assert put_all_back(journal) == []
    assert [*folder.iterdir()] == []
