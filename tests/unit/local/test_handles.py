"""What is looked at lies below the root: links lead nowhere, also while others change things."""

from __future__ import annotations

import errno
import os
import pwd
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from aqsync.errors import EventsUnavailable, RootBehindLink
from aqsync.local.disk import REAL_DISK
from aqsync.local.handles import UNNOTICED, HeldRoot, UntrustedLink
from aqsync.local.roots import root_identity
from aqsync.local.watcher import Watcher
from aqsync.model import Reason
from tests.support.lab import Lab

NOBODY = 4_000_000_000
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="gives links away")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "home" / "root"
    root.mkdir(parents=True)
    (root / "file").write_text("content")
    return root


def handles_open() -> int:
    return len(os.listdir("/proc/self/fd"))  # noqa: PTH208 - only how many


# Links in the path of a root


def test_links_of_our_own_are_followed(root: Path, tmp_path: Path) -> None:
    (tmp_path / "first").symlink_to("home/../second/.")
    (tmp_path / "second").symlink_to(tmp_path / "home")
    held = HeldRoot(tmp_path / "first" / "root")
    held.close()
    assert held.real == str(root)


def test_a_link_that_all_could_have_made_is_refused(root: Path) -> None:
    link = root.parent / "link"
    link.symlink_to(root)
    root.parent.chmod(0o777)
    words = f"{link} is a symbolic link that others could change: {root.parent} can be written to"
    with pytest.raises(UntrustedLink, match=words):
        HeldRoot(link)
    with pytest.raises(UntrustedLink):
        REAL_DISK.open(link, "file")
    with pytest.raises(RootBehindLink, match=r"is not used: .* is a symbolic link") as caught:
        root_identity(link)
    assert caught.value.hint
    with pytest.raises(EventsUnavailable):
        Watcher(link, lambda: None).start()


@needs_root
@pytest.mark.parametrize("mode", [0o700, 0o1777])
def test_a_link_of_another_user_is_refused(root: Path, mode: int) -> None:
    link = root.parent / "link"
    link.symlink_to(root)
    root.parent.chmod(mode)
    HeldRoot(link).close()
    os.chown(link, NOBODY, -1, follow_symlinks=False)
    with pytest.raises(UntrustedLink, match=f"it belongs to the user with number {NOBODY}"):
        HeldRoot(link)


@needs_root
def test_a_link_below_what_belongs_to_another_user_is_refused(root: Path, tmp_path: Path) -> None:
    (tmp_path / "home" / "link").symlink_to(root)
    nobody = pwd.getpwnam("nobody").pw_uid
    os.chown(tmp_path / "home", nobody, -1)
    with pytest.raises(UntrustedLink, match=f"{tmp_path / 'home'} belongs to the user nobody"):
        HeldRoot(tmp_path / "home" / "link")
    HeldRoot(root).close()  # a directory of others is what it is


def test_where_links_lead_in_a_loop(root: Path) -> None:
    (root.parent / "loop").symlink_to("loop")
    with pytest.raises(OSError, match="symbolic links"):
        HeldRoot(root.parent / "loop")


def test_nothing_stays_open(root: Path) -> None:
    (root.parent / "dangling").symlink_to("nowhere")
    before = handles_open()
    for place in (root, root / "none", root / "file" / "x", root.parent / "dangling"):
        for _ in range(3):
            try:
                HeldRoot(place).close()
            except OSError:
                continue
    with REAL_DISK.holding(root) as held, pytest.raises(NotADirectoryError):
        held.look(root, "file/x")
    assert handles_open() == before


# What is below


def test_a_tree_deeper_than_what_is_held(root: Path) -> None:
    names = [f"d{depth}" for depth in range(60)]
    for depth in range(60):
        place = root / "/".join(names[: depth + 1])
        place.mkdir()
        (place / "f").write_text(str(depth))
    before = handles_open()
    with REAL_DISK.holding(root) as held:
        for depth in (59, 3, 40, 0, 58, 20, 59):
            path = "/".join(names[: depth + 1])
            with held.listing(root, path) as listing:
                assert "f" in dict(listing.entries)
            assert held.look(root, f"{path}/f")[1] == len(str(depth))
            assert handles_open() - before < 25
    assert handles_open() == before


