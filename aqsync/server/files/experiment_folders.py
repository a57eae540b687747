"""The folders of experiments: which there are, new ones, and their removal."""

from __future__ import annotations

import itertools
import os
import shutil
from collections.abc import Iterable
from pathlib import Path
from uuid import UUID

from aqsync.server.files.descriptors import sync_folder
from aqsync.server.files.space import Space

_NEVER = 0
"""The time of a folder that no file was ever in."""

EXPERIMENTS = "experiments"
"""The folder in the data directory that has the folders of experiments."""


class ExperimentFolders:
    """One folder for each experiment. Any thread may call.

    Args:
        data: The directory that holds everything; it must be on one file system.
        space: Counts what the files in them take.
    """

    def __init__(self, data: Path, space: Space) -> None:
        self._space = space
        self._experiments = data / EXPERIMENTS
        self._removed = data / "removed"
        self._counter = itertools.count()
        if self._removed.exists():
            shutil.rmtree(self._removed)
        for folder in (self._experiments, self._removed):
            folder.mkdir(mode=0o700, exist_ok=True)
        self._present = set(os.listdir(self._experiments))  # noqa: PTH208 - names, not paths
        if space.is_counted:
            for name in self._present:
                space.count(_bytes_in(self._experiments / name))

    def place(self, uuid: UUID) -> str:
        """Return the path of an experiment's folder, which need not be there."""
        # Text: a `Path` takes longer to put together than the file to be looked up.
        return f"{self._experiments}/{uuid}"

    def has(self, uuid: UUID) -> bool:
        """Tell whether there is such an experiment, from memory."""
        return str(uuid) in self._present

    def is_new(self, uuid: UUID) -> bool:
        """Tell whether no file has ever been in an experiment's folder."""
        return os.stat(self.place(uuid)).st_mtime_ns == _NEVER  # noqa: PTH116 - text

    def create_missing(self, uuids: Iterable[UUID]) -> None:
        """Make the folders that are missing, so that these experiments can take files."""
        missing = [uuid for uuid in uuids if not self.has(uuid)]
        for uuid in missing:
            _make(self.place(uuid))
            self._present.add(str(uuid))
        if missing:
            sync_folder(self._experiments)

    def create(self, uuid: UUID) -> None:
        """Make the folder of a new experiment, on the disk when this returns."""
        _make(self.place(uuid))
        sync_folder(self._experiments)
        self._present.add(str(uuid))

    def remove(self, uuid: UUID) -> None:
        """Remove an experiment's folder, if it is there; for clients all its files go at once."""
        doomed = self._removed / f"{uuid}-{next(self._counter)}"
        self._present.discard(str(uuid))
        try:
            Path(self.place(uuid)).rename(doomed)
        except FileNotFoundError:
            return
        sync_folder(self._experiments)
        freed = _bytes_in(doomed) if self._space.is_counted else 0
        shutil.rmtree(doomed)
        self._space.give_back(freed)


def _make(place: str) -> None:
    """Make a folder that tells by its time that it is new: every file in or out changes it."""
    os.mkdir(place)  # noqa: PTH102 - text
    os.utime(place, ns=(_NEVER, _NEVER))


def _bytes_in(folder: Path) -> int:
    with os.scandir(folder) as entries:
        return sum(entry.stat(follow_symlinks=False).st_size for entry in entries)
