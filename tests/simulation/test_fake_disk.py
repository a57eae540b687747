"""The real scanner, uploader and engine on the fake disk: what a real one would rarely show."""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from aqsync.config import MappingConfig
from aqsync.errors import FileChanged, FileUnreadable, FileVanished, LocalError
from aqsync.local import walk
from aqsync.local.disk import Disk
from aqsync.local.reader import GuardedFile, is_gone
from aqsync.local.scanner import Scanner
from aqsync.model import Signature
from tests.simulation.fake_disk import FakeDisk
from tests.support.fake_clock import FakeClock
from tests.support.quick_journal import open_quickly

ROOT = "/data/root"


class Machine:
    """A scanner with a journal of its own, on a root in a fake disk."""

    def __init__(self, folder: Path) -> None:
        self.clock = FakeClock()
        self.disk = FakeDisk(self.clock)
        self.disk.mkdir(ROOT)
        self.journal = open_quickly(folder / "state/journal.db", self.clock.now_ns())
        self.mapping = MappingConfig(name="lab", directory=Path(ROOT), experiment="20261123-1")
        disk: Disk = self.disk
        self.scanner = Scanner(self.mapping, self.journal, self.clock, disk)
        self.id = self.journal.mappings.get("lab").id

    def write(self, *paths: str, content: bytes = b"content") -> None:
        for path in paths:
            self.disk.mkdir(f"{ROOT}/{path}".rpartition("/")[0])
            self.disk.write(f"{ROOT}/{path}", content)

    def known(self) -> set[str]:
        found = (t.path for t in self.journal.observations.targets(self.id))
        return {path for path in found if self.local(path) is not None}

    def local(self, path: str) -> Signature | None:
        record = self.journal.observations.record_at(self.id, path)
        return None if record is None else record.local

    def troubles(self) -> dict[str, str]:
        troubles = self.journal.mappings.troubles(self.id)
        return {path: trouble.message for path, trouble in troubles.items()}

    def meanwhile(self, what: str, where: str, action: Callable[[], object]) -> None:
        """Do something once, just before a certain access."""
        once = [action]

        def on_access(access: str, place: str) -> None:
            if once and (access, place) == (what, f"{ROOT}/{where}".rstrip("/")):
                once.pop()()

        self.disk.on_access = on_access

    def fail(self, what: str, where: str, number: int) -> None:
        """From now on a certain access fails."""

        def on_access(access: str, place: str) -> None:
            if (access, place) == (what, f"{ROOT}/{where}".rstrip("/")):
                raise OSError(number, "an error of the disk")

        self.disk.on_access = on_access

    def heal(self) -> None:
        self.disk.on_access = lambda _what, _where: None


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    made = Machine(tmp_path)
    yield made
    made.journal.close()


def names(count: int) -> list[str]:
    return [f"run/{number:03d}" for number in range(count)]


def test_a_scan_finds_everything(machine: Machine) -> None:
    machine.write("a", "run/b", "run/deep/c")
    report = machine.scanner.scan()
    assert (report.entries, report.changed, report.directories) == (3, 3, 3)
    assert machine.known() == {"a", "run/b", "run/deep/c"}
    assert machine.scanner.scan().changed == 0
    machine.disk.append(f"{ROOT}/run/b", b"!")
    machine.disk.remove(f"{ROOT}/run/deep")
    report = machine.scanner.scan()
    assert (report.changed, report.gone) == (1, 1)


@pytest.mark.parametrize(
    ("access", "count", "whole"),
    [("look", 3, False), ("entry", walk.FEW + 10, False), ("entry", 3, True)],
)
def test_one_bad_entry_is_a_trouble_of_its_own(
    machine: Machine, access: str, count: int, *, whole: bool
) -> None:
    asked = names(count)
    machine.write(*asked)
    machine.scanner.scan()
    before = machine.local(asked[1])
    machine.write(asked[1], asked[0], content=b"longer content")
    machine.fail(access, asked[1], errno.EIO)
    assert machine.scanner.scan(() if whole else asked).gone == 0
    assert machine.known() == {*asked}
    place = f"{ROOT}/{asked[1]}"
    assert machine.troubles() == {asked[1]: f"{place} cannot be looked at: an error of the disk"}
    assert machine.local(asked[1]) == before
    assert machine.local(asked[0]) != before, "the others are seen as ever"
    machine.heal()
    machine.scanner.scan([asked[1]])
    assert machine.troubles() == {}
    assert machine.local(asked[1]) != before


def test_a_bad_folder_hides_what_is_in_it(machine: Machine) -> None:
    machine.write("a", "run/b", "run/deep/c", "other/d")
    machine.scanner.scan()
    machine.fail("listing", "run", errno.EIO)
    machine.disk.remove(f"{ROOT}/run/deep")
    machine.disk.remove(f"{ROOT}/other")
    assert machine.scanner.scan().gone == 1
    assert machine.known() == {"a", "run/b", "run/deep/c"}
    assert set(machine.troubles()) == {"run"}