def test_a_path_longer_than_the_system_takes_at_once(root: Path) -> None:
    here, names = os.open(root, os.O_RDONLY), ["n" * 250] * 20
    for name in names:
        os.mkdir(name, dir_fd=here)
        below = os.open(name, os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = below
    os.close(os.open("f", os.O_CREAT, dir_fd=here))
    os.close(here)
    assert REAL_DISK.look(root, "/".join([*names, "f"]))[1] == 0


def outside_of(lab: Lab) -> Path:
    outside = lab.root.parent / "outside"
    for folder in ("", "deep", "deep/er"):
        (outside / folder).mkdir()
        (outside / folder / "secret").write_text("secret")
    return outside


def swapping(lab: Lab, place: Path) -> Callable[[], None]:
    """What puts a link in a place, at the next call takes it away again, and so on."""
    outside, aside = outside_of(lab), lab.root.parent / "aside"
    lab.root.parent.chmod(0o777)

    def swap() -> None:
        if place.is_symlink():
            place.unlink()
            aside.rename(place)
        else:
            place.rename(aside)
            place.symlink_to(outside)

    return swap


@pytest.mark.parametrize("place", ["", "run", "run/deep"])
def test_no_name_from_outside_reaches_the_journal(lab: Lab, place: str) -> None:
    for path in ("run/deep/er/f", "run/deep/g", "run/h", "other/i", "j"):
        lab.write(path)
    swap = swapping(lab, lab.root / place)
    for moment in range(5):
        beats = iter(range(10))
        lab.scanner.scan(beat=lambda: swap() if next(beats) == moment else None)  # noqa: B023
        swap()
        names = {t.path for t in lab.journal.observations.targets(lab.mapping_id)}
        assert not any("secret" in name for name in names)


@pytest.mark.parametrize("place", ["", "run"])
def test_no_name_from_outside_is_met_in_a_race(lab: Lab, place: str) -> None:
    for number in range(20):
        lab.write(f"run/deep/er/{number}/f")
    swap, stop = swapping(lab, lab.root / place), threading.Event()

    def keep_swapping() -> None:
        while not stop.is_set():
            swap()

    others = threading.Thread(target=keep_swapping)
    others.start()
    try:
        for _ in range(15):
            lab.scan()
    finally:
        stop.set()
        others.join()
    names = {t.path for t in lab.journal.observations.targets(lab.mapping_id)}
    assert not any("secret" in name for name in names)


def test_a_root_behind_a_link_of_others_is_in_trouble(lab: Lab) -> None:
    lab.write("a")
    lab.scan()
    outside = outside_of(lab)
    lab.root.rename(lab.root.parent / "away")
    lab.root.symlink_to(outside)
    folder = lab.root.parent
    folder.chmod(0o777)
    lab.scan()
    problem = lab.journal.mappings.troubles(lab.mapping_id)[""]
    assert problem.reason is Reason.ROOT_BEHIND_LINK
    assert lab.record("a").local is not None, "what is behind it tells nothing of what was known"
    assert lab.find("secret") is None


# Times of access


def read_all(root: Path) -> bytes:
    with REAL_DISK.holding(root) as disk:
        with disk.listing(root, "") as listing:
            assert [name for name, _ in listing.entries] == ["file"]
        file = disk.open(root, "file")
        try:
            return file.read(100)
        finally:
            file.close()


@pytest.mark.skipif(not UNNOTICED, reason="this system always notes it")
def test_reading_changes_no_time_of_access(root: Path) -> None:
    for place in (root / "file", root):
        os.utime(place, (1e9, 1.1e9))
    read_all(root)
    assert (root / "file").stat().st_atime == root.stat().st_atime == 1e9


@pytest.mark.skipif(not UNNOTICED, reason="this system always notes it")
@pytest.mark.parametrize("refused", [errno.EPERM, errno.EINVAL])
def test_what_belongs_to_others_is_read_in_the_usual_way(
    root: Path, monkeypatch: pytest.MonkeyPatch, refused: int
) -> None:
    real = os.open

    def as_another_user(path: str, flags: int, **others: int) -> int:
        if flags & UNNOTICED:
            raise OSError(refused, os.strerror(refused))
        return real(path, flags, **others)

    monkeypatch.setattr(os, "open", as_another_user)
    assert read_all(root) == b"content"
