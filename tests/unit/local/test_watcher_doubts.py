"""What the watcher says when it may miss changes, and how it begins and ends."""

from __future__ import annotations

import errno
import logging
import os
import shutil
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from watchdog.observers.inotify import InotifyWatchGroup
from watchdog.observers.inotify_c import (
    DEFAULT_EVENT_BUFFER_SIZE,
    InotifyConstants,
    InotifyEvent,
    InotifyFD,
)

from aqsync.errors import EventsUnavailable
from aqsync.local import listener
from aqsync.local.disk import REAL_DISK
from aqsync.local.hints import Hints
from aqsync.local.watcher import Watcher
from tests.support.listening import Listen, Listening
from tests.support.mounts import mount_tmpfs, mounted_tmpfs, unmount
from tests.support.patience import HANG_S, wait_until
from tests.support.permissions import bound_by_permissions

OVERFLOWED = "the kernel's queue of events overflowed"


# Where some paths are not enough


def test_of_a_burst_each_file_is_hinted_at_or_everything(root: Path, listen: Listen) -> None:
    (root / "run").mkdir()
    listening = listen()
    names = {f"run/{number}" for number in range(20_000)}
    for name in names:
        os.mknod(root / name)
    listening.until(lambda: bool(listening.doubts) or names <= listening.paths)
    assert set(listening.doubts) <= {"more than 5,000 changes at once", OVERFLOWED}
    (root / "run" / "after").touch()
    doubts = len(listening.doubts)
    listening.until(lambda: "run/after" in listening.paths or len(listening.doubts) > doubts)


def test_while_everything_is_in_doubt_new_directories_are_still_watched(
    root: Path, listen: Listen
) -> None:
    listening = listen()
    listening.watcher._pending.doubt("a test")
    (root / "new").mkdir()
    inode = (root / "new").stat().st_ino
    wait_until(lambda: not listening.watcher.blind([inode]), "the new directory is watched")
    assert listening.watcher.take() == Hints(frozenset(), "a test")
    listening.hears_all_before_now()
    (root / "new" / "file").touch()
    listening.hears("new/file")


