"""Only the very version that was proved goes; whatever else is there stays as it is."""

from __future__ import annotations

import hashlib
import mmap
import os
from pathlib import Path

import pytest

from aqsync.errors import FileChanged, FileVanished, LocalError
from aqsync.local.aside import aside_name
from aqsync.local.disk import seen_in
from aqsync.local.removal import Proved, Remover
from aqsync.model import Signature

CONTENT = b"the only copy"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "root"
    (root / "run").mkdir(parents=True)
    (root / "run/a").write_bytes(CONTENT)
    return root


def proved(root: Path, path: str = "run/a") -> Proved:
    seen = seen_in((root / path).stat())
    return Proved(path, Signature(*seen[1:]), hashlib.sha256(CONTENT).digest())


def names(root: Path) -> list[str]:
    return sorted(entry.name for entry in (root / "run").iterdir())


def test_it_is_deleted(root: Path) -> None:
    with Remover(root, None) as remover:
        remover.remove(proved(root))
    assert names(root) == []


def test_it_is_moved_to_the_trash(root: Path, tmp_path: Path) -> None:
    with Remover(root, tmp_path / "trash") as remover:
        remover.remove(proved(root))
    assert names(root) == []
    assert (tmp_path / "trash/run/a").read_bytes() == CONTENT


def test_nobody_else_can_enter_the_trash(root: Path, tmp_path: Path) -> None:
    (root / "run/deep/er").mkdir(parents=True)
    (root / "run/deep/er/b").write_bytes(CONTENT)
    top = tmp_path / "made/trash"
    with Remover(root, top) as remover:
        remover.remove(proved(root, "run/deep/er/b"))
        remover.remove(proved(root))
    folders = [top.parent, top, *(path for path in top.rglob("*") if path.is_dir())]
    assert {path.stat().st_mode & 0o777 for path in folders} == {0o700}
    assert len(folders) == 5


def another_disk(monkeypatch: pytest.MonkeyPatch, trash: Path) -> None:
    rename = os.rename

    def refusing(source: str, target: str | Path, **handles: int) -> None:
        if str(target).startswith(str(trash)) and handles.keys() == {"src_dir_fd"}:
            raise OSError(18, "Invalid cross-device link")
        rename(source, target, **handles)

    monkeypatch.setattr(os, "rename", refusing)


