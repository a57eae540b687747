"""What aqsync sees of a disk: the same on a real one and on the fake one."""

from __future__ import annotations

import errno
import os
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import NamedTuple, Protocol

import pytest

from aqsync.local.disk import REAL_DISK, Disk, OpenFile, RealDisk, Seen
from aqsync.local.ignore_file import read_ignore_file
from aqsync.local.rules import IGNORE_FILE
from aqsync.model import EntryKind
from tests.simulation.fake_disk import FakeDisk
from tests.support.fake_clock import FakeClock
from tests.support.permissions import bound_by_permissions

LONG_AGO_NS = 1_000_000_000 * 10**9


class Programs(Protocol):
    """What other programs do to a disk."""

    def mkdir(self, path: str) -> None: ...
    def write(self, path: str, content: bytes) -> None: ...
    def append(self, path: str, piece: bytes) -> None: ...
    def overwrite(self, path: str, at: int, piece: bytes) -> None: ...
    def truncate(self, path: str, size: int) -> None: ...
    def set_mtime(self, path: str, mtime_ns: int) -> None: ...
    def bar(self, path: str, *, barred: bool = True) -> None: ...
    def link(self, path: str, other: str) -> None: ...
    def symlink(self, path: str, target: str) -> None: ...
    def mkfifo(self, path: str) -> None: ...
    def remove(self, path: str) -> None: ...
    def rename(self, path: str, other: str) -> None: ...


class RealPrograms:
    """They do it to the disk of this machine."""

    def mkdir(self, path: str) -> None:
        Path(path).mkdir(parents=True, exist_ok=True)

    def write(self, path: str, content: bytes) -> None:
        Path(path).write_bytes(content)

    def append(self, path: str, piece: bytes) -> None:
        with Path(path).open("ab") as file:
            file.write(piece)

    def overwrite(self, path: str, at: int, piece: bytes) -> None:
        with Path(path).open("r+b") as file:
            file.seek(at)
            file.write(piece)

    def truncate(self, path: str, size: int) -> None:
        os.truncate(path, size)

    def set_mtime(self, path: str, mtime_ns: int) -> None:
        os.utime(path, ns=(mtime_ns, mtime_ns))

    def bar(self, path: str, *, barred: bool = True) -> None:
        Path(path).chmod(0 if barred else 0o700)

    def link(self, path: str, other: str) -> None:
        os.link(path, other)

    def symlink(self, path: str, target: str) -> None:
        Path(path).symlink_to(target)

    def mkfifo(self, path: str) -> None:
        os.mkfifo(path)

    def remove(self, path: str) -> None:
        place = Path(path)
        if place.is_dir() and not place.is_symlink():
            shutil.rmtree(place)
        else:
            place.unlink()

    def rename(self, path: str, other: str) -> None:
        Path(path).rename(other)


class Machine(NamedTuple):
    """A root with some things in it, a disk to look at it, and programs that change it."""

    disk: Disk
    programs: Programs
    root: Path

    def at(self, path: str) -> str:
        return f"{self.root}/{path}"

    def look(self, path: str) -> Seen:
        return self.disk.look(self.root, path)

    def read(self, path: str) -> bytes:
        with closing(self.disk.open(self.root, path)) as file:
            return all_of(file)

    def list(self, path: str) -> dict[str, Seen]:
        with self.disk.listing(self.root, path) as listing:
            entries = dict(listing.entries)
        seen = {name: what for name, what in entries.items() if not isinstance(what, OSError)}
        assert seen.keys() == entries.keys()
        return seen


def all_of(file: OpenFile) -> bytes:
    content = b""
    while piece := file.read(3):
        content += piece
    return content


@pytest.fixture(params=["real", "fake"])
def machine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Machine]:
    if request.param == "real":
        made = Machine(REAL_DISK, RealPrograms(), tmp_path / "root")
    else:
        fake = FakeDisk(FakeClock())
        made = Machine(fake, fake, Path("/data/root"))
    programs = made.programs
    for folder in ("", "run/deep", "empty"):
        programs.mkdir(made.at(folder).rstrip("/"))
    programs.write(made.at("a"), b"content of a")
    programs.write(made.at("run/b"), b"")
    programs.write(made.at("run/deep/c"), b"c")
    programs.symlink(made.at("run/link"), "b")
    programs.symlink(made.at("way"), "run")
    programs.symlink(made.at("dangling"), "nowhere")
    programs.mkfifo(made.at("fifo"))
    with bound_by_permissions():
        yield made
    for path in ("run", "a"):
        if isinstance(made.disk, RealDisk) and (made.root / path).exists():
            programs.bar(made.at(path), barred=False)


