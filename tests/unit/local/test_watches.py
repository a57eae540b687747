"""What the kernel watches for us, what it does not, and what people are told of it."""

from __future__ import annotations

import errno
import subprocess
import sys
from pathlib import Path

import pytest

from aqsync.local import watches
from aqsync.local.watches import (
    blind,
    inotify_in_use,
    inotify_limits,
    limit_problem,
    start_problem,
    watch_limit,
    watched_inodes,
)

DESCRIPTION = b"""pos:\t0
flags:\t02000000
inotify wd:2 ino:9e7e sdev:800013 mask:800afce ignored_mask:0 fhandle-bytes:8 fhandle-type:1
inotify wd:1 ino:ffffffffffffffff sdev:800013 mask:800afce ignored_mask:0
"""


@pytest.fixture
def descriptions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(watches, "_DESCRIPTIONS", tmp_path)
    (tmp_path / "0").write_bytes(b"pos:\t0\nflags:\t0100002\n")
    (tmp_path / "7").write_bytes(DESCRIPTION)
    (tmp_path / "8").write_bytes(b"inotify wd:1 ino:2 sdev:1 mask:2 ignored_mask:0\n")
    return tmp_path


def limits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, **values: int) -> None:
    monkeypatch.setattr(watches, "_LIMITS", tmp_path)
    for name, value in values.items():
        (tmp_path / name).write_text(f"{value}\n")


@pytest.mark.usefixtures("descriptions")
def test_the_watched_are_read_from_all_descriptors_or_one() -> None:
    assert watched_inodes() == {0x9E7E, 0xFFFF_FFFF_FFFF_FFFF, 2}
    assert watched_inodes(8) == {2}
    assert watched_inodes(0) == set()
    assert watched_inodes(99) is None


def test_a_system_that_does_not_tell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watches, "_DESCRIPTIONS", tmp_path / "missing")
    monkeypatch.setattr(watches, "_LIMITS", tmp_path / "missing")
    assert watched_inodes() is None
    assert blind({1, 2}, 1) == 0
    assert watch_limit() is None
    message, hint = limit_problem(2, 3)
    assert message.startswith("changes in 2 of 3 directories go unheard")
    assert "sysctl fs.inotify.max_user_watches=65536" in hint


@pytest.mark.parametrize(
    ("directories", "root", "watched", "count"),
    [
        ({1, 2, 3}, 1, {1, 2, 3}, 0),
        ({1, 2, 3}, 1, {1, 3, 9}, 1),
        ({1, 2, 3}, 1, {1}, 2),
        ({1, 2, 3}, 1, set(), 3),
        ([1, 2, 2], 1, {1}, 2),  # one directory, seen at two places
        ({2, 3, 4}, 1, {101, 102, 103, 104}, 0),  # the kernel counts in other numbers
        ({1, 2, 3, 4}, 1, {101, 102, 103}, 1),
        ({1, 0x7FFF_FFFF_FFFF_FFF0}, 1, {1, 0xFFFF_FFFF_FFFF_FFF0}, 0),
        ({1, 0xFFFF_FFFF_FFFF_FFF0}, 1, {1, 0xFFFF_FFFF_FFFF_FFF0}, 0),
    ],
)
def test_the_blind_are_counted(
    directories: set[int], root: int, watched: set[int], count: int
) -> None:
    assert blind(directories, root, watched) == count


@pytest.mark.usefixtures("descriptions")
def test_without_a_list_all_that_the_process_watches_counts() -> None:
    assert blind({2, 0x9E7E, 5}, 2) == 1


@pytest.mark.parametrize(
    ("limit", "missing", "total", "wanted"),
    [
        (8192, 31, 50, 65_536),
        (65_536, 1, 2, 131_072),
        (192_536, 10, 100_000, 524_288),
        (100_000, 400_000, 500_000, 1_048_576),
    ],
)
def test_the_cure_for_the_watch_limit_is_exact(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    limit: int,
    missing: int,
    total: int,
    wanted: int,
) -> None:
    limits(tmp_path, monkeypatch, max_user_watches=limit)
    message, hint = limit_problem(missing, total)
    assert f"{missing:,} of {total:,} directories" in message
    assert f"{limit:,}" in message
    assert f"`sudo sysctl fs.inotify.max_user_watches={wanted}`" in hint
    assert "/etc/sysctl.d/" in hint