def test_to_a_trash_on_another_disk_it_is_copied_first(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    another_disk(monkeypatch, tmp_path / "trash")
    mtime_ns = (root / "run/a").stat().st_mtime_ns
    with Remover(root, tmp_path / "trash") as remover:
        remover.remove(proved(root))
    moved = tmp_path / "trash/run/a"
    assert (moved.read_bytes(), moved.stat().st_mtime_ns) == (CONTENT, mtime_ns)
    assert names(root) == []


def test_a_name_of_255_bytes_goes_to_a_trash_on_another_disk_too(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    another_disk(monkeypatch, tmp_path / "trash")
    name = "n" * 255
    (root / "run/a").rename(root / "run" / name)
    with Remover(root, tmp_path / "trash") as remover:
        remover.remove(proved(root, f"run/{name}"))
    assert (tmp_path / "trash/run" / name).read_bytes() == CONTENT


def test_what_was_left_aside_before_is_never_replaced(root: Path) -> None:
    left = root / "run" / aside_name("a")
    left.write_bytes(b"from before")
    with Remover(root, None) as remover, pytest.raises(LocalError, match="is beside"):
        remover.remove(proved(root))
    assert ((root / "run/a").read_bytes(), left.read_bytes()) == (CONTENT, b"from before")


def test_what_does_not_arrive_on_another_disk_as_it_was_proved_stays(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    another_disk(monkeypatch, tmp_path / "trash")
    with Remover(root, tmp_path / "trash") as remover, pytest.raises(FileChanged):
        remover.remove(proved(root)._replace(sha256=b"other"))
    assert names(root) == ["a"]
    assert list((tmp_path / "trash").rglob("a*")) == []


@pytest.mark.parametrize("change", ["content", "replaced", "link", "folder"])
def test_what_has_changed_stays(root: Path, change: str) -> None:
    expected, place = proved(root), root / "run/a"
    if change == "content":
        place.write_bytes(CONTENT + b" and more")
    else:
        place.rename(root / "moved")
        if change == "replaced":
            place.write_bytes(CONTENT)
        elif change == "link":
            place.symlink_to(root / "moved")
        else:
            place.mkdir()
    with Remover(root, None) as remover, pytest.raises(FileChanged, match="left as it is"):
        remover.remove(expected)
    assert names(root) == ["a"]


def test_what_is_gone_is_said(root: Path) -> None:
    expected = proved(root)
    (root / "run/a").unlink()
    with Remover(root, None) as remover, pytest.raises(FileVanished):
        remover.remove(expected)


def replaced_while_renamed(monkeypatch: pytest.MonkeyPatch, place: Path, *, twice: bool) -> None:
    """A writer puts its own file there between the look and the renaming."""
    rename = os.rename

    def late(source: str, target: str, **handles: int) -> None:
        if source == "a":
            place.with_name("new").write_bytes(b"new data")
            place.with_name("new").replace(place)
        rename(source, target, **handles)
        if source == "a" and twice:
            place.write_bytes(b"newer data")

    monkeypatch.setattr(os, "rename", late)


def test_what_a_writer_puts_there_at_that_moment_is_put_back(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = proved(root)
    replaced_while_renamed(monkeypatch, root / "run/a", twice=False)
    with Remover(root, None) as remover, pytest.raises(FileChanged):
        remover.remove(expected)
    assert names(root) == ["a"]
    assert (root / "run/a").read_bytes() == b"new data"


def test_two_new_files_at_that_moment_both_stay(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = proved(root)
    replaced_while_renamed(monkeypatch, root / "run/a", twice=True)
    with Remover(root, None) as remover, pytest.raises(LocalError, match="beside it"):
        remover.remove(expected)
    assert sorted(each.read_bytes() for each in (root / "run").iterdir()) == [
        b"new data",
        b"newer data",
    ]


def test_links_lead_nowhere(root: Path, tmp_path: Path) -> None:
    expected = proved(root)
    (root / "run").rename(tmp_path / "elsewhere")
    (root / "run").symlink_to(tmp_path / "elsewhere")
    with Remover(root, None) as remover, pytest.raises(LocalError):
        remover.remove(expected)
    assert (tmp_path / "elsewhere/a").exists()


@pytest.mark.parametrize("tells", [True, False])
def test_what_a_program_has_open_for_writing_stays(
    root: Path, monkeypatch: pytest.MonkeyPatch, *, tells: bool
) -> None:
    """It may have opened it since it was proved: what it writes next must not be lost."""
    if not tells:  # file systems without leases, and files of others
        monkeypatch.setattr("aqsync.local.removal._is_open_for_writing", lambda _handle: None)
    version = proved(root)
    with (root / "run/a").open("a") as file, Remover(root, None) as remover:
        with pytest.raises(FileChanged, match="open for writing"):
            remover.remove(version)
        file.write(", and more")
    assert names(root) == ["a"]
    assert (root / "run/a").read_bytes() == CONTENT + b", and more"


def test_what_a_program_has_mapped_for_writing_stays(root: Path) -> None:
    with (root / "run/a").open("r+b") as file:
        mapped = mmap.mmap(file.fileno(), 0)
    with mapped, Remover(root, None) as remover:
        with pytest.raises(FileChanged, match="open for writing"):
            remover.remove(proved(root))
        mapped[0:3] = b"THE"
    assert (root / "run/a").read_bytes() == b"THE only copy"


def test_a_full_trash_keeps_nothing_of_a_copy(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    another_disk(monkeypatch, tmp_path / "trash")

    def full(_handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with Remover(root, tmp_path / "trash") as remover, pytest.raises(LocalError, match="No space"):
        remover.remove(proved(root))
    assert names(root) == ["a"]
    assert [path for path in (tmp_path / "trash").rglob("*") if path.is_file()] == []


def test_a_copy_in_the_trash_is_for_those_whom_the_file_was_for(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    another_disk(monkeypatch, tmp_path / "trash")
    (root / "run/a").chmod(0o600)
    with Remover(root, tmp_path / "trash") as remover:
        remover.remove(proved(root))
    assert (tmp_path / "trash/run/a").stat().st_mode & 0o777 == 0o600
