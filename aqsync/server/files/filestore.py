"""The file store: one folder an experiment, holding its files under their own names.

The folders are the only record of files, so no other record can contradict them. A file arrives
under a temporary name in another folder, and is renamed into place when it is whole and on the
disk: a reader sees the old file or the new one.
"""

from __future__ import annotations

import errno
import itertools
import os
import shutil
import threading
from collections.abc import Iterable, Sequence
from pathlib import Path
from uuid import UUID

from aqsync.server import rules
from aqsync.server.errors import FileRefused
from aqsync.server.files.experiment_folders import (
    EXPERIMENT_MISSING,
    ExperimentFolders,
    sync_folder,
)
from aqsync.server.files.incoming_file import IncomingFile
from aqsync.server.files.listing import FileListing, ListingCache, listed_time
from aqsync.server.files.space import Space
from aqsync.server.files.stamps import Stamps
from aqsync.server.wire.conditions import ABSENT, check_expected

FILE_MISSING = "The requested file is not found."

_LOCKS = 64
"""Experiments share these; a long removal of files in one delays few others."""


class FileStore:
    """The files of all experiments. Any thread may call; every method may wait for the disk.

    Args:
        data: The directory that holds the store; it must be on one file system.
        space: How much room there is; by default as much as the disk has, but for a reserve.

    Attributes:
        folders: The folders of the experiments.
        space: How much room there is.
    """

    def __init__(self, data: Path, space: Space | None = None) -> None:
        self.space = space or Space(data)
        self.folders = ExperimentFolders(data, self.space)
        self._incoming = data / "incoming"
        self._counter = itertools.count()
        self._locks = tuple(threading.Lock() for _ in range(_LOCKS))
        self._stamps = Stamps()
        self._listings = ListingCache()
        if self._incoming.exists():
            shutil.rmtree(self._incoming)
        self._incoming.mkdir(mode=0o700)
        sync_folder(data)

    def has(self, uuid: UUID) -> bool:
        """Tell whether there is such an experiment, from memory."""
        return self.folders.has(uuid)

    def has_file(self, uuid: UUID, name: str) -> bool:
        """Tell whether an experiment has a file of this name, which must be an allowed one."""
        path = Path(self.folders.place(uuid), name)
        return path.is_file() and not path.is_symlink()

    def new_file(self) -> IncomingFile:
        """Return a file to be filled and kept, or discarded."""
        return IncomingFile(f"{self._incoming}/{next(self._counter):x}", self.space)

    def _lock(self, uuid: UUID) -> threading.Lock:
        """Return the lock under which an experiment's files are looked at and changed at once."""
        return self._locks[uuid.int % _LOCKS]

    def check(self, uuid: UUID, name: str, expected: str) -> None:
        """Compare what a request expects with what is there now; `keep` compares once more.

        Args:
            uuid: The experiment.
            name: An allowed name.
            expected: The listed time of the file that must be there, or `ABSENT`.

        Raises:
            NotAsExpected: Something else is there.
        """
        check_expected(expected, _version(_time_of(f"{self.folders.place(uuid)}/{name}")))

    def keep(
        self, incoming: IncomingFile, uuid: UUID, name: str, expected: str | None = None
    ) -> str:
        """Give an incoming file its place and name; both are on the disk when this returns.

        Its time is later than that of the file that it replaces, whatever the clock says.

        Args:
            incoming: The file.
            uuid: The experiment.
            name: An allowed name.
            expected: What must be there, as in `check`; None replaces anything.

        Returns:
            The file's time, as lists show it.

        Raises:
            NotAsExpected: Something else than `expected` is there.
            FileRefused: The experiment was removed meanwhile.
        """
        folder = self.folders.place(uuid)
        place = f"{folder}/{name}"
        earlier: int | None = None
        try:
            while True:
                # The disk is waited for before the lock is taken.
                kept = incoming.complete(self._stamps, earlier)
                with self._lock(uuid):
                    replaced = _facts_of(place)
                    earlier = _time_in(replaced)
                    if expected is not None:
                        self._check(folder, earlier, expected)
                    if earlier is None or earlier < kept:
                        incoming.move_to(place)
                        self.space.give_back(0 if replaced is None else replaced.st_size)
                        break
            sync_folder(folder)
        except (FileNotFoundError, NotADirectoryError) as exc:
            raise FileRefused(404, EXPERIMENT_MISSING) from exc
        return listed_time(kept)

    @staticmethod
    def _check(folder: str, found: int | None, expected: str) -> None:
        if found is None and expected != ABSENT and not os.path.isdir(folder):  # noqa: PTH112 - text
            raise FileRefused(404, EXPERIMENT_MISSING)
        check_expected(expected, _version(found))

    def open_for_reading(self, uuid: UUID, name: str) -> int:
        """Return a file descriptor of a file.

        Raises:
            FileRefused: The name is not allowed, or the experiment or the file is not there.
        """
        if not rules.is_file_name(name):
            raise FileRefused(400, "Invalid file name.")
        try:
            return os.open(
                f"{self.folders.place(uuid)}/{name}", os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK
            )
        except OSError as exc:
            if exc.errno not in {errno.ENOENT, errno.ELOOP, errno.ENXIO}:
                raise
            missing = FILE_MISSING if self.has(uuid) else EXPERIMENT_MISSING
            raise FileRefused(404, missing) from exc

    def sizes(self, uuid: UUID, names: Iterable[str]) -> list[int | None]:
        """Return the sizes of files in bytes, None for each that is gone."""
        return [_size(f"{self.folders.place(uuid)}/{name}") for name in names]

    def listing(self, uuid: UUID) -> FileListing:
        """Return an experiment's files, to be read when they are asked for."""
        return FileListing(Path(self.folders.place(uuid)), f"/api/files/{uuid}", self._listings)

    def delete(self, uuid: UUID, names: Sequence[str], expected: str | None = None) -> None:
        """Delete files: all of them, or none when one is not there.

        Args:
            uuid: The experiment.
            names: The files' names.
            expected: What must be there, as in `check`, of each of them.

        Raises:
            NotAsExpected: Something else than `expected` is there.
            FileRefused: A name is not allowed, or the experiment or a file is not there.
        """
        if not all(map(rules.is_file_name, names)):
            raise FileRefused(400, "Invalid file names.")
        folder = Path(self.folders.place(uuid))
        with self._lock(uuid):
            if not folder.is_dir():
                raise FileRefused(404, EXPERIMENT_MISSING)
            if expected is not None:
                for name in names:
                    check_expected(expected, _version(_time_of(f"{folder}/{name}")))
            missing = [name for name in names if not (folder / name).is_file()]
            if missing:
                raise FileRefused(409, f"File(s) not found - {rules.joined(missing)}")
            for name in names:
                facts = _facts_of(f"{folder}/{name}")
                # Missing now only if the experiment is being removed, which is as good.
                (folder / name).unlink(missing_ok=True)
                self.space.give_back(0 if facts is None else facts.st_size)
        if folder.is_dir():
            sync_folder(folder)


def _facts_of(place: str) -> os.stat_result | None:
    try:
        return os.lstat(place)
    except FileNotFoundError:
        return None


def _time_in(facts: os.stat_result | None) -> int | None:
    """Return when a file was stored, in microseconds since 1970; None if there is none."""
    return None if facts is None else facts.st_mtime_ns // 1000


def _time_of(place: str) -> int | None:
    return _time_in(_facts_of(place))


def _version(time: int | None) -> str:
    return ABSENT if time is None else listed_time(time)


def _size(path: str) -> int | None:
    facts = _facts_of(path)
    return None if facts is None else facts.st_size
