"""A disk that is mounted below a root and taken away has not lost its files."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from aqsync.local.disk import REAL_DISK
from aqsync.model import ChangedMeanwhile, Hold, Removed, RemoveRemote, State, Uploaded
from aqsync.sync.jobs import Job
from tests.support.lab import EID, Lab, new_uploader
from tests.support.mounts import bind, mount_tmpfs, unmount
from tests.support.reasons import said

AWAY = "is not there; none of its files counts as deleted"


class Disks:
    """Disks mounted below the lab's root; each keeps its device number.

    Args:
        lab: Whose.
        same_device: They are directories of the root's own file system, mounted once more.
    """

    def __init__(self, lab: Lab, *, same_device: bool) -> None:
        self._lab = lab
        self._same_device = same_device
        self._aside = lab.root.parent / "disks"
        self._mounted: list[Path] = []

    def mount(self, path: str, disk: str = "first") -> None:
        """Mount a disk of this name, made if it is new."""
        aside = self._aside / disk
        if not aside.exists():
            aside.mkdir(parents=True)
            if not self._same_device:
                mount_tmpfs(aside)
                self._mounted.append(aside)
        place = self._lab.root / path
        place.mkdir(parents=True, exist_ok=True)
        bind(aside, place)
        self._mounted.append(place)

    def unmount(self, path: str, *, in_use: bool = False) -> None:
        place = self._lab.root / path
        unmount(place, in_use=in_use)
        self._mounted.remove(place)

    def close(self) -> None:
        for place in reversed(self._mounted):
            unmount(place)


@pytest.fixture(params=[False, True], ids=["another device", "the same device"])
def disks(lab: Lab, request: pytest.FixtureRequest) -> Iterator[Disks]:
    made = Disks(lab, same_device=request.param)
    try:
        yield made
    finally:
        made.close()


def known(lab: Lab) -> set[str]:
    found = lab.journal.observations.targets(lab.mapping_id)
    return {t.path for t in found if lab.record(t.path).local is not None}


def sync(lab: Lab) -> None:
    lab.scan()
    for path in known(lab):
        file = lab.record(path)
        assert file.local is not None
        outcome = Uploaded(file.local, b"\1" * 32, None)
        lab.journal.outcomes.record(file, outcome, lab.clock.now_ns())


@pytest.fixture
def filled(lab: Lab, disks: Disks) -> Lab:
    """A root with a disk in it; all that is there is in sync."""
    disks.mount("runs/usb")
    for path in ("a", "runs/b", "runs/usb/c", "runs/usb/deep/d"):
        lab.write(path)
    sync(lab)
    return lab


ON_IT = {"runs/usb/c", "runs/usb/deep/d"}
ALL = {"a", "runs/b", *ON_IT}

SCANS = pytest.mark.parametrize(
    "within",
    [(), ("runs",), ("runs/usb",), ("runs/usb/c", "runs/usb/deep/d"), ("runs/usb/deep", "a")],
    ids=str,
)


@SCANS
def test_a_disk_that_was_unmounted(filled: Lab, disks: Disks, within: tuple[str, ...]) -> None:
    disks.unmount("runs/usb")
    report = filled.scan(*within)
    assert report.gone == 0
    place = filled.root / "runs/usb"
    assert filled.troubles() == {"runs/usb": f"the disk that was mounted at {place} {AWAY}"}
    assert "aqsync retry --mapping lab" in report.troubles["runs/usb"].hint
    assert known(filled) == ALL
    filled.scan()
    assert known(filled) == ALL


@SCANS
def test_a_disk_whose_directory_is_gone_too(
    filled: Lab, disks: Disks, within: tuple[str, ...]
) -> None:
    disks.unmount("runs/usb")
    (filled.root / "runs/usb").rmdir()
    assert filled.scan(*within).gone == 0
    assert set(filled.troubles()) == {"runs/usb"}
    assert known(filled) == ALL


def test_what_else_is_gone_is_gone(filled: Lab, disks: Disks) -> None:
    disks.unmount("runs/usb")
    (filled.root / "runs/b").unlink()
    assert filled.scan().gone == 1
    assert known(filled) == ALL - {"runs/b"}


@SCANS
def test_what_lies_in_its_place_is_not_taken_for_it(
    filled: Lab, disks: Disks, within: tuple[str, ...]
) -> None:
    disks.unmount("runs/usb")
    filled.write("runs/usb/c", b"of another disk")
    filled.write("runs/usb/deep/new")
    before = filled.record("runs/usb/c")
    filled.scan(*within)
    assert filled.record("runs/usb/c") == before
    assert known(filled) == ALL


def test_once_it_is_back_all_is_well(filled: Lab, disks: Disks) -> None:
    disks.unmount("runs/usb")
    filled.scan()
    disks.mount("runs/usb")
    filled.write("runs/usb/new")
    filled.scan()
    assert filled.troubles() == {}
    assert known(filled) == {*ALL, "runs/usb/new"}
    (filled.root / "runs/usb/c").unlink()
    assert filled.scan().gone == 1


@pytest.fixture
def renumbered(filled: Lab, disks: Disks, tmp_path: Path) -> Lab:
    """Another disk is mounted in its place, which is empty yet."""
    shutil.copytree(filled.root / "runs/usb", tmp_path / "copy")
    disks.unmount("runs/usb")
    disks.mount("runs/usb", "second")
    return filled


@SCANS
def test_another_disk_that_lacks_known_files(
    renumbered: Lab, tmp_path: Path, within: tuple[str, ...]
) -> None:
    shutil.copy2(tmp_path / "copy/c", renumbered.root / "runs/usb/c")
    before = renumbered.record("runs/usb/c")
    for scan in (within, ()):
        assert renumbered.scan(*scan).gone == 0
        assert "is not the one known before" in renumbered.troubles()["runs/usb"]
        assert renumbered.record("runs/usb/c") == before
        assert known(renumbered) == ALL


@SCANS
def test_the_same_files_under_another_device_number(
    renumbered: Lab, tmp_path: Path, within: tuple[str, ...]
) -> None:
    shutil.copytree(tmp_path / "copy", renumbered.root / "runs/usb", dirs_exist_ok=True)
    renumbered.scan(*within)
    renumbered.scan()
    assert renumbered.troubles() == {}
    assert known(renumbered) == ALL
    (renumbered.root / "runs/usb/c").unlink()
    assert renumbered.scan("runs/usb/c").gone == 1, "from now on it is the disk"


def test_a_disk_that_is_empty_now(filled: Lab) -> None:
    shutil.rmtree(filled.root / "runs/usb/deep")
    (filled.root / "runs/usb/c").unlink()
    for _ in range(2):
        assert filled.scan().gone == 0
        assert "is empty" in filled.troubles()["runs/usb"]
        assert known(filled) == ALL
    filled.write("runs/usb/new")
    assert filled.scan().gone == 2
    assert filled.troubles() == {}


def test_a_new_disk_over_known_files_deletes_none_of_them(lab: Lab, disks: Disks) -> None:
    for path in ("a", "runs/usb/c", "runs/usb/deep/d"):
        lab.write(path)
    sync(lab)
    disks.mount("runs/usb")
    lab.write("runs/usb/new")
    for within in (("runs/usb/new",), ("runs/usb",), (), ("runs/usb/c", "runs/usb/new"), ()):
        assert lab.scan(*within).gone == 0
        assert known(lab) == {"a", *ON_IT}, "nor is anything of the new one taken"
    assert "is mounted over" in lab.troubles()["runs/usb"]
    disks.unmount("runs/usb")
    lab.scan()
    assert lab.troubles() == {}
    disks.mount("runs/usb")
    lab.scan()
    lab.accept()
    assert lab.scan().gone == 2
    assert lab.troubles() == {}
    assert known(lab) == {"a", "runs/usb/new"}
    disks.unmount("runs/usb")
    lab.scan()
    assert set(lab.troubles()) == {"runs/usb"}, "from now on it is one of the root's disks"


def test_a_directory_of_a_disk_does_not_stand_for_a_file_it_covers(lab: Lab, disks: Disks) -> None:
    lab.write("usb/c")
    sync(lab)
    disks.mount("usb")
    lab.write("usb/c/d")
    for _ in range(2):
        assert lab.scan().gone == 0
        assert known(lab) == {"usb/c"}
    assert "is mounted over" in lab.troubles()["usb"]


@pytest.mark.parametrize("asked", ["usb/deep/deeper/d", "usb/deep/deeper", "usb/deep", "usb"])
def test_a_look_at_what_a_new_disk_lacks_finds_the_disk(lab: Lab, disks: Disks, asked: str) -> None:
    lab.write("usb/deep/deeper/d")
    sync(lab)
    disks.mount("usb")
    lab.write("usb/new")
    assert lab.scan(asked).gone == 0
    assert known(lab) == {"usb/deep/deeper/d"}
    assert "is mounted over" in lab.troubles()["usb"]


def test_a_disk_that_never_held_files_may_go(lab: Lab, disks: Disks) -> None:
    lab.write("a")
    disks.mount("usb")
    sync(lab)
    disks.unmount("usb")
    lab.scan()
    assert lab.troubles() == {}
    assert lab.journal.mappings.mounts(lab.mapping_id) == {}


def test_a_person_accepts_that_a_disk_is_gone(filled: Lab, disks: Disks) -> None:
    disks.unmount("runs/usb")
    filled.scan()
    filled.accept()
    assert filled.scan().gone == 2
    assert filled.troubles() == {}
    assert known(filled) == ALL - ON_IT
    filled.write("runs/usb/c")
    filled.scan()
    assert "runs/usb/c" in known(filled)


def test_a_disk_that_goes_after_a_person_accepted_it_is_away(filled: Lab, disks: Disks) -> None:
    filled.accept()
    disks.unmount("runs/usb")
    assert filled.scan().gone == 0
    assert set(filled.troubles()) == {"runs/usb"}
    disks.mount("runs/usb")
    assert filled.scan().gone == 0
    assert filled.troubles() == {}
    assert known(filled) == ALL


def test_a_disk_that_comes_after_a_person_accepted_that_it_is_gone(
    filled: Lab, disks: Disks
) -> None:
    disks.unmount("runs/usb")
    filled.scan()
    filled.accept()
    disks.mount("runs/usb")
    assert filled.scan().gone == 0
    assert filled.troubles() == {}
    assert known(filled) == ALL


def test_a_disk_that_comes_back_with_other_versions_is_told_of(filled: Lab, disks: Disks) -> None:
    """No file on it is missed any more, and still nothing of it is taken."""
    filled.write("runs/usb/c", b"another version")
    disks.unmount("runs/usb")
    filled.scan()
    filled.accept()
    assert filled.scan().gone == 2
    disks.mount("runs/usb")
    for within in ((), ("runs/usb/c",), ()):
        filled.scan(*within)
        assert set(filled.troubles()) == {"runs/usb"}
        assert known(filled) == ALL - ON_IT
    filled.accept()
    filled.scan()
    assert filled.troubles() == {}
    assert known(filled) == ALL


def test_a_person_accepts_an_empty_disk(filled: Lab, disks: Disks) -> None:
    disks.unmount("runs/usb")
    disks.mount("runs/usb", "second")
    filled.scan()
    assert set(filled.troubles()) == {"runs/usb"}
    filled.accept()
    assert filled.scan().gone == 2
    assert filled.troubles() == {}
    assert set(filled.journal.mappings.mounts(filled.mapping_id)) == {"runs/usb"}


def test_an_empty_disk_that_comes_after_a_person_accepted_is_in_doubt(
    filled: Lab, disks: Disks
) -> None:
    filled.accept()
    disks.unmount("runs/usb")
    disks.mount("runs/usb", "second")
    for _ in range(2):
        assert filled.scan().gone == 0
        assert set(filled.troubles()) == {"runs/usb"}
        assert known(filled) == ALL


def test_a_disk_mounted_on_another(lab: Lab, disks: Disks) -> None:
    disks.mount("outer")
    disks.mount("outer/run/inner", "second")
    for path in ("a", "outer/b", "outer/run/inner/c"):
        lab.write(path)
    sync(lab)
    assert set(lab.journal.mappings.mounts(lab.mapping_id)) == {"outer", "outer/run/inner"}
    disks.unmount("outer/run/inner")
    assert lab.scan().gone == 0
    assert set(lab.troubles()) == {"outer/run/inner"}
    disks.unmount("outer")
    assert lab.scan().gone == 0
    assert set(lab.troubles()) == {"outer", "outer/run/inner"}
    assert known(lab) == {"a", "outer/b", "outer/run/inner/c"}


@pytest.mark.parametrize("within", ["runs/usb/deep/d", "runs/usb", "runs/usb/deep"])
def test_a_look_at_some_paths_finds_the_mount_too(lab: Lab, disks: Disks, within: str) -> None:
    lab.write("a")
    lab.scan()
    disks.mount("runs/usb")
    lab.write("runs/usb/deep/d")
    lab.scan(within)
    top = REAL_DISK.identity(lab.root, "runs/usb")
    assert lab.journal.mappings.mounts(lab.mapping_id) == {"runs/usb": top}
    disks.unmount("runs/usb")
    assert lab.scan().gone == 0
    assert set(lab.troubles()) == {"runs/usb"}


def test_a_disk_unmounted_under_the_scan(filled: Lab, disks: Disks) -> None:
    beats: list[None] = []

    def beat() -> None:
        beats.append(None)
        if len(beats) == 2:
            disks.unmount("runs/usb")

    report = filled.scanner.scan(beat=beat)
    assert len(beats) > 2
    assert report.gone == 0
    assert set(filled.troubles()) == {"runs/usb"}
    assert known(filled) == ALL


def test_a_root_that_is_mounted_under_the_scan_has_no_disk_below(lab: Lab, disks: Disks) -> None:
    lab.write("runs/a")
    beats: list[None] = []

    def beat() -> None:
        beats.append(None)
        if len(beats) == 2:  # the root has been listed, what is in it has not
            disks.mount("")
            lab.write("runs/b")

    lab.scanner.scan(beat=beat)
    assert lab.journal.mappings.mounts(lab.mapping_id) == {}
    assert "while it was looked at" in lab.troubles()[""]
    lab.scan()
    assert not any(AWAY in trouble for trouble in lab.troubles().values())


def test_a_root_that_is_away_for_a_moment_of_the_scan(lab: Lab, disks: Disks) -> None:
    for directory in ("runs", "samples"):
        lab.write(f"{directory}/a")
    disks.mount("")
    for directory in ("runs", "samples"):
        lab.write(f"{directory}/b")
    beats: list[None] = []

    def beat() -> None:
        beats.append(None)
        if len(beats) == 2:
            disks.unmount("", in_use=True)
        elif len(beats) == 3:
            disks.mount("")

    lab.scanner.scan(beat=beat)
    assert len(beats) == 3
    assert lab.journal.mappings.mounts(lab.mapping_id) == {}
    lab.scan()
    assert lab.troubles() == {}


def test_rules_that_leave_a_disk_out_forget_it(filled: Lab, disks: Disks) -> None:
    filled.configure(ignore=("usb/",))
    filled.scan()
    disks.unmount("runs/usb")
    filled.scan()
    assert filled.troubles() == {}
    assert known(filled) == ALL - ON_IT


def test_a_mount_point_of_any_name(lab: Lab, disks: Disks) -> None:
    name = os.fsdecode(b"us\xff")
    disks.mount(name)
    lab.write(f"{name}/a")
    lab.write("b")
    sync(lab)
    disks.unmount(name)
    assert lab.scan().gone == 0
    assert set(lab.troubles()) == {name}


# What follows for its files


def test_files_on_a_disk_that_is_away_are_held(filled: Lab, disks: Disks) -> None:
    filled.journal.remote.found({EID: str(filled.server.of(EID).uuid)})
    filled.write("runs/usb/c", b"changed")
    filled.write("runs/usb/new")
    filled.scan()
    filled.journal.remote.listed({EID: []}, (["x"], b""), 1, 1)
    assert filled.decision("runs/usb/new").state is State.PENDING
    disks.unmount("runs/usb")
    filled.scan()
    for path in ("runs/usb/new", "runs/usb/c"):
        step = filled.decision(path)
        assert isinstance(step, Hold), path
        assert step.hint
    assert AWAY in filled.decision("runs/usb/new").message
    filled.write("runs/new")
    filled.scan()
    assert filled.decision("runs/new").state is State.PENDING


def test_nothing_is_removed_from_the_server_by_what_a_disk_lacks_that_is_away(
    filled: Lab, disks: Disks
) -> None:
    """Between the scan that missed the file and its removal, the disk was taken away."""
    filled.configure(on_local_delete="remove")
    (filled.root / "runs/usb/c").unlink()
    filled.scan()
    file = filled.record("runs/usb/c")
    assert file.local is None
    step = RemoveRemote(said("deleted here"), 0)
    filled.server.put(EID, file.remote_name, b"data")
    filled.engine.refresh({EID})
    file = filled.record("runs/usb/c")
    job = Job(file, step, filled.root, filled.server.of(EID).uuid)
    disks.unmount("runs/usb")
    uploader = new_uploader(filled)
    assert uploader.do(job) == ChangedMeanwhile()
    disks.mount("runs/usb", "second")
    assert uploader.do(job) == ChangedMeanwhile()
    disks.unmount("runs/usb")
    disks.mount("runs/usb")
    assert uploader.do(job) == Removed()


def test_nothing_is_removed_from_the_server_by_what_a_disk_covers(lab: Lab, disks: Disks) -> None:
    """Between the scan that missed the file and its removal, a disk was mounted over its place."""
    lab.configure(on_local_delete="remove")
    lab.write("usb/deep/c")
    sync(lab)
    (lab.root / "usb/deep/c").unlink()
    lab.scan()
    file = lab.record("usb/deep/c")
    lab.server.put(EID, file.remote_name, b"data")
    lab.engine.refresh({EID})
    file = lab.record("usb/deep/c")
    job = Job(file, RemoveRemote(said("deleted here"), 0), lab.root, lab.server.of(EID).uuid)
    disks.mount("usb")
    uploader = new_uploader(lab)
    assert uploader.do(job) == ChangedMeanwhile()
    disks.unmount("usb")
    assert uploader.do(job) == Removed()