def test_a_listing(machine: Machine) -> None:
    seen = machine.list("")
    kinds = {name: what[0] for name, what in seen.items()}
    assert kinds == {
        "a": EntryKind.FILE,
        "run": None,
        "empty": None,
        "way": EntryKind.SYMLINK,
        "dangling": EntryKind.SYMLINK,
        "fifo": EntryKind.SPECIAL,
    }
    assert {name: machine.look(name) for name in seen} == seen
    assert set(machine.list("run")) == {"b", "deep", "link"}
    assert machine.list("empty") == {}


def test_a_listing_tells_whose_it_is(machine: Machine) -> None:
    identities = set()
    for path in ("", "run", "run/deep", "empty"):
        with machine.disk.listing(machine.root, path) as listing:
            identities.add(listing.identity)
        told = machine.disk.identity(machine.root, path)
        assert listing.identity[:2] == told[:2]
    assert len(identities) == 4
    assert len({identity.device for identity in identities}) == 1
    assert machine.disk.identity(machine.root, "run").inode == machine.look("run")[4]


def test_sizes(machine: Machine) -> None:
    sizes = {path: machine.look(path)[1] for path in ("a", "run/b", "run/deep/c", "way")}
    assert sizes == {"a": 12, "run/b": 0, "run/deep/c": 1, "way": 3}


NOTHING: list[tuple[str, type[OSError]]] = [
    ("none", FileNotFoundError),
    ("none/deeper", FileNotFoundError),
    ("run/none", FileNotFoundError),
    ("a/below", NotADirectoryError),
    ("way/b", NotADirectoryError),
    ("dangling/x", NotADirectoryError),
    ("fifo/x", NotADirectoryError),
]


@pytest.mark.parametrize(("path", "error"), NOTHING)
@pytest.mark.parametrize("how", ["look", "identity", "open"])
def test_where_nothing_is(machine: Machine, path: str, error: type[OSError], how: str) -> None:
    with pytest.raises(error):
        getattr(machine.disk, how)(machine.root, path)


@pytest.mark.parametrize("path", ["a", "way", "fifo", "dangling"])
def test_what_is_no_directory(machine: Machine, path: str) -> None:
    with pytest.raises(NotADirectoryError):
        machine.disk.identity(machine.root, path)
    with pytest.raises(NotADirectoryError), machine.disk.listing(machine.root, path):
        pass


def test_a_directory_that_is_gone_cannot_be_listed(machine: Machine) -> None:
    with pytest.raises(FileNotFoundError), machine.disk.listing(machine.root, "none"):
        pass


def test_reading(machine: Machine) -> None:
    assert machine.read("a") == b"content of a"
    assert machine.read("run/b") == b""
    assert machine.read("run/deep/c") == b"c"


def test_no_link_is_opened(machine: Machine) -> None:
    for path in ("run/link", "dangling", "way"):
        with pytest.raises(OSError, match="link"):
            machine.disk.open(machine.root, path)


def test_what_is_no_file_can_be_told_when_it_is_open(machine: Machine) -> None:
    for path, kind in (("run", None), ("fifo", EntryKind.SPECIAL), ("a", EntryKind.FILE)):
        with closing(machine.disk.open(machine.root, path)) as file:
            assert file.look()[0] is kind


def test_a_root_may_be_reached_through_a_link(machine: Machine) -> None:
    machine.programs.symlink(f"{machine.root.parent}/shortcut", machine.root.name)
    shortcut = machine.root.parent / "shortcut"
    assert machine.disk.identity(shortcut) == machine.disk.identity(machine.root)
    assert machine.disk.look(shortcut, "a") == machine.look("a")
    with machine.disk.listing(shortcut, "") as listing:
        assert dict(listing.entries) == machine.list("")
    with closing(machine.disk.open(shortcut, "run/deep/c")) as file:
        assert all_of(file) == b"c"


def test_a_root_that_is_gone(machine: Machine) -> None:
    machine.programs.rename(str(machine.root), f"{machine.root.parent}/away")
    with pytest.raises(FileNotFoundError):
        machine.disk.identity(machine.root)
    with pytest.raises(FileNotFoundError):
        machine.look("a")
    with pytest.raises(FileNotFoundError):
        machine.disk.open(machine.root, "a")


