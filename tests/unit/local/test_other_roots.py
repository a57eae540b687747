"""Which directory in a known root's place is the same, a copy, or another one in doubt."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from aqsync.errors import RootUnusable
from aqsync.journal.mappings import RootIdentity
from aqsync.local.disk import REAL_DISK, Disk, RealDisk
from aqsync.local.scanner import Scanner
from aqsync.model import Hold, Uploaded
from tests.support.lab import Lab
from tests.support.mounts import bind, mount_tmpfs, unmount
from tests.support.permissions import bound_by_permissions


def sync(lab: Lab, *paths: str) -> None:
    """Let these count as uploaded, as they are now."""
    lab.scan()
    for path in paths:
        file = lab.record(path)
        assert file.local is not None
        lab.journal.outcomes.record(file, Uploaded(file.local, b"\1" * 32, None), 1)


def known(lab: Lab) -> set[str]:
    found = lab.journal.observations.targets(lab.mapping_id)
    return {t.path for t in found if lab.record(t.path).local is not None}


@pytest.fixture
def filled(lab: Lab) -> Lab:
    for path in ("a", "run/b", "run/c"):
        lab.write(path)
    sync(lab, "a", "run/b", "run/c")
    return lab


@pytest.fixture
def away(filled: Lab, tmp_path: Path) -> Path:
    """The right root, which is not there; a copy of it, made with its times, is in its place."""
    aside = tmp_path / "away"
    filled.root.rename(aside)
    shutil.copytree(aside, filled.root)
    return aside


def doubt(lab: Lab) -> str:
    """The root's trouble; nothing of what stands there has been noted."""
    before = [lab.record(path) for path in ("a", "run/b", "run/c")]
    for within in ((), ("a",), ("run/b", "new")):
        lab.scan(*within)
        assert list(lab.troubles()) == [""]
        assert [lab.record(path) for path in ("a", "run/b", "run/c")] == before
        assert lab.find("new") is None
    return lab.troubles()[""]


def test_a_copy_with_its_times_is_taken(filled: Lab, away: Path) -> None:
    filled.write("new")
    filled.scan()
    assert filled.troubles() == {}
    assert filled.record("new").local is not None
    (filled.root / "new").unlink()
    filled.scan()
    assert filled.find("new") is None, "and from now on it is the root"
    filled.root.rename(away.with_name("copy"))
    away.rename(filled.root)
    filled.scan()
    assert filled.troubles() == {}, "the first one has every known file too"


@pytest.mark.parametrize("content", [b"else", b"of another length"])
def test_another_version_of_one_synced_file(filled: Lab, away: Path, content: bytes) -> None:
    filled.write("run/c", content, age_s=60)
    filled.write("new")
    assert "is not the one known before, and holds other versions of 1 synced" in doubt(filled)
    shutil.rmtree(filled.root)
    away.rename(filled.root)
    filled.scan()
    assert filled.troubles() == {}


def test_the_same_times_and_another_size(filled: Lab, away: Path) -> None:
    filled.write("run/c", b"longer than before")
    shutil.copystat(away / "run/c", filled.root / "run/c")
    assert "holds other versions of 1 synced file" in doubt(filled)


def test_a_file_that_lacks_and_one_that_differs(filled: Lab, away: Path) -> None:
    del away
    filled.write("run/c", age_s=60)
    (filled.root / "a").unlink()
    assert "lacks 1 known file and holds other versions of 1 synced file" in doubt(filled)


def test_another_root_says_nothing_about_its_own_files(filled: Lab, away: Path) -> None:
    """Its patterns would leave out what it lacks, and once they go its files replace the copies."""
    del away
    filled.write(".aqsyncignore", b"run/\n")
    filled.write("run/c", b"else", age_s=60)
    assert "holds other versions of 1 synced file" in doubt(filled)