def test_a_real_overflow(root: Path, listen: Listen, capfd: pytest.CaptureFixture[str]) -> None:
    queue = int(Path("/proc/sys/fs/inotify/max_queued_events").read_text())
    if queue > 100_000:
        pytest.skip(f"the kernel keeps {queue} events here: too many to make")
    files = [root / "a", root / "b"]
    for file in files:
        file.touch()
    listening = listen()
    with listening.reader._lock:  # it reads what it can hold, and then nothing
        for number in range(queue + DEFAULT_EVENT_BUFFER_SIZE // 32 + 1):
            os.utime(files[number % 2])
        (root / "unheard of").mkdir()
    listening.doubts_all(OVERFLOWED)
    # When that is told, what was missed is watched already.
    assert listening.watcher.blind([(root / "unheard of").stat().st_ino]) == 0
    listening.hears_all_before_now()
    (root / "unheard of" / "file").touch()
    listening.hears("unheard of/file")
    assert listening.watcher.ailment() is None
    assert capfd.readouterr().err == ""


def test_an_overflow_of_one_root_says_nothing_of_another(listen: Listen, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    other = Listening(tmp_path / "other")
    try:
        listening = listen()
        listening.reader.handle_event(overflow())
        listening.doubts_all(OVERFLOWED)
        other.hears_only()
    finally:
        other.watcher.stop()


def overflow() -> InotifyEvent:
    return InotifyEvent(-1, InotifyConstants.IN_Q_OVERFLOW, 0, b"")  # type: ignore[arg-type]  # a bare number


def test_watchdog_logs_nothing_to_others_and_not_every_event(listen: Listen) -> None:
    listen()
    logger = logging.getLogger("watchdog.observers.inotify_move_event_grouper")
    assert not logger.isEnabledFor(logging.INFO)
    assert not logging.getLogger("watchdog").propagate


def test_an_event_that_cannot_be_understood_puts_everything_in_doubt(
    root: Path, listen: Listen, monkeypatch: pytest.MonkeyPatch
) -> None:
    listening = listen()
    with monkeypatch.context() as broken:
        broken.delattr(Watcher, "_hint")
        (root / "a").touch()
        listening.until(lambda: bool(listening.doubts))
    with monkeypatch.context() as broken:
        broken.setattr(InotifyWatchGroup, "on_event", None)
        (root / "b").touch()
        listening.until(lambda: len(listening.doubts) > 1)
    assert all(d.startswith("an event could not be understood: ") for d in listening.doubts)
    assert listening.watcher.ailment() is None
    (root / "c").touch()
    listening.hears("c")


def test_a_wake_that_fails_ends_nothing(root: Path) -> None:
    called = threading.Event()

    def wake() -> None:
        called.set()
        raise RuntimeError

    watcher = Watcher(root, wake)
    watcher.start()
    try:
        for name in ("a", "b"):
            called.clear()
            (root / name).touch()
            assert called.wait(HANG_S)
            watcher.take()
        assert watcher.ailment() is None
    finally:
        watcher.stop()


def test_directories_that_come_and_go_make_no_warnings(
    root: Path, listen: Listen, tmp_path: Path
) -> None:
    (root / "run" / "deep").mkdir(parents=True)
    listening = listen()
    for number in range(50):
        (root / "run").rename(tmp_path / "run")
        (tmp_path / "run").rename(root / f"back {number}")  # the same watch, by another name
        (root / f"back {number}").rename(root / "run")
        (root / f"short {number}" / "lived").mkdir(parents=True)
        shutil.rmtree(root / f"short {number}")
    (root / "mark").touch()
    listening.hears("mark")
    assert listening.watcher.ailment() is None
    assert not any("understood" in doubt for doubt in listening.doubts)


# The root itself


def test_a_root_deleted_and_made_again(root: Path, listen: Listen) -> None:
    listening = listen()
    root.rmdir()
    listening.doubts_all("the directory itself changed")
    root.mkdir()
    assert listening.watcher.ailment() is not None
    assert not listening.watcher.proves(1)
    again = listen()
    assert again.watcher.ailment() is None
    (root / "file").touch()
    again.hears("file")


def test_a_root_moved_away_and_another_in_its_place(
    root: Path, listen: Listen, tmp_path: Path
) -> None:
    listening = listen()
    root.rename(tmp_path / "away")
    assert listening.watcher.ailment() == f"{root} cannot be looked at: No such file or directory"
    root.mkdir()
    assert listening.watcher.ailment() == f"{root} was replaced by another directory"


def test_a_root_unmounted_and_mounted_again(root: Path, listen: Listen) -> None:
    with mounted_tmpfs(root):
        listening = listen()
        assert listening.watcher.ailment() is None
        unmount(root)
        listening.doubts_all("a file system was unmounted")
        assert listening.watcher.ailment() is not None
        mount_tmpfs(root)
        assert listening.watcher.ailment() is not None
        again = listen()
        (root / "file").touch()
        again.hears("file")
        assert again.watcher.ailment() is None
        again.watcher.stop()


def test_a_root_that_the_kernel_no_longer_watches(root: Path, listen: Listen) -> None:
    (root / "deep").mkdir()
    listening = listen()
    wd = listening.group._active_callbacks_by_path[os.fsencode(root)]
    listening.reader.remove_callbacks([(wd, listening.group._id)])
    assert listening.watcher.ailment() == f"the kernel does not watch {root} any longer"
    assert not listening.watcher.proves(1)


def test_directories_without_a_watch_are_counted(root: Path, listen: Listen) -> None:
    for number in range(3):
        (root / str(number)).mkdir()
    listening = listen()
    inodes = {place.stat().st_ino for place in (root, *root.iterdir())}
    assert listening.watcher.blind(inodes) == 0
    wd = listening.group._active_callbacks_by_path[os.fsencode(root / "1")]
    listening.reader.remove_callbacks([(wd, listening.group._id)])
    assert listening.watcher.blind(inodes) == 1
    assert listening.watcher.ailment() is None
    listening.watcher.stop()
    assert listening.watcher.blind(inodes) == 0


def test_another_watcher_of_the_same_directory_makes_up_for_nothing(
    root: Path, listen: Listen
) -> None:
    listening, other = listen(), listen()
    wd = listening.group._active_callbacks_by_path[os.fsencode(root)]
    listening.reader.remove_callbacks([(wd, listening.group._id)])
    assert listening.watcher.ailment() is not None
    assert other.watcher.ailment() is None


# Directories that were closed


@pytest.fixture
def closed(root: Path) -> Iterator[Path]:
    """A folder that nobody may look into, with another one in it."""
    folder = root / "closed"
    (folder / "deep" / "er").mkdir(parents=True)
    folder.chmod(0)
    with bound_by_permissions():
        yield folder
    folder.chmod(0o700)


def test_a_directory_that_opens_is_watched_with_all_below_it(
    root: Path, closed: Path, listen: Listen
) -> None:
    listening = listen()
    closed.chmod(0o700)
    listening.hears("closed")
    for path in ("closed/new", "closed/deep/er/new"):
        (root / path).touch()
    listening.hears("closed/new", "closed/deep/er/new")
    inodes = {place.stat().st_ino for place in (closed, closed / "deep", closed / "deep/er")}
    assert listening.watcher.blind(inodes) == 0


@pytest.mark.parametrize("mode", [0o400, 0o600])
def test_one_that_could_be_listed_and_not_entered(
    root: Path, closed: Path, listen: Listen, mode: int
) -> None:
    closed.chmod(mode)
    listening = listen()
    closed.chmod(0o700)
    listening.hears("closed")
    (root / "closed/deep/er/new").touch()
    listening.hears("closed/deep/er/new")


def test_several_closed_at_once_are_not_taken_for_one_another(root: Path, listen: Listen) -> None:
    folders = [root / str(number) for number in range(3)]
    for folder in folders:
        folder.mkdir()
        folder.chmod(0)
    with bound_by_permissions():
        listening = listen()
        for folder in folders[:2]:
            folder.chmod(0o700)
            listening.hears(folder.name)
        (folders[0] / "a").touch()
        (folders[1] / "b").touch()
        listening.hears("0/a", "1/b")
        folders[2].rmdir()
        listening.hears("2")
        assert listening.doubts == []


def test_what_opened_without_an_event_is_reached(
    closed: Path, listen: Listen, monkeypatch: pytest.MonkeyPatch
) -> None:
    listening = listen()
    monkeypatch.setattr(type(listening.group), "on_event", InotifyWatchGroup.on_event)
    closed.chmod(0o700)
    listening.hears("closed")
    assert listening.watcher.reach("closed")
    (closed / "deep" / "er" / "new").touch()
    listening.hears("closed/deep/er/new")
    assert not listening.watcher.reach("closed"), "nothing is left to be watched"
    assert not listening.watcher.reach("")
    listening.watcher.stop()
    assert not listening.watcher.reach("closed")


# Beginning and end


def test_what_cannot_be_watched_is_said_with_what_to_do(root: Path, tmp_path: Path) -> None:
    (root / "file").touch()
    before = set(threading.enumerate())
    for place, reason in (
        (tmp_path / "missing", "No such file or directory"),
        (root / "file", "Not a directory"),
    ):
        with pytest.raises(EventsUnavailable) as caught:
            Watcher(place, lambda: None).start()
        assert caught.value.message == f"{place} cannot be watched: {reason}"
        assert caught.value.hint
    root.chmod(0o300)
    try:
        with bound_by_permissions(), pytest.raises(EventsUnavailable, match="Permission denied"):
            Watcher(root, lambda: None).start()
    finally:
        root.chmod(0o700)
    assert set(threading.enumerate()) == before


def test_a_start_that_fails_leaves_nothing_behind(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_watch(*_: object) -> int:
        raise OSError(errno.ENOSPC, "inotify watch limit reached")

    monkeypatch.setattr(InotifyFD, "add_callback", no_watch)
    before = resources()
    watcher = Watcher(root, lambda: None)
    with pytest.raises(EventsUnavailable, match="limit of watches") as caught:
        watcher.start()
    assert "sudo sysctl fs.inotify.max_user_watches=" in caught.value.hint
    assert watcher.ailment() == "it was not started"
    assert not watcher.proves(1)
    watcher.stop()
    assert resources() == before


def resources() -> tuple[set[threading.Thread], int]:
    return set(threading.enumerate()), len(list(Path("/proc/self/fd").iterdir()))


def test_stop_leaves_nothing_behind_and_may_come_twice(root: Path, listen: Listen) -> None:
    (root / "deep").mkdir()
    before = resources()
    listening = listen()
    listening.watcher.stop()
    listening.watcher.stop()
    assert resources() == before
    assert listening.watcher.ailment() == "a thread that listens has ended"
    assert not listening.watcher.proves(1)
    (root / "deep" / "file").touch()
    assert listening.watcher.take() == Hints(frozenset(), None)


def test_stop_when_the_root_is_gone(root: Path, listen: Listen) -> None:
    (root / "deep").mkdir()
    before = resources()
    listening = listen()
    shutil.rmtree(root)
    listening.watcher.stop()
    assert resources() == before


STORM = """
import os, shutil, sys
root = sys.argv[1]
print("begins", flush=True)
number = 0
while True:
    number += 1
    place = os.path.join(root, str(number % 50))
    os.makedirs(os.path.join(place, "deep"))
    for name in ("a", "b", "deep/c"):
        open(os.path.join(place, name), "w").close()
    os.rename(place, place + "x")
    shutil.rmtree(place + "x")
"""


def test_stop_in_a_storm(root: Path, listen: Listen, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listener, "STOP_S", HANG_S)
    before = resources()[0]
    with subprocess.Popen(
        [sys.executable, "-c", STORM, str(root)], stdout=subprocess.PIPE
    ) as storm:
        try:
            assert storm.stdout is not None
            assert storm.stdout.readline() == b"begins\n"
            for _ in range(5):
                listening = listen()
                listening.until(lambda: bool(listening.paths or listening.doubts))  # noqa: B023 - called at once
                listening.watcher.stop()
                assert set(threading.enumerate()) == before
        finally:
            storm.kill()


def test_stop_does_not_wait_for_a_file_system_that_hangs(
    listen: Listen, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listener, "STOP_S", 0.05)
    before = set(threading.enumerate())
    listening = listen()
    with listening.group._lock:  # as in a walk through a directory that never answers
        listening.watcher.stop()
    for thread in set(threading.enumerate()) - before:
        thread.join(HANG_S)
    assert set(threading.enumerate()) == before


# The self-test


def test_a_healthy_watcher_proves_that_events_arrive_and_touches_nothing(
    root: Path, listen: Listen
) -> None:
    (root / "deep").mkdir()
    (root / "deep" / "file").write_bytes(b"content")
    places = (root, root / "deep", root / "deep" / "file")
    listening = listen()
    before = [place.stat() for place in places[2:]], resources()
    assert listening.watcher.proves(HANG_S)
    assert ([place.stat() for place in places[2:]], resources()) == before
    listening.hears_only()


def test_events_that_do_not_arrive_are_noticed(
    root: Path, listen: Listen, monkeypatch: pytest.MonkeyPatch
) -> None:
    (root / "file").touch()
    listening = listen()
    # As on a file system that does not tell the kernel: what is opened is not heard of.
    elsewhere = REAL_DISK.open(root, "file")
    monkeypatch.setattr(REAL_DISK, "open", lambda *_: elsewhere)
    assert not listening.watcher.proves(0.05)
    assert listening.watcher.ailment() is None


def test_a_dead_thread_is_an_ailment_and_fails_the_proof(root: Path, listen: Listen) -> None:
    (root / "file").touch()
    for which in range(3):
        listening = listen()
        assert listening.watcher._listener is not None
        thread = listening.watcher._listener.threads()[which]
        thread.stop()  # type: ignore[attr-defined]  # watchdog's threads have it
        thread.join(HANG_S)
        assert listening.watcher.ailment() == "a thread that listens has ended"
        assert not listening.watcher.proves(HANG_S)


def test_only_a_regular_file_that_may_be_read_is_opened(
    root: Path, listen: Listen, monkeypatch: pytest.MonkeyPatch
) -> None:
    os.mkfifo(root / "fifo")
    (root / "link").symlink_to(os.devnull)
    (root / "deep").mkdir()
    listening = listen()
    opened: list[str] = []

    def note(directory: Path, name: str) -> int:
        opened.append(str((directory / name).relative_to(root)))
        raise FileNotFoundError(errno.ENOENT, "it is gone again")

    monkeypatch.setattr(REAL_DISK, "open", note)
    assert listening.watcher.proves(HANG_S)
    assert opened == []
    (root / "deep" / "file").touch()
    (root / "deep" / "second").touch()
    assert listening.watcher.proves(HANG_S)
    assert len(opened) == 1
    assert stat.S_ISREG((root / opened[0]).lstat().st_mode)


def test_without_room_for_a_second_listener_the_proof_rests_on_the_first(
    root: Path, listen: Listen, monkeypatch: pytest.MonkeyPatch
) -> None:
    (root / "file").touch()
    listening = listen()

    def no_instance(*_: object) -> int:
        raise OSError(errno.EMFILE, "inotify instance limit reached")

    monkeypatch.setattr(InotifyFD, "_create_inotify_fd", no_instance)
    assert listening.watcher.proves(HANG_S)