def test_what_people_are_told_where_watching_cannot_begin(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    limits(tmp_path, monkeypatch, max_user_watches=8192, max_user_instances=128)
    root = Path("/data")
    message, hint = start_problem(OSError(errno.ENOSPC, "no space"), root)
    assert message == "/data cannot be watched: the system's limit of watches is reached"
    assert "sudo sysctl fs.inotify.max_user_watches=65536" in hint
    message, hint = start_problem(OSError(errno.EMFILE, "too many"), root)
    assert "limit of inotify instances is reached (128 for this user" in message
    assert "sudo sysctl fs.inotify.max_user_instances=512" in hint
    message, hint = start_problem(PermissionError(errno.EACCES, "Permission denied"), root)
    assert message == "/data cannot be watched: Permission denied"
    assert "read" in hint
    assert start_problem(OSError(errno.EIO, "Input/output error"), root)[1] == ""


IN_A_NAMESPACE = """
import sys
from pathlib import Path
from aqsync.errors import EventsUnavailable
from aqsync.local.watcher import Watcher

root = Path(sys.argv[1])
watcher = Watcher(root, lambda: None)
try:
    watcher.start()
except EventsUnavailable as exc:
    print(exc.message, exc.hint, sep="\\n")
else:
    inodes = {place.stat().st_ino for place in (root, *root.iterdir())}
    print(watcher.blind(inodes), watcher.ailment(), watcher.proves(5))
    watcher.stop()
"""


def with_limit(name: str, value: int, root: Path) -> str:
    """What the script prints in a user namespace of its own, which may have limits of its own."""
    script = f'echo {value} > /proc/sys/user/max_inotify_{name} && exec "$@"'
    command = ["unshare", "--user", "--map-root-user", "sh", "-c", script, "sh"]
    if subprocess.run([*command, "true"], capture_output=True, check=False).returncode != 0:
        pytest.skip("user namespaces are not permitted here")
    python = [sys.executable, "-c", IN_A_NAMESPACE, str(root)]
    return subprocess.run(
        [*command, *python], capture_output=True, text=True, check=True, cwd=Path.cwd()
    ).stdout.strip()


def test_directories_beyond_the_real_watch_limit_are_counted(tmp_path: Path) -> None:
    for number in range(50):
        (tmp_path / str(number)).mkdir()
    assert with_limit("watches", 31, tmp_path) == "20 None True"
    assert with_limit("watches", 100, tmp_path) == "0 None True"


def test_the_root_beyond_the_real_watch_limit(tmp_path: Path) -> None:
    message, hint = with_limit("watches", 0, tmp_path).splitlines()
    assert message == f"{tmp_path} cannot be watched: the system's limit of watches is reached"
    assert "sysctl fs.inotify.max_user_watches=" in hint


def test_the_real_limit_of_instances(tmp_path: Path) -> None:
    message, hint = with_limit("instances", 0, tmp_path).splitlines()
    assert "limit of inotify instances is reached" in message
    assert "sysctl fs.inotify.max_user_instances=" in hint


def test_a_process_with_too_many_open_files_is_told_apart(tmp_path: Path) -> None:
    script = (
        "import os, resource\n"
        "import aqsync.local.watcher\n"
        "resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))\n"
        "taken = []\n"
        "try:\n"
        "    while True: taken.append(os.open('/dev/null', os.O_RDONLY))\n"
        "except OSError: os.close(taken.pop())\n"  # room for the look at the root
    ) + IN_A_NAMESPACE
    command = [sys.executable, "-c", script, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=Path.cwd())
    message, hint = done.stdout.strip().splitlines()
    assert message == f"{tmp_path} cannot be watched: this process has too many files open"
    assert "LimitNOFILE" in hint


def test_the_system_has_a_limit() -> None:
    limit = watch_limit()
    assert limit is None or limit > 0


def test_what_a_user_has_is_counted_over_all_processes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watches, "_PROCESSES", tmp_path)
    for process in ("7", "8", "self"):
        for folder in ("fdinfo", "fd"):
            (tmp_path / process / folder).mkdir(parents=True)
        (tmp_path / process / "fdinfo" / "3").write_bytes(DESCRIPTION)
        (tmp_path / process / "fd" / "3").symlink_to("anon_inode:inotify")
    (tmp_path / "9").mkdir()  # it has just ended
    me = tmp_path.stat().st_uid
    assert inotify_in_use(me) == (4, 2)
    assert inotify_in_use(me, without=8) == (2, 1)
    assert inotify_in_use(me + 1) == (0, 0)


def test_the_limits_of_a_user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    limits(tmp_path, monkeypatch, max_user_watches=8192)
    assert inotify_limits() is None
    limits(tmp_path, monkeypatch, max_user_instances=128)
    assert inotify_limits() == (8192, 128)
