"""Which files are open for writing, as the kernel tells it; and where it tells nothing."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

import pytest

from aqsync.config import MappingConfig
from aqsync.local import open_files
from aqsync.local.disk import REAL_DISK
from aqsync.local.open_files import INODE_MASK, OpenForWriting, open_for_writing
from aqsync.sync.measured import measured_of
from tests.support.lab import EID, Lab

pytestmark = pytest.mark.skipif(not Path("/proc/locks").exists(), reason="only Linux tells")

LOCKS = """\
1: FLOCK  ADVISORY  WRITE 5953 fe:00:21 0 EOF
2: POSIX  ADVISORY  READ 3639 fe:00:22 128 128
3: POSIX  ADVISORY  WRITE -1 fe:00:23 0 10
3: -> POSIX  ADVISORY  WRITE 77 fe:00:24 0 10
4: FLOCK  ADVISORY  WRITE 5953 fe:01:25 0 EOF
5: OFDLCK ADVISORY  WRITE -1 fe:00:26 0 EOF
"""
DEVICE = os.makedev(0xFE, 0)


def proc(folder: Path, locks: str = LOCKS, *, own: bool = True) -> Path:
    """What a kernel would tell: one process, with a file open for reading and one for writing."""
    place = folder / "proc"
    for name in ("self/fd", "77/fd", "not-a-process"):
        if own or name != "self/fd":
            (place / name).mkdir(parents=True)
    (place / "locks").write_text(locks)
    return place


def test_what_is_locked_for_writing_on_the_device(tmp_path: Path) -> None:
    found = open_for_writing(str(tmp_path), DEVICE, proc(tmp_path))

    assert found == OpenForWriting(frozenset(), frozenset({21, 23, 26}))


def test_an_inode_of_64_bits_is_the_one_that_a_look_sees(tmp_path: Path) -> None:
    largest = (1 << 64) - 1
    locks = f"1: FLOCK  ADVISORY  WRITE 5953 fe:00:{largest} 0 EOF\n"
    found = open_for_writing(str(tmp_path), DEVICE, proc(tmp_path, locks))

    assert found == OpenForWriting(frozenset(), frozenset({largest & INODE_MASK}))


def test_where_nothing_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert open_for_writing(str(tmp_path), DEVICE, proc(tmp_path, own=False)) is None
    assert open_for_writing(str(tmp_path), DEVICE, tmp_path / "none") is None
    monkeypatch.setattr(open_files, "without_events", lambda _root: "nfs4")
    assert open_for_writing(str(tmp_path), DEVICE) is None, "other machines may write there"


def test_what_processes_have_open(root: Path) -> None:
    (root / "run").mkdir()
    read, written, apart = root / "run/read", root / "run/\udcff", root.parent / "apart"
    for place in (read, written, apart):
        place.write_bytes(b"data")
    before = (root / "run").stat()
    with read.open(), written.open("ab"), apart.open("wb"):
        found = REAL_DISK.open_for_writing(root)
    assert found is not None
    assert found.paths == {"run/\udcff"}
    after = REAL_DISK.open_for_writing(root)
    assert after is not None
    assert after.paths == frozenset()
    assert (root / "run").stat() == before


def closed(lab: Lab) -> MappingConfig:
    section = {"folder": "{run}/", "complete": {"closed": True}, "send": "when_complete"}
    lab.configure(measurement=section)
    return lab.mapping


def test_a_look_at_a_whole_measurement_asks(lab: Lab) -> None:
    closed(lab)
    place, locked = lab.write("run/a.csv"), lab.write("run/b.csv")
    kept = lab.journal.measurements
    with place.open("ab"), locked.open() as reader:
        fcntl.flock(reader, fcntl.LOCK_EX)
        lab.scan()
        newest, now_ns = lab.journal.observations.newest(), lab.clock.now_ns()
        asked = kept.open_files(lab.mapping_id)
        assert asked is not None
        assert asked[:3] == (now_ns, newest, frozenset({"run/a.csv"}))
        assert kept.paths_of(lab.mapping_id, "run", asked.locked) == ["run/b.csv"]
    lab.clock.advance(1)
    lab.scan("run/a.csv")
    assert kept.open_files(lab.mapping_id) == asked
    lab.scan("run")
    asked = kept.open_files(lab.mapping_id)
    assert asked is not None
    assert asked[:3] == (lab.clock.now_ns(), newest, frozenset())
    assert kept.paths_of(lab.mapping_id, "run", asked.locked) == []


def test_a_lock_counts_though_its_file_is_seen_later(lab: Lab) -> None:
    """Another file had taken its place, and only another measurement was looked at."""
    mapping = closed(lab)
    for path in ("one/a.csv", "two/a.csv"):
        lab.write(path)
    lab.scan()
    place = lab.write("one/new.csv").replace(lab.root / "one/a.csv")
    with place.open() as reader:
        fcntl.flock(reader, fcntl.LOCK_EX)
        lab.scan("two")
        lab.scan("one/a.csv")
    lab.clock.advance(600)
    measured = measured_of(lab.journal, mapping, lab.clock.now_ns())
    assert measured is not None
    assert measured.completeness("one").words == "one/a.csv is open for writing"
    assert measured.completeness("two").complete


def test_without_the_condition_nobody_asks(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(open_files, "_processes", lambda _proc: pytest.fail("it asked"))
    lab.write("run/a.csv")
    lab.scan()
    assert lab.journal.measurements.open_files(lab.mapping_id) is None
    assert lab.mapping.experiment == EID