def test_ignore_files(machine: Machine) -> None:
    place = machine.at(IGNORE_FILE)
    assert read_ignore_file(machine.root, machine.disk) == ""
    machine.programs.write(place, b"*.tmp\nbad-\xff\n")
    assert read_ignore_file(machine.root, machine.disk) == "*.tmp\nbad-\udcff\n"
    machine.programs.bar(place)
    with pytest.raises(PermissionError):
        read_ignore_file(machine.root, machine.disk)
    machine.programs.bar(place, barred=False)
    machine.programs.write(place, b"#" * 70_000)
    with pytest.raises(OSError, match="more than 64 KiB"):
        read_ignore_file(machine.root, machine.disk)
    machine.programs.remove(place)
    machine.programs.symlink(place, "a")
    with pytest.raises(OSError, match="symbolic link"):
        read_ignore_file(machine.root, machine.disk)
    machine.programs.remove(place)
    machine.programs.mkfifo(place)
    with pytest.raises(OSError, match="not a file"):
        read_ignore_file(machine.root, machine.disk)


# Changes

Change = Callable[[Programs, str], None]

CONTENT_CHANGES: dict[str, tuple[Change, bytes]] = {
    "rewritten": (lambda p, a: p.write(a, b"CONTENT OF A"), b"CONTENT OF A"),
    "cut and written": (lambda p, a: p.write(a, b"new"), b"new"),
    "appended to": (lambda p, a: p.append(a, b"!"), b"content of a!"),
    "written in the middle": (lambda p, a: p.overwrite(a, 3, b"TEN"), b"conTENt of a"),
    "written beyond its end": (lambda p, a: p.overwrite(a, 13, b"!"), b"content of a\0!"),
    "cut": (lambda p, a: p.truncate(a, 7), b"content"),
    "grown": (lambda p, a: p.truncate(a, 14), b"content of a\0\0"),
}


@pytest.mark.parametrize("how", CONTENT_CHANGES)
def test_a_change_of_content_shows(machine: Machine, how: str) -> None:
    change, content = CONTENT_CHANGES[how]
    before = machine.look("a")
    with closing(machine.disk.open(machine.root, "a")) as file:
        change(machine.programs, machine.at("a"))
        after = machine.look("a")
        assert file.look() == after
        assert all_of(file) == content
    assert after != before
    assert (after[0], after[1], after[4]) == (EntryKind.FILE, len(content), before[4])


def test_a_change_with_its_time_put_back_shows(machine: Machine) -> None:
    machine.programs.set_mtime(machine.at("a"), LONG_AGO_NS)
    before = machine.look("a")
    machine.programs.overwrite(machine.at("a"), 0, b"C")
    machine.programs.set_mtime(machine.at("a"), LONG_AGO_NS)
    after = machine.look("a")
    assert after[:3] == before[:3]
    assert after[2] == LONG_AGO_NS
    assert after[3] > before[3]


def test_reading_changes_nothing(machine: Machine) -> None:
    before = machine.list("run")
    machine.read("run/b")
    machine.list("run/deep")
    assert machine.list("run") == before


def test_a_file_that_was_moved_is_the_same_file(machine: Machine) -> None:
    before = machine.look("a")
    machine.programs.rename(machine.at("a"), machine.at("run/moved"))
    after = machine.look("run/moved")
    assert (after[:3], after[4]) == (before[:3], before[4])
    assert "a" not in machine.list("")


def test_a_file_that_took_anothers_place_is_another(machine: Machine) -> None:
    before = machine.look("a")
    machine.programs.write(machine.at("a.tmp"), b"CONTENT OF A")
    with closing(machine.disk.open(machine.root, "a")) as file:
        machine.programs.rename(machine.at("a.tmp"), machine.at("a"))
        assert all_of(file) == b"content of a", "who has it open reads the old one"
        assert file.look()[3] > before[3], "and can tell that it lost its name"
    assert machine.look("a")[4] != before[4]
    assert machine.read("a") == b"CONTENT OF A"


def test_a_folder_that_was_moved_brings_its_files_unchanged(machine: Machine) -> None:
    before = {path: machine.look(f"run/{path}") for path in ("b", "deep/c")}
    machine.programs.rename(machine.at("run"), machine.at("empty/run"))
    assert {path: machine.look(f"empty/run/{path}") for path in before} == before
    with pytest.raises(FileNotFoundError):
        machine.look("run")