def test_what_was_deleted_before_must_not_come_back_as_something_else(
    filled: Lab, tmp_path: Path
) -> None:
    """Its copy on the server is kept: it would be replaced."""
    (filled.root / "run/c").unlink()
    filled.scan()
    assert filled.record("run/c").local is None
    filled.root.rename(tmp_path / "away")
    shutil.copytree(tmp_path / "away", filled.root)
    filled.write("run/c", b"another measurement")
    assert "holds other versions of 1 synced file" in doubt(filled)


def test_what_was_never_sent_may_be_otherwise(filled: Lab, tmp_path: Path) -> None:
    """Nothing on the server would be replaced."""
    filled.write("new", b"one")
    filled.scan()
    filled.root.rename(tmp_path / "away")
    shutil.copytree(tmp_path / "away", filled.root)
    filled.write("new", b"another")
    filled.scan()
    assert filled.troubles() == {}
    file = filled.record("new")
    assert file.local is not None
    assert file.local.size == 7


def test_what_was_sent_without_an_answer_may_be_on_the_server(filled: Lab, tmp_path: Path) -> None:
    filled.write("new", b"one")
    filled.scan()
    filled.journal.outcomes.about_to_send(filled.record("new"), b"\1" * 32, 3)
    filled.root.rename(tmp_path / "away")
    shutil.copytree(tmp_path / "away", filled.root)
    filled.write("new", b"another")
    filled.scan()
    assert "holds other versions of 1 synced file" in filled.troubles()[""]


def test_what_cannot_be_looked_at_may_be_anything(filled: Lab, away: Path) -> None:
    del away
    (filled.root / "run").chmod(0)
    with bound_by_permissions():
        assert "has 2 known files where they cannot be looked at" in doubt(filled)
    (filled.root / "run").chmod(0o700)
    filled.scan()
    assert filled.troubles() == {}


def test_rules_that_leave_a_file_out_do_not_ask_for_it(filled: Lab, away: Path) -> None:
    del away
    filled.write("run/c", b"another version")
    filled.configure(ignore=("c",))
    filled.scan()
    assert filled.troubles() == {}
    assert filled.find("run/c") is None


def test_a_look_that_is_stopped_accepts_nothing(filled: Lab, away: Path) -> None:
    del away
    filled.scanner.scan(stop=lambda: True)
    assert "is not the one known before" in filled.troubles()[""]
    filled.scan()
    assert filled.troubles() == {}


def test_a_person_accepts_what_stands_there(filled: Lab, away: Path) -> None:
    del away
    filled.write("run/c", b"another version")
    (filled.root / "a").unlink()
    doubt(filled)
    filled.accept()
    filled.scan()
    assert filled.troubles() == {}
    assert filled.record("a").local is None
    changed = filled.record("run/c").local
    assert changed is not None
    assert changed.size == len(b"another version")


def test_a_person_accepts_what_stands_there_and_nothing_else(filled: Lab, away: Path) -> None:
    (filled.root / "a").unlink()
    doubt(filled)
    filled.accept()
    copy = away.with_name("copy")
    filled.root.rename(copy)
    filled.root.mkdir()
    doubt(filled)
    filled.root.rmdir()
    copy.rename(filled.root)
    filled.scan()
    assert filled.troubles() == {}
    assert filled.record("a").local is None
    assert filled.record("run/b").local is not None
    (filled.root / "run" / "b").unlink()
    (filled.root / "run" / "c").unlink()
    (filled.root / "run").rmdir()
    doubt(filled)


def test_a_root_that_goes_before_the_next_look_was_accepted_itself(
    filled: Lab, tmp_path: Path
) -> None:
    filled.accept()
    filled.root.rename(tmp_path / "away")
    filled.root.mkdir()
    doubt(filled)
    filled.root.rmdir()
    (tmp_path / "away").rename(filled.root)
    filled.scan("a")
    assert filled.troubles() == {}
    assert known(filled) == {"a", "run/b", "run/c"}


