"""A file system of one's own, where the machine lets one mount it."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


def mount_tmpfs(place: Path, size: str = "1m") -> None:
    """Mount it; the test is skipped where that is not permitted."""
    command = ["mount", "-t", "tmpfs", "-o", f"size={size}", "aqsync-test", str(place)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        pytest.skip(f"mounting is not permitted here: {done.stderr.strip()}")


def unmount(place: Path) -> None:
    subprocess.run(["umount", str(place)], check=True, capture_output=True)


@contextmanager
def mounted_tmpfs(place: Path, size: str = "1m") -> Iterator[Path]:
    mount_tmpfs(place, size)
    try:
        yield place
    finally:
        unmount(place)