def test_a_hard_link_is_the_same_file_twice(machine: Machine) -> None:
    before = machine.look("a")
    machine.programs.link(machine.at("a"), machine.at("run/twin"))
    assert machine.look("a") == machine.look("run/twin")
    assert machine.look("a")[3] > before[3]
    assert machine.look("a")[:3] == before[:3]
    machine.programs.append(machine.at("run/twin"), b"!")
    assert machine.read("a") == b"content of a!"
    machine.programs.remove(machine.at("a"))
    assert machine.read("run/twin") == b"content of a!"


def test_what_was_removed_is_gone_and_still_open(machine: Machine) -> None:
    with closing(machine.disk.open(machine.root, "a")) as file:
        machine.programs.remove(machine.at("a"))
        assert all_of(file) == b"content of a"
        assert file.look()[0] is EntryKind.FILE
    with pytest.raises(FileNotFoundError):
        machine.look("a")
    machine.programs.remove(machine.at("run"))
    for path in ("run", "run/b", "run/deep/c"):
        with pytest.raises(FileNotFoundError):
            machine.look(path)


def test_what_is_removed_under_a_listing_is_left_out(machine: Machine) -> None:
    for number in range(20):
        machine.programs.write(machine.at(f"empty/{number}"), b"")
    with machine.disk.listing(machine.root, "empty") as listing:
        first, _ = next(listing.entries)
        machine.programs.remove(machine.at("empty"))
        assert dict(listing.entries) == {}
    assert first in {str(number) for number in range(20)}


# Permissions


def test_a_file_that_may_not_be_read_can_be_looked_at(machine: Machine) -> None:
    before = machine.look("a")
    machine.programs.bar(machine.at("a"))
    assert machine.look("a")[:3] == before[:3]
    assert machine.look("a")[3] > before[3]
    with pytest.raises(PermissionError):
        machine.disk.open(machine.root, "a")
    machine.programs.bar(machine.at("a"), barred=False)
    assert machine.read("a") == b"content of a"


def test_a_folder_that_may_not_be_entered(machine: Machine) -> None:
    machine.programs.bar(machine.at("run"))
    assert machine.look("run")[0] is None
    machine.disk.identity(machine.root, "run")
    for path in ("run/b", "run/deep/c", "run/none"):
        with pytest.raises(PermissionError):
            machine.look(path)
        with pytest.raises(PermissionError):
            machine.disk.open(machine.root, path)
    for path in ("run", "run/deep"):
        with pytest.raises(PermissionError), machine.disk.listing(machine.root, path):
            pass


def test_a_root_that_may_not_be_entered(machine: Machine) -> None:
    machine.programs.bar(str(machine.root))
    machine.disk.identity(machine.root)
    with pytest.raises(PermissionError):
        machine.look("a")
    with pytest.raises(PermissionError), machine.disk.listing(machine.root, ""):
        pass
    machine.programs.bar(str(machine.root), barred=False)


# What the fake one refuses, as the real one does


@pytest.mark.parametrize(
    ("path", "other", "number"),
    [
        ("run", "run/deep/inside", errno.EINVAL),
        ("a", "run", errno.EISDIR),
        ("none", "x", errno.ENOENT),
        ("run", "a", errno.ENOTDIR),
        ("empty", "run", errno.ENOTEMPTY),
    ],
)
def test_moves_that_cannot_be(machine: Machine, path: str, other: str, number: int) -> None:
    before = machine.list("")
    with pytest.raises(OSError, match=re.escape(f"[Errno {number}]")):
        machine.programs.rename(machine.at(path), machine.at(other))
    assert machine.list("") == before


def test_a_folder_may_take_an_empty_ones_place(machine: Machine) -> None:
    machine.programs.rename(machine.at("run"), machine.at("empty"))
    assert set(machine.list("empty")) == {"b", "deep", "link"}


def test_an_inode_may_come_again(machine: Machine) -> None:
    """Ext4 gives it to the next file, tmpfs to none: nobody may rely on either."""
    before = machine.look("a")
    machine.programs.remove(machine.at("a"))
    machine.programs.write(machine.at("a"), b"CONTENT OF A")
    assert machine.look("a") != before
