"""Which file systems are known not to tell of changes."""

from __future__ import annotations

from pathlib import Path

import pytest

from aqsync.local import mounts
from aqsync.local.mounts import (
    is_within,
    kind_of_mount,
    location_of,
    mounts_below,
    places_below,
    without_events,
)
from tests.support.mounts import bind, mounted_tmpfs, unmount

TABLE = rb"""22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw
23 22 0:21 / /proc rw,nosuid - proc proc rw
30 22 0:40 / /data rw,relatime shared:7 master:2 - nfs4 nas:/data rw,vers=4.2
31 30 8:17 / /data/local rw - xfs /dev/sdb1 rw
32 22 0:41 / /mnt/lab\040share rw - cifs //pc/share rw
33 22 0:42 / /mnt/a\134b\011c rw - fuse.sshfs me@pc:/ rw
34 22 8:33 / /covered/below rw - xfs /dev/sdc1 rw
35 22 0:43 / /covered rw - ceph mon:/ rw
36 22 8:49 / /stacked rw - ext4 /dev/sdd1 rw
37 36 0:44 / /stacked rw - 9p C:\134 rw
38 22 8:65 / /mnt/gr\303\266\303\237e\377 rw - btrfs /dev/sde1 rw
garbage
"""


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/", "ext4"),
        ("/home/user/data", "ext4"),
        ("/proc/self", "proc"),
        ("/data", "nfs4"),
        ("/data/run", "nfs4"),
        ("/data2", "ext4"),
        ("/data/local", "xfs"),
        ("/data/local/deep", "xfs"),
        ("/data/local2", "nfs4"),
        ("/mnt/lab share/x", "cifs"),
        ("/mnt/a\\b\tc/x", "fuse.sshfs"),
        ("/covered/below/x", "ceph"),
        ("/stacked/x", "9p"),
        ("/mnt/größe\udcff/x", "btrfs"),
    ],
)
def test_the_mount_that_holds_a_path_is_found_as_the_kernel_does(path: str, kind: str) -> None:
    assert kind_of_mount(path, TABLE) == kind


def test_a_moved_mount_may_be_older_than_the_one_it_stands_on() -> None:
    # An early boot stage mounts /proc, and moves it into the real root later.
    table = b"5 9 0:4 / /proc rw - proc proc rw\n9 1 8:1 / / rw - ext4 /dev/sda1 rw\n"
    assert kind_of_mount("/proc/1", table) == "proc"
    assert kind_of_mount("/process", table) == "ext4"


def test_a_mount_that_is_its_own_parent_ends_nothing_in_a_loop() -> None:
    assert kind_of_mount("/x", b"1 1 0:2 / / rw - rootfs rootfs rw\n") == "rootfs"


@pytest.mark.parametrize("table", [b"", b"\n\n", b"1 2 3", b"22 1 8:1 / /elsewhere rw - ext4 x rw"])
def test_where_no_mount_holds_a_path_nothing_is_known(table: bytes) -> None:
    assert kind_of_mount("/data", table) is None


@pytest.mark.parametrize(
    ("kind", "told"),
    [
        ("ext4", None),
        ("btrfs", None),
        ("overlay", None),
        ("tmpfs", None),
        ("fuseblk", None),
        ("fuse.exfat", None),
        ("autofs", None),
        *((kind, kind) for kind in ("nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "afs", "ceph")),
        *((kind, kind) for kind in ("lustre", "beegfs", "gpfs", "glusterfs", "vboxsf", "vmhgfs")),
        *((kind, kind) for kind in ("drvfs", "virtiofs", "fuse", "fuse.sshfs", "fuse.rclone")),
        ("fuse.some-new-cloud", "fuse.some-new-cloud"),
    ],
)
def test_the_kinds_without_events(
    kind: str, told: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = tmp_path / "mountinfo"
    table.write_text(f"22 1 8:1 / / rw - {kind} device rw\n")
    monkeypatch.setattr(mounts, "_MOUNTS", table)
    assert without_events(tmp_path) == told


def test_a_symbolic_link_is_followed_to_its_file_system(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "share").mkdir()
    (tmp_path / "link").symlink_to("share")
    table = tmp_path / "mountinfo"
    share = (tmp_path / "share").resolve()
    table.write_text(f"1 0 8:1 / / rw - ext4 x rw\n2 1 0:9 / {share} rw - nfs nas:/ rw\n")
    monkeypatch.setattr(mounts, "_MOUNTS", table)
    assert without_events(tmp_path / "link" / "sub") == "nfs"


def test_a_system_without_such_a_table_tells_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mounts, "_MOUNTS", tmp_path / "missing")
    assert without_events(tmp_path) is None


def test_a_real_mount(tmp_path: Path) -> None:
    place = tmp_path / "a disk"
    place.mkdir()
    with mounted_tmpfs(place):
        table = Path("/proc/self/mountinfo").read_bytes()
        assert kind_of_mount(str(place.resolve() / "x"), table) == "tmpfs"
        assert without_events(place) is None


AT_TOP = {"proc", "data", "data/local", "mnt/lab share", "mnt/a\\b\tc", "mnt/größe\udcff"}


@pytest.mark.parametrize(
    ("root", "places"),
    [
        ("/", {*AT_TOP, "covered", "stacked"}),
        ("/data", {"local"}),
        ("/data/local", set()),
        ("/dat", set()),
        ("/mnt", {"lab share", "a\\b\tc", "größe\udcff"}),
        ("/mnt/a\\b\tc", set()),
        ("/covered", set()),
    ],
)
def test_where_something_is_mounted_below(root: str, places: set[str]) -> None:
    assert places_below(root, TABLE) == places


def test_below_a_root_with_letters_that_the_table_escapes() -> None:
    table = (
        rb"22 1 8:1 / / rw - ext4 x rw"
        b"\n"
        rb"23 22 8:1 /x /a\040b#\134/\303\266 rw - ext4 x rw"
    )
    assert places_below("/a b#\\", table) == {"ö"}


def test_without_a_table_nothing_is_known_to_be_mounted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mounts, "_MOUNTS", tmp_path / "none")
    assert mounts_below("/") == frozenset()


def test_the_mounts_of_this_machine(tmp_path: Path) -> None:
    place = tmp_path / "a b\\#ö"
    place.mkdir()
    with mounted_tmpfs(place):
        assert mounts_below(str(tmp_path)) == {"a b\\#ö"}
        assert mounts_below(str(place)) == frozenset()
    assert mounts_below(str(tmp_path)) == frozenset()


def test_a_directory_is_within_another_by_whatever_mount(tmp_path: Path) -> None:
    root, beside = tmp_path / "root", tmp_path / "beside"
    for folder in (root / "sub", root / "disk", beside):
        folder.mkdir(parents=True)
    assert is_within(str(root / "sub/new"), str(root))
    assert not is_within(str(beside), str(root))
    bind(root / "sub", beside)
    try:
        assert is_within(str(beside / "new"), str(root))
        assert not is_within(str(root), str(beside))
    finally:
        unmount(beside)
    bind(beside, root / "disk")
    try:
        assert is_within(str(beside / "new"), str(root)), "what a mount shows below it counts too"
    finally:
        unmount(root / "disk")


@pytest.mark.parametrize(
    ("path", "location"),
    [("/etc/a b", (b"8:1", "/etc/a b")), ("/", (b"8:1", "/")), ("no path", None)],
)
def test_where_in_its_file_system_a_path_lies(
    path: str, location: tuple[bytes, str] | None
) -> None:
    assert location_of(path, TABLE) == location
