"""The file store: one folder an experiment, holding its files under their own names.

The folders are the only record of files, so nothing can disagree with them. A file arrives under
a passing name in another folder and is renamed into place when it is whole and on the disk:
whoever reads sees the old file or the new one.
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
from aqsync.server.conditions import ABSENT, check_expected
from aqsync.server.errors import FileRefused
from aqsync.server.listing import FileListing, ListingCache, listed_time
from aqsync.server.stamps import Stamps, stamp

EXPERIMENT_MISSING = "The specified experiment was not found."
FILE_MISSING = "The requested file is not found."

_LOCKS = 64
"""Experiments share these, so that much deleting in one hardly holds up the others."""


class FileStore:
    """The files of all experiments. Any thread may call; every method may wait for the disk.

    Args:
        data: The directory that holds the store; it must be on one file system.
    """

    def __init__(self, data: Path) -> None:
        self._experiments = data / "experiments"
        self._incoming = data / "incoming"
        self._removed = data / "removed"
        self._counter = itertools.count()
        self._changing = tuple(threading.Lock() for _ in range(_LOCKS))
        self._stamps = Stamps()
        self._listings = ListingCache()
        for leftovers in (self._incoming, self._removed):
            if leftovers.exists():
                shutil.rmtree(leftovers)
        for folder in (self._experiments, self._incoming, self._removed):
            folder.mkdir(exist_ok=True)
        _sync_folder(data)

    def _folder(self, uuid: UUID) -> Path:
        return self._experiments / str(uuid)

    def has(self, uuid: UUID) -> bool:
        """Tell whether there is such an experiment."""
        return self._folder(uuid).is_dir()

    def has_file(self, uuid: UUID, name: str) -> bool:
        """Tell whether an experiment has a file of this name, which must be an allowed one."""
        path = self._folder(uuid) / name
        return path.is_file() and not path.is_symlink()

    def make_rooms(self, uuids: Iterable[UUID]) -> None:
        """Make the folders that are missing, so that these experiments can take files."""
        present = set(os.listdir(self._experiments))  # noqa: PTH208 - names, not paths
        missing = [uuid for uuid in uuids if str(uuid) not in present]
        for uuid in missing:
            self._folder(uuid).mkdir()
        if missing:
            _sync_folder(self._experiments)

    def make_room(self, uuid: UUID) -> None:
        """Make the folder of a new experiment, on the disk when this returns."""
        self._folder(uuid).mkdir()
        _sync_folder(self._experiments)

    def remove_room(self, uuid: UUID) -> None:
        """Remove an experiment's folder and files: at one moment for clients, if it is there."""
        doomed = self._removed / f"{uuid}-{next(self._counter)}"
        try:
            self._folder(uuid).rename(doomed)
        except FileNotFoundError:
            return
        _sync_folder(self._experiments)
        shutil.rmtree(doomed)

    def new_file(self) -> IncomingFile:
        """Return a file to be filled and kept, or discarded."""
        return IncomingFile(self._incoming / f"{next(self._counter):x}")

    def _lock(self, uuid: UUID) -> threading.Lock:
        """Return the lock under which an experiment's files are looked at and changed at once."""
        return self._changing[uuid.int % _LOCKS]

    def check(self, uuid: UUID, name: str, expected: str) -> None:
        """Look whether something could be done that expects this: now, not yet when it is done.

        Args:
            uuid: The experiment.
            name: An allowed name.
            expected: The listed time of the file that must be there, or `ABSENT`.

        Raises:
            NotAsExpected: Something else is there.
        """
        check_expected(expected, _version(_time_of(self._folder(uuid) / name)))

    def keep(
        self, incoming: IncomingFile, uuid: UUID, name: str, expected: str | None = None
    ) -> str:
        """Give an incoming file its place and name; it is on the disk when this returns.

        It gets a later time than the file that it replaces, whatever the clock says.

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
        folder = self._folder(uuid)
        place = folder / name
        try:
            while (kept := self._try_to_keep(incoming, uuid, place, expected)) is None:
                pass  # another came in between, and then the time may not do
            _sync_folder(folder)
        except (FileNotFoundError, NotADirectoryError) as exc:
            raise FileRefused(404, EXPERIMENT_MISSING) from exc
        return listed_time(kept)

    def _try_to_keep(
        self, incoming: IncomingFile, uuid: UUID, place: Path, expected: str | None
    ) -> int | None:
        # The disk is waited for before the lock is taken.
        kept = incoming.complete(self._stamps, _time_of(place))
        with self._lock(uuid):
            found = _time_of(place)
            if found is None and not place.parent.is_dir():
                raise FileRefused(404, EXPERIMENT_MISSING)
            if expected is not None:
                check_expected(expected, _version(found))
            if found is not None and found >= kept:
                return None
            incoming.move_to(place)
        return kept

    def open_for_reading(self, uuid: UUID, name: str) -> int:
        """Return a file descriptor of a file.

        Raises:
            FileRefused: The name is not allowed, or the experiment or the file is not there.
        """
        if not rules.is_file_name(name):
            raise FileRefused(400, "Invalid file name.")
        try:
            return os.open(self._folder(uuid) / name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        except OSError as exc:
            if exc.errno not in {errno.ENOENT, errno.ELOOP, errno.ENXIO}:
                raise
            missing = FILE_MISSING if self.has(uuid) else EXPERIMENT_MISSING
            raise FileRefused(404, missing) from exc

    def sizes(self, uuid: UUID, names: Iterable[str]) -> list[int | None]:
        """Return the sizes of files in bytes, None for each that is gone."""
        return [_size(self._folder(uuid) / name) for name in names]

    def listing(self, uuid: UUID) -> FileListing:
        """Return an experiment's files, to be read when they are asked for."""
        return FileListing(self._folder(uuid), f"/api/files/{uuid}", self._listings)

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
        folder = self._folder(uuid)
        with self._lock(uuid):
            if not folder.is_dir():
                raise FileRefused(404, EXPERIMENT_MISSING)
            if expected is not None:
                for name in names:
                    check_expected(expected, _version(_time_of(folder / name)))
            missing = [name for name in names if not (folder / name).is_file()]
            if missing:
                raise FileRefused(409, f"File(s) not found - {rules.listed(missing)}")
            for name in names:
                # Missing now only if the experiment is being removed, which is as good.
                (folder / name).unlink(missing_ok=True)
        if folder.is_dir():
            _sync_folder(folder)


