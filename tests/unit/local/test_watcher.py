"""Hints of real changes to real files."""

from __future__ import annotations

import mmap
import os
import shutil
from pathlib import Path

from tests.support.listening import Listen, Listening


def test_each_way_in_which_a_file_changes(root: Path, listen: Listen, tmp_path: Path) -> None:
    for name in ("appended", "cut", "moved", "over", "deleted", "touched", "private", "linked"):
        (root / name).write_bytes(b"content")
    (tmp_path / "outside").write_bytes(b"content")
    (tmp_path / "of another name").write_bytes(b"content")
    listening = listen()

    (root / "written").write_bytes(b"content")
    listening.hears("written")
    with (root / "appended").open("ab", buffering=0) as still_open:
        still_open.write(b"more")
        listening.hears("appended")
    os.truncate(root / "cut", 1)
    listening.hears("cut")
    (root / "moved").rename(root / "new name")
    listening.hears("moved", "new name")
    (root / "new name").rename(root / "over")
    listening.hears("over")
    (root / "deleted").unlink()
    listening.hears("deleted")
    os.utime(root / "touched", ns=(1, 1))
    listening.hears("touched")
    (root / "private").chmod(0o600)
    listening.hears("private")
    (root / "hard link").hardlink_to(root / "linked")
    listening.hears("hard link")
    (tmp_path / "outside").rename(root / "moved in")
    listening.hears("moved in")
    (root / "linked from outside").hardlink_to(tmp_path / "of another name")
    listening.hears("linked from outside")
    (root / "moved in").rename(tmp_path / "outside")
    assert listening.doubts == []


def test_a_file_that_is_moved_out_is_hinted_at(root: Path, listen: Listen, tmp_path: Path) -> None:
    (root / "file").touch()
    listening = listen()
    (root / "file").rename(tmp_path / "file")
    listening.hears("file")


def test_a_new_directory_is_watched_and_what_was_in_it_is_meant(
    root: Path, listen: Listen, tmp_path: Path
) -> None:
    (tmp_path / "run" / "deep").mkdir(parents=True)
    (tmp_path / "run" / "deep" / "data").touch()
    listening = listen()
    (tmp_path / "run").rename(root / "run")
    listening.hears("run")
    listening.hears_all_before_now()
    (root / "run" / "deep" / "data").write_bytes(b"more")
    listening.hears("run/deep/data")
    (root / "made" / "here").mkdir(parents=True)
    listening.hears("made")
    listening.hears_all_before_now()
    (root / "made" / "here" / "file").touch()
    listening.hears("made/here/file")


def test_a_directory_that_moves_is_hinted_at_by_both_names_and_stays_watched(
    root: Path, listen: Listen
) -> None:
    (root / "old" / "deep").mkdir(parents=True)
    listening = listen()
    (root / "old").rename(root / "new")
    listening.hears("old", "new")
    listening.hears_all_before_now()
    (root / "new" / "deep" / "file").touch()
    listening.hears("new/deep/file")


def test_a_directory_that_is_deleted_or_made_readable(root: Path, listen: Listen) -> None:
    (root / "deleted" / "deep").mkdir(parents=True)
    (root / "readable").mkdir()
    listening = listen()
    shutil.rmtree(root / "deleted")
    listening.hears("deleted")
    (root / "readable").chmod(0o755)
    listening.hears("readable")


def test_names_that_are_no_utf8(root: Path, listen: Listen) -> None:
    listening = listen()
    directory = root / "gr\udcf6\udcdfe"
    directory.mkdir()
    listening.hears("gr\udcf6\udcdfe")
    (directory / "\udcff\udcfe").touch()
    listening.hears("gr\udcf6\udcdfe/\udcff\udcfe")
    (root / "grün #7 °C").touch()
    listening.hears("grün #7 °C")


def test_linked_directories_are_not_followed(root: Path, listen: Listen, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (root / "before").symlink_to(tmp_path / "elsewhere")
    listening = listen()
    (root / "after").symlink_to(tmp_path / "elsewhere")
    listening.hears("after")
    (tmp_path / "elsewhere" / "file").touch()
    listening.hears_only("after")


def test_a_root_that_is_a_link_itself_is_followed(root: Path, tmp_path: Path) -> None:
    (root / "deep").mkdir()
    (tmp_path / "link").symlink_to(root)
    listening = Listening(tmp_path / "link")
    try:
        (root / "file").touch()
        (root / "deep" / "file").touch()
        listening.hears("file", "deep/file")
        assert listening.watcher.ailment() is None
    finally:
        listening.watcher.stop()


def test_our_own_reading_makes_no_hint(root: Path, listen: Listen) -> None:
    (root / "deep").mkdir()
    (root / "deep" / "file").write_bytes(b"content")
    listening = listen()
    assert (root / "deep" / "file").read_bytes() == b"content"
    assert list(root.rglob("*"))
    listening.hears_only()


def test_it_tells_which_files_were_closed_by_who_could_write(root: Path, listen: Listen) -> None:
    for name in ("mapped", "read", "open"):
        (root / name).write_bytes(bytes(4096))
    listening = listen()
    with (root / "open").open("ab", buffering=0) as still_open:
        still_open.write(b"more")
        (root / "read").read_bytes()
        with (root / "mapped").open("r+b") as file, mmap.mmap(file.fileno(), 4096) as pages:
            pages[0] = 1
        listening.until(lambda: "mapped" in listening.closed)
        listening.hears("open")
        assert listening.closed == {"mapped"}
    listening.until(lambda: "open" in listening.closed)
    listening.hears_all_before_now()
    assert "read" not in listening.closed
