"""A large database with a full log, whose writer holds it open: a snapshot alone, and a push."""

from __future__ import annotations

import json
import os
import sqlite3
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import NamedTuple

from bench.figures import Figure
from bench.processes import Run, run
from bench.stage import Stage

SIZE_MIB, LOG_MIB = 2048, 50
QUICK_MIB, QUICK_LOG_MIB = 64, 5
NAME = "experiments.db"
MOST_MB = 80


class _Taken(NamedTuple):
    run: Run
    read_mib: float
    written_mib: float


def database(stage: Stage) -> Iterator[Figure]:
    size, log = (QUICK_MIB, QUICK_LOG_MIB) if stage.quick else (SIZE_MIB, LOG_MIB)
    root, report = stage.folder / "database", stage.folder / "snapshot.json"
    root.mkdir()
    taken: list[_Taken] = []

    def copied() -> Run:
        return run(["cp", "--reflink=never", root / NAME, stage.room()])

    def snapshot() -> Run:
        made = run([sys.executable, "-m", "bench.database", root, stage.room(), report])
        taken.append(_Taken(made, *json.loads(report.read_text())))
        return made

    def pushed() -> Run:
        with stage.experiment() as experiment:
            return stage.push(root, experiment.eid).run()

    with _held_open(root / NAME, size, log):
        what = f"a database of {size} MiB with a log of {log} MiB"
        copies, _, pushes = stage.alternately(what, copied, snapshot, pushed)
    yield Figure("database: time of a snapshot", [t.run.seconds for t in taken], "s")
    yield Figure("database: its processor time", [t.run.cpu_seconds for t in taken], "s")
    yield Figure("database: the same of cp, which checks nothing", _cpu(copies), "s")
    # Database and log once for the copy, the log twice more to write it, and the copy once more.
    whole = size + log
    yield Figure("database: it reads", _mib(taken, "read_mib"), "MiB", at_most=2.2 * whole)
    yield Figure("database: it writes", _mib(taken, "written_mib"), "MiB", at_most=1.1 * whole)
    memory = [t.run.peak_mb for t in taken]
    yield Figure("database: peak memory of a snapshot", memory, "MB", at_most=MOST_MB)
    yield Figure("database: processor time of a push", _cpu(pushes), "s")
    memory = [r.peak_mb for r in pushes]
    yield Figure("database: peak memory of a push", memory, "MB", at_most=MOST_MB)


def _cpu(runs: list[Run]) -> list[float]:
    return [each.cpu_seconds for each in runs]


def _mib(taken: list[_Taken], which: str) -> list[float]:
    return [getattr(each, which) for each in taken]


@contextmanager
def _held_open(place: Path, size_mib: int, log_mib: int) -> Iterator[None]:
    """A database and its log, of so many MiB each, while a program has it open."""
    with closing(sqlite3.connect(place, isolation_level=None)) as writer:
        writer.execute("PRAGMA journal_mode = WAL")
        writer.execute("PRAGMA synchronous = OFF")
        writer.execute("CREATE TABLE trace (n INTEGER PRIMARY KEY, iq BLOB)")
        for _ in range(size_mib):
            writer.execute("INSERT INTO trace (iq) VALUES (randomblob(1048576))")
        writer.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        writer.execute("PRAGMA wal_autocheckpoint = 0")
        for _ in range(log_mib):
            writer.execute("INSERT INTO trace (iq) VALUES (randomblob(1040000))")
        os.sync()
        yield


def _take(root: Path, folder: Path, report: Path) -> None:
    """Take one snapshot, and note the MiB that this process has read and written for it."""
    from aqsync.clock import SystemClock  # noqa: PLC0415 - for the other process alone
    from aqsync.local.disk import REAL_DISK  # noqa: PLC0415
    from aqsync.local.snapshot import Snapshots  # noqa: PLC0415

    before = _moved()
    snapshots = Snapshots(folder / "snapshots", SystemClock())
    with snapshots.of(REAL_DISK, root, NAME, None, lambda: None):
        after = _moved()
    report.write_text(json.dumps([(b - a) / (1 << 20) for a, b in zip(before, after, strict=True)]))


def _moved() -> list[int]:
    """Bytes that this process has read and written, by the kernel's count of its calls."""
    lines = Path("/proc/self/io").read_text().splitlines()
    counts = dict(line.split(": ") for line in lines)
    return [int(counts["rchar"]), int(counts["wchar"])]


if __name__ == "__main__":
    _take(*map(Path, sys.argv[1:]))