@pytest.mark.parametrize("renumbered", [False, True])
def test_a_root_that_is_unmounted_and_mounted_again(machine: Machine, *, renumbered: bool) -> None:
    disk = machine.disk
    disk.mount(disk.new_volume(), ROOT)
    machine.write("a", "run/b")
    machine.scanner.scan()
    volume = disk.unmount(ROOT)
    for _ in range(2):
        assert machine.scanner.scan().gone == 0
        assert set(machine.troubles()) == {""}
    disk.mount(volume, ROOT, renumbered=renumbered)
    assert machine.scanner.scan().changed == 0
    assert machine.troubles() == {}
    assert machine.known() == {"a", "run/b"}


@pytest.mark.parametrize("back", [None, "run/b"])
@pytest.mark.parametrize("moment", ["", "run", "run/deep"])
def test_a_root_unmounted_at_any_moment_of_a_scan(
    machine: Machine, moment: str, back: str | None
) -> None:
    disk = machine.disk
    disk.mount(disk.new_volume(), ROOT)
    machine.write("a", "run/b", "run/deep/c")
    machine.scanner.scan()
    machine.meanwhile("listing", moment, lambda: disk.unmount(ROOT))
    assert machine.scanner.scan([] if back is None else [back, "run/deep"]).gone == 0
    assert machine.known() == {"a", "run/b", "run/deep/c"}


@pytest.mark.parametrize("renumbered", [False, True])
@pytest.mark.parametrize("within", [(), ("usb/c",), ("usb",)], ids=str)
def test_a_disk_below_the_root_that_comes_and_goes(
    machine: Machine, within: tuple[str, ...], *, renumbered: bool
) -> None:
    disk = machine.disk
    machine.write("a")
    disk.mkdir(f"{ROOT}/usb")
    disk.mount(disk.new_volume(), f"{ROOT}/usb")
    machine.write("usb/c", "usb/deep/d")
    machine.scanner.scan()
    volume = disk.unmount(f"{ROOT}/usb")
    machine.write("usb/c", content=b"in its place")
    before = machine.local("usb/c")
    report = machine.scanner.scan(within)
    assert (report.gone, set(machine.troubles())) == (0, {"usb"})
    assert machine.local("usb/c") == before
    disk.mount(volume, f"{ROOT}/usb", renumbered=renumbered)
    machine.write("usb/new")
    machine.scanner.scan(within)
    report = machine.scanner.scan()
    assert (report.gone, machine.troubles()) == (0, {})
    assert machine.known() == {"a", "usb/c", "usb/deep/d", "usb/new"}
    machine.disk.remove(f"{ROOT}/usb/c")
    assert machine.scanner.scan(["usb/c"]).gone == 1


@pytest.mark.parametrize("moment", ["", "usb", "usb/deep"])
def test_a_disk_unmounted_at_any_moment_of_a_scan(machine: Machine, moment: str) -> None:
    disk = machine.disk
    machine.write("a")
    disk.mkdir(f"{ROOT}/usb")
    disk.mount(disk.new_volume(), f"{ROOT}/usb")
    machine.write("usb/c", "usb/deep/d")
    machine.scanner.scan()
    machine.meanwhile("listing", moment, lambda: disk.unmount(f"{ROOT}/usb"))
    assert machine.scanner.scan().gone == 0
    assert machine.known() == {"a", "usb/c", "usb/deep/d"}
    assert set(machine.troubles()) == {"usb"}


def test_a_disk_that_is_mounted_when_it_is_entered(machine: Machine) -> None:
    """As automounters do, which unmount it again after a while."""
    disk = machine.disk
    machine.write("a")
    disk.mkdir(f"{ROOT}/auto")
    disk.mount(disk.new_volume(), f"{ROOT}/auto")
    machine.write("auto/c")
    machine.scanner.scan()
    volume = disk.unmount(f"{ROOT}/auto")
    machine.meanwhile("listing", "auto", lambda: disk.mount(volume, f"{ROOT}/auto"))
    assert machine.scanner.scan().gone == 0
    assert machine.troubles() == {}
    disk.unmount(f"{ROOT}/auto")
    machine.heal()
    assert machine.scanner.scan().gone == 0
    assert set(machine.troubles()) == {"auto"}


