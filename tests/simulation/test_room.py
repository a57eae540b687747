from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.simulation.parts import Room


class Crowded:
    """Room for snapshots, and one that is being made."""

    def __init__(self, folder: Path) -> None:
        (folder / "one").mkdir()
        self.full = False
        self.overfilled = 0
        self.room = Room(lambda: folder, lambda: self.full, self._overfill)
        self.copy = os.open(folder / "one" / "database", os.O_WRONLY | os.O_CREAT)
        self.folder = folder

    def _overfill(self) -> None:
        self.overfilled += 1

    def write(self, size: int) -> None:
        self.room.write(self.copy, bytes(size))

    @property
    def free(self) -> int:
        return self.room.usage(self.folder).free


@pytest.fixture
def crowded(tmp_path: Path) -> Iterator[Crowded]:
    made = Crowded(tmp_path)
    yield made
    os.close(made.copy)


def test_what_is_written_is_no_longer_free(crowded: Crowded) -> None:
    crowded.room.become(Room.SPARE + 100, meanwhile=False)
    crowded.write(60)
    assert crowded.free == Room.SPARE + 40
    crowded.write(40)
    assert not crowded.overfilled
    crowded.write(1)
    assert crowded.overfilled


def test_what_was_promised_may_be_written(crowded: Crowded) -> None:
    crowded.room.become(0, meanwhile=True)
    with pytest.raises(OSError, match="No space left") as caught:
        crowded.write(1)
    assert caught.value.errno == errno.ENOSPC
    assert not crowded.overfilled


def test_a_full_disk_takes_nothing(crowded: Crowded) -> None:
    crowded.full = True
    assert crowded.free == 0
    with pytest.raises(OSError, match="No space left"):
        crowded.write(1)
