"""Directories full of files."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path

_CLOCK_REALTIME_COARSE = 5
"""Linux's number of the clock that it stamps files by."""


def write_tree(root: Path, folders: int, per_folder: int, size: int) -> None:
    """Write files of random content: ``run-0000/point-000.csv`` and so on."""
    for folder in (root / f"run-{number:04d}" for number in range(folders)):
        folder.mkdir(parents=True)
        for number in range(per_folder):
            (folder / f"point-{number:03d}.csv").write_bytes(os.urandom(size))


def files_below(root: Path) -> Iterator[os.DirEntry[str]]:
    """All files; those of folders whose names begin with a dot are not among them."""
    with os.scandir(root) as entries:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                if not entry.name.startswith("."):
                    yield from files_below(Path(entry.path))
            elif not entry.name.startswith("."):
                yield entry


def named_ns(path: Path) -> int:
    """When a file got its name, at the latest, if nothing was done with it since.

    The kernel notes the tick of its clock before it; the next tick is taken.
    """
    return path.stat().st_ctime_ns + int(time.clock_getres(_CLOCK_REALTIME_COARSE) * 1e9)