class IncomingFile:
    """A file on its way in; one thread at a time may call.

    Args:
        path: Where it lies until it is kept; made when the first bytes or the end come.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._descriptor: int | None = None
        self._exists = False

    def write(self, chunks: Sequence[bytes]) -> None:
        """Append bytes."""
        descriptor = self._open()
        start = os.lseek(descriptor, 0, os.SEEK_CUR)
        for chunk in chunks:
            _write_all(descriptor, chunk)
        if sum(map(len, chunks)) >= _WORTH_AN_EARLY_START:
            # Lets the disk begin now, so that the sync at the end has little left to wait for.
            os.posix_fadvise(descriptor, start, 0, os.POSIX_FADV_DONTNEED)

    def complete(self, stamps: Stamps, after: int | None) -> int:
        """Stamp the file, which has all its bytes, and wait for the disk.

        Args:
            stamps: Where times come from.
            after: The time gets later than this, in microseconds since 1970; None: than nothing.

        Returns:
            The file's time, in microseconds since 1970.
        """
        descriptor = self._open()
        stamped = stamp(descriptor, stamps, after)
        os.fsync(descriptor)
        return stamped

    def move_to(self, place: Path) -> None:
        """Rename the complete file."""
        self._path.replace(place)
        self._exists = False
        self._close()

    def discard(self) -> None:
        """Leave nothing behind; after `move_to` there is nothing to do."""
        self._close()
        if self._exists:
            self._path.unlink()
            self._exists = False

    def _open(self) -> int:
        if self._descriptor is None:
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL
            self._descriptor = os.open(self._path, flags, 0o644)
            self._exists = True
        return self._descriptor

    def _close(self) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


_WORTH_AN_EARLY_START = 512 * 1024


def _write_all(descriptor: int, data: bytes) -> None:
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(descriptor, rest) :]


def _time_of(place: Path) -> int | None:
    """Return when a file was stored, in microseconds since 1970; None if nothing is there."""
    try:
        return place.lstat().st_mtime_ns // 1000
    except FileNotFoundError:
        return None


def _version(time: int | None) -> str:
    return ABSENT if time is None else listed_time(time)


def _size(path: Path) -> int | None:
    try:
        return path.lstat().st_size
    except FileNotFoundError:
        return None


def _sync_folder(folder: Path) -> None:
    """Put the names in a folder on the disk."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