def test_what_another_device_lacks_is_found_in_every_folder(machine: Machine) -> None:
    disk = machine.disk
    machine.write("a")
    disk.mkdir(f"{ROOT}/usb")
    disk.mount(disk.new_volume(), f"{ROOT}/usb")
    machine.write("usb/c", "usb/deep/d", "usb/deep/er/e")
    machine.scanner.scan()
    disk.unmount(f"{ROOT}/usb")
    disk.mount(disk.new_volume(), f"{ROOT}/usb")
    machine.write("usb/c", "usb/deep/d", content=b"of another disk")
    before = machine.local("usb/c")
    assert machine.scanner.scan().gone == 0
    assert "lacks files of it" in machine.troubles()["usb"]
    assert machine.local("usb/c") == before, "nothing was taken from it"
    machine.write("usb/deep/er/e")
    machine.scanner.scan()
    assert machine.troubles() == {}
    assert machine.local("usb/c") != before


# Guarded reading

CONTENT = b"0123456789"


def remade(disk: FakeDisk, path: str) -> None:
    disk.remove(path)
    disk.write(path, CONTENT)


def replaced(disk: FakeDisk, path: str) -> None:
    disk.write(f"{path}2", CONTENT)
    disk.rename(f"{path}2", path)


CHANGES: dict[str, tuple[Callable[[FakeDisk, str], object], type[LocalError]]] = {
    "appended to": (lambda d, a: d.append(a, b"!"), FileChanged),
    "overwritten": (lambda d, a: d.overwrite(a, 0, b"X"), FileChanged),
    "cut": (lambda d, a: d.truncate(a, 2), FileChanged),
    "written anew": (lambda d, a: d.write(a, CONTENT), FileChanged),
    "removed": (lambda d, a: d.remove(a), LocalError),
    "removed and made": (remade, FileChanged),
    "moved away": (lambda d, a: d.rename(a, f"{a}2"), LocalError),
    "replaced": (replaced, FileChanged),
    "linked": (lambda d, a: d.link(a, f"{a}2"), FileChanged),
    "touched": (lambda d, a: d.set_mtime(a, 0), FileChanged),
}


@pytest.mark.parametrize("how", CHANGES)
@pytest.mark.parametrize("piece", [0, 1, 4])
def test_a_file_that_changes_between_two_pieces(machine: Machine, how: str, piece: int) -> None:
    machine.write("a", content=CONTENT)
    machine.scanner.scan()
    expected = machine.local("a")
    assert expected is not None
    machine.disk.most_read = 2
    change, error = CHANGES[how]
    reads: list[None] = []

    def on_access(what: str, _where: str) -> None:
        reads.extend([None] * (what == "read"))
        if what == "read" and len(reads) == piece + 1:
            change(machine.disk, f"{ROOT}/a")

    machine.disk.on_access = on_access
    with GuardedFile(Path(ROOT), "a", expected, machine.disk) as source, pytest.raises(error):
        list(source.chunks())


@pytest.mark.parametrize("most_read", [1, 3, 10, 100])
def test_short_reads_give_the_whole_file(machine: Machine, most_read: int) -> None:
    machine.write("a", content=CONTENT)
    machine.scanner.scan()
    expected = machine.local("a")
    assert expected is not None
    machine.disk.most_read = most_read
    with GuardedFile(Path(ROOT), "a", expected, machine.disk) as source:
        assert b"".join(source.chunks(4)) == CONTENT


def test_a_file_that_the_disk_fails_to_deliver(machine: Machine) -> None:
    machine.write("a")
    machine.scanner.scan()
    expected = machine.local("a")
    assert expected is not None
    machine.fail("read", "a", errno.EIO)
    with (
        GuardedFile(Path(ROOT), "a", expected, machine.disk) as source,
        pytest.raises(FileUnreadable) as caught,
    ):
        list(source.chunks())
    assert caught.value.hint == "check the disk"
    machine.fail("open", "a", errno.ESTALE)
    with pytest.raises(FileVanished):
        GuardedFile(Path(ROOT), "a", expected, machine.disk)


def test_what_cannot_be_looked_at_is_not_gone(machine: Machine) -> None:
    machine.fail("look", "a", errno.EIO)
    with pytest.raises(FileUnreadable):
        is_gone(Path(ROOT), "a", machine.disk)
    machine.heal()
    assert is_gone(Path(ROOT), "a", machine.disk)


# The fake itself


def test_the_same_actions_make_the_same_disk(tmp_path: Path) -> None:
    def history() -> list[object]:
        machine = Machine(tmp_path / str(len(list(tmp_path.iterdir()))))
        seen: list[object] = []
        machine.disk.on_access = lambda what, where: seen.append((what, where))
        machine.write("a", "run/b", "run/deep/c")
        machine.clock.advance(1)
        machine.disk.rename(f"{ROOT}/run", f"{ROOT}/ran")
        machine.disk.remove(f"{ROOT}/a")
        machine.write("d")
        machine.scanner.scan()
        seen += [(path, machine.local(path)) for path in sorted(machine.known())]
        machine.journal.close()
        return seen

    assert history() == history()