def test_a_root_that_is_not_there_is_not_accepted(filled: Lab, tmp_path: Path) -> None:
    filled.root.rename(tmp_path / "away")
    with pytest.raises(RootUnusable, match="does not exist"):
        filled.accept()
    filled.root.mkdir()
    doubt(filled)


# The same disk under another number


class Numbered(RealDisk):
    """A disk whose numbers are what the test says, as a system gives them at each mount."""

    def __init__(self, root: Path, device: int, file_system: int) -> None:
        self._root = root
        self.device, self.file_system = device, file_system

    @contextmanager
    def holding(self, root: Path, owners: Collection[int] = ()) -> Iterator[Disk]:
        with super().holding(root, owners) as held:
            identity = held.identity

            def numbered(root: Path, path: str = "") -> RootIdentity:
                return RootIdentity(self.device, identity(root, path).inode, self.file_system)

            vars(held)["identity"] = numbered
            yield held


def numbered(lab: Lab, device: int, file_system: int) -> None:
    disk = Numbered(lab.root, device, file_system)
    lab.scanner = Scanner(lab.mapping, lab.journal, lab.clock, disk)


@pytest.mark.parametrize("file_system", [0, 77])
def test_a_disk_with_another_number_is_the_same(lab: Lab, file_system: int) -> None:
    """Its own number tells it, or a file that is as only the very same file can be."""
    numbered(lab, 8, file_system)
    for path in ("a", "b", "c"):
        lab.write(path)
    sync(lab, "a", "b", "c")
    numbered(lab, 9, file_system)
    (lab.root / "b").unlink()
    lab.write("c", b"changed while it was away")
    lab.scan()
    assert lab.troubles() == {}
    assert lab.record("b").local is None
    changed = lab.record("c").local
    assert changed is not None
    assert changed.size == len(b"changed while it was away")
    root = lab.journal.mappings.get("lab").root
    assert root is not None
    assert root[::2] == (9, file_system)


def test_its_own_number_is_enough_where_every_file_has_changed(lab: Lab) -> None:
    numbered(lab, 8, 77)
    lab.write("a")
    sync(lab, "a")
    numbered(lab, 9, 77)
    lab.write("a", b"changed")
    lab.scan()
    assert lab.troubles() == {}


@pytest.mark.parametrize(("before", "now"), [((8, 77), (8, 78)), ((8, 0), (9, 0))])
def test_another_disk_may_have_the_number_and_the_inodes_of_the_one_before(
    lab: Lab, before: tuple[int, int], now: tuple[int, int]
) -> None:
    """The root of every disk of one kind has the same inode."""
    numbered(lab, *before)
    for path in ("a", "b"):
        lab.write(path)
    sync(lab, "a", "b")
    numbered(lab, *now)
    lab.write("a", b"of another disk")
    os.utime(lab.root / "b")  # its ctime is another one
    lab.scan()
    assert "is not the one known before" in lab.troubles()[""]


class Stick:
    """A file system in a file, mounted on the lab's root."""

    def __init__(self, image: Path, place: Path) -> None:
        self._image, self._place = image, place
        with image.open("wb") as file:
            file.truncate(2 << 20)
        subprocess.run(["mkfs.ext4", "-q", str(image)], check=True)
        self._loops: list[str] = []

    def plug_in(self, number: int) -> int:
        """Mount it; the device's number is another one for another `number`. Returns it."""
        command = ["losetup", "--show", "-f", str(self._image)]
        loops = [self._run(command) for _ in range(number)]
        self._loops += loops
        self._run(["mount", loops[-1], str(self._place)])
        return self._place.stat().st_dev

    def pull_out(self) -> None:
        if os.path.ismount(self._place):
            unmount(self._place)
        for loop in self._loops:
            subprocess.run(["losetup", "-d", loop], check=True)
        self._loops.clear()

    def _run(self, command: list[str]) -> str:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            self.pull_out()
            pytest.skip(f"mounting is not permitted here: {done.stderr.strip()}")
        return done.stdout.strip()


