"""Which files are open for writing, as the kernel tells it; and where it tells nothing."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

import pytest

from aqsync.config import MappingConfig
from aqsync.journal.measurements import OpenFiles
from aqsync.local import open_files
from aqsync.local.disk import REAL_DISK
from aqsync.local.open_files import OpenForWriting, open_for_writing
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
        expected = frozenset({"run/a.csv", "run/b.csv"})
        asked = OpenFiles(lab.clock.now_ns(), lab.journal.observations.newest(), expected)
        assert kept.open_files(lab.mapping_id) == asked
    lab.clock.advance(1)
    lab.scan("run/a.csv")
    assert kept.open_files(lab.mapping_id) == asked
    lab.scan("run")
    now = asked._replace(asked_ns=lab.clock.now_ns(), paths=frozenset())
    assert kept.open_files(lab.mapping_id) == now


def test_without_the_condition_nobody_asks(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(open_files, "_processes", lambda _proc: pytest.fail("it asked"))
    lab.write("run/a.csv")
    lab.scan()
    assert lab.journal.measurements.open_files(lab.mapping_id) is None
    assert lab.mapping.experiment == EID