def test_no_two_changes_have_the_same_time(machine: Machine) -> None:
    machine.write("a", content=b"1")
    first = machine.disk.look(Path(ROOT), "a")
    machine.write("a", content=b"2")
    assert machine.disk.look(Path(ROOT), "a") != first
    machine.clock.set_back(3600)
    machine.write("a", content=b"3")
    assert machine.disk.look(Path(ROOT), "a")[2] == machine.clock.now_ns()


def test_what_a_test_sees_of_the_disk(machine: Machine) -> None:
    machine.write("a", "run/b")
    machine.disk.mkdir(f"{ROOT}/usb")
    volume = machine.disk.new_volume()
    machine.disk.mount(volume, f"{ROOT}/usb")
    assert machine.disk.is_mounted(f"{ROOT}/usb")
    machine.write("usb/c")
    machine.disk.symlink(f"{ROOT}/link", "a")
    machine.disk.bar(f"{ROOT}/run")
    assert machine.disk.files(ROOT) == dict.fromkeys(("a", "run/b", "usb/c"), b"content")
    assert machine.disk.exists(f"{ROOT}/usb/c")
    assert machine.disk.unmount(f"{ROOT}/usb") is volume
    assert not machine.disk.exists(f"{ROOT}/usb/c")
    assert not machine.disk.is_mounted(f"{ROOT}/usb")
    machine.disk.mount(volume, f"{ROOT}/usb")
    with pytest.raises(OSError, match="another file system"):
        machine.disk.rename(f"{ROOT}/usb/c", f"{ROOT}/c")
    with pytest.raises(OSError, match="mounted on it"):
        machine.disk.remove(f"{ROOT}/usb")


@pytest.mark.parametrize("step_s", [1, 2])
def test_coarse_times(step_s: int) -> None:
    step_ns = step_s * 10**9
    clock = FakeClock()
    disk = FakeDisk(clock)
    disk.mkdir("/data")
    disk.mount(disk.new_volume(step_ns), "/data")
    clock.advance(10.1 - clock.now_ns() % 10**10 / 1e9)
    disk.write("/data/a", b"one")
    first = disk.look(Path("/data"), "a")
    clock.advance(0.5)
    disk.write("/data/a", b"two")
    assert disk.look(Path("/data"), "a") == first
    clock.advance(step_s)
    disk.write("/data/a", b"two")
    assert disk.look(Path("/data"), "a") != first
    disk.set_mtime("/data/a", 12_345_678_901)
    assert disk.mtime_ns("/data/a") == 12 * 10**9


def test_a_store_that_changes_no_time() -> None:
    disk = FakeDisk(FakeClock())
    disk.mkdir("/data")
    disk.write("/data/a", b"0123")
    before = disk.look(Path("/data"), "a")
    file = disk.file("/data/a")
    disk.store_unseen(file, 1, b"xy")
    disk.store_unseen(file, 3, b"behind its end")
    assert disk.content("/data/a") == b"0xy3"
    assert disk.look(Path("/data"), "a") == before


def test_a_bind_mount_shows_in_the_table_alone() -> None:
    disk = FakeDisk(FakeClock())
    for place in ("/data/root/bound", "/elsewhere"):
        disk.mkdir(place)
    disk.write("/elsewhere/a", b"x")
    root = Path("/data/root")
    assert disk.mounts_below(root) == set()
    bound = disk.bound("/elsewhere")
    disk.mount(bound, "/data/root/bound", renumbered=True)
    assert disk.mounts_below(root) == {"bound"}
    assert disk.content("/data/root/bound/a") == b"x"
    assert disk.identity(root, "bound").device == disk.identity(root).device
    assert disk.unmount("/data/root/bound") is bound
    assert disk.names("/data/root/bound") == []
    assert disk.content("/elsewhere/a") == b"x"


def test_what_is_open_is_told_by_its_path_and_a_lock_by_its_inode(tmp_path: Path) -> None:
    machine = Machine(tmp_path)
    machine.write("open", "locked", "closed", "run/open too")
    disk = machine.disk
    for path in ("open", "run/open too"):
        disk.file(f"{ROOT}/{path}").writers = 1
    disk.file(f"{ROOT}/locked").locked = True
    told = disk.open_for_writing(Path(ROOT))
    assert told is not None
    assert told.paths == {"open", "run/open too"}
    assert told.inodes == {disk.file(f"{ROOT}/locked").inode}
    disk.tells_open = False
    assert disk.open_for_writing(Path(ROOT)) is None


def test_a_root_that_is_held_and_moved_away_has_no_open_files() -> None:
    disk = FakeDisk(FakeClock())
    disk.mkdir(ROOT)
    with disk.holding(Path(ROOT)) as held:
        disk.rename(ROOT, f"{ROOT} moved")
        told = held.open_for_writing(Path(ROOT))
    assert told is not None
    assert told.paths == frozenset()
    assert told.inodes == frozenset()