@pytest.fixture
def stick(lab: Lab, tmp_path: Path) -> Iterator[Stick]:
    if shutil.which("mkfs.ext4") is None or os.geteuid() != 0:
        pytest.skip("no file system can be made here")
    made = Stick(tmp_path / "image", lab.root)
    try:
        yield made
    finally:
        made.pull_out()


def test_a_real_disk_that_comes_back_under_another_number(lab: Lab, stick: Stick) -> None:
    first = stick.plug_in(1)
    lab.write("a")
    lab.write("b")
    sync(lab, "a", "b")
    stick.pull_out()
    lab.scan()
    assert list(lab.troubles()) == [""], "it is away"
    assert stick.plug_in(2) != first
    (lab.root / "a").unlink()
    lab.write("b", b"changed")
    lab.scan()
    assert lab.troubles() == {}
    assert lab.record("a").local is None


# A root that is mounted from the device it stands on


@pytest.mark.parametrize("beneath", [{}, {"a": b"of another time"}, {"a": b"data", "x": b"x"}])
def test_a_root_mounted_from_the_same_device_goes_away(
    lab: Lab, tmp_path: Path, beneath: dict[str, bytes]
) -> None:
    for path, content in beneath.items():
        lab.write(path, content)
    source = tmp_path / "source"
    source.mkdir()
    bind(source, lab.root)
    try:
        for path in ("a", "run/b", "run/c"):
            lab.write(path)
        sync(lab, "a", "run/b", "run/c")
    finally:
        unmount(lab.root)
    assert "is not the one known before" in doubt(lab)
    assert not isinstance(lab.decision("a"), Hold), "what is known of it is as it was"
    bind(source, lab.root)
    try:
        (lab.root / "a").unlink()
        lab.scan()
        assert lab.troubles() == {}
        assert lab.record("a").local is None
    finally:
        unmount(lab.root)


# Disks below a root


def test_another_disk_below_that_holds_other_versions(lab: Lab, tmp_path: Path) -> None:
    place = lab.root / "usb"
    place.mkdir()
    mount_tmpfs(place)
    try:
        lab.write("usb/a")
        lab.write("usb/b")
        sync(lab, "usb/a", "usb/b")
        shutil.copytree(place, tmp_path / "copy")
    finally:
        unmount(place)
    mount_tmpfs(place)
    try:
        shutil.copytree(tmp_path / "copy", place, dirs_exist_ok=True)
        lab.write("usb/a", b"of another disk")
        before = lab.record("usb/a")
        for within in ((), ("usb/a",)):
            lab.scan(*within)
            assert "holds other versions" in lab.troubles()["usb"]
            assert lab.record("usb/a") == before
        shutil.copy2(tmp_path / "copy/a", place / "a")
        lab.scan()
        assert lab.troubles() == {}
    finally:
        unmount(place)


def test_a_mount_over_known_files_that_holds_other_versions(lab: Lab, tmp_path: Path) -> None:
    lab.write("usb/a")
    sync(lab, "usb/a")
    source = tmp_path / "source"
    source.mkdir()
    (source / "a").write_bytes(b"of another disk")
    bind(source, lab.root / "usb")
    try:
        lab.scan("usb/a")
        assert "is mounted over" in lab.troubles()["usb"]
        assert lab.record("usb/a").local == lab.record("usb/a").synced.signature  # type: ignore[union-attr]  # it was synced
    finally:
        unmount(lab.root / "usb")
    lab.scan()
    assert lab.troubles() == {}


def test_the_top_of_each_disk_is_known(lab: Lab, tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.mkdir()
    (lab.root / "usb").mkdir()
    bind(source, lab.root / "usb")
    try:
        lab.scan()
        top = REAL_DISK.identity(source)
        assert lab.journal.mappings.mounts(lab.mapping_id) == {"usb": top}
    finally:
        unmount(lab.root / "usb")
