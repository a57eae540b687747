"""A file system of one's own, where the machine lets one mount it."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


def mount_tmpfs(place: Path, size: str = "1m") -> None:
    """Mount it; the test is skipped where that is not permitted."""
    command = ["mount", "-t", "tmpfs", "-o", f"size={size},mode=0755", "aqsync-test", str(place)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        pytest.skip(f"mounting is not permitted here: {done.stderr.strip()}")


def bind(source: Path, place: Path) -> None:
    """Let a directory be seen at another place; the test is skipped where that is not permitted."""
    command = ["mount", "--bind", str(source), str(place)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        pytest.skip(f"mounting is not permitted here: {done.stderr.strip()}")


def unmount(place: Path, *, in_use: bool = False) -> None:
    """Unmount it, also while something of it is open if that is said."""
    how = ["--lazy"] if in_use else []
    subprocess.run(["umount", *how, str(place)], check=True, capture_output=True)


@contextmanager
def mounted_tmpfs(place: Path, size: str = "1m") -> Iterator[Path]:
    mount_tmpfs(place, size)
    try:
        yield place
    finally:
        unmount(place)


@contextmanager
def mounted_ext4(place: Path, image: Path, *options: str) -> Iterator[Path]:
    """A small ext4 on a loop device; the test is skipped where that is not possible.

    Args:
        place: Where to mount it.
        image: A file that is made for it.
        options: More options of mkfs.
    """
    with image.open("wb") as file:
        file.truncate(8 << 20)
    for command in (
        ["mkfs.ext4", "-q", "-F", *options, str(image)],
        ["mount", "-o", "loop", str(image), str(place)],
    ):
        try:
            done = subprocess.run(command, capture_output=True, text=True, check=False)
        except FileNotFoundError as exc:
            pytest.skip(f"there is no {exc.filename} here")
        if done.returncode != 0:
            pytest.skip(f"a loop device cannot be used here: {done.stderr.strip()}")
    try:
        yield place
    finally:
        unmount(place)
