"""The embedded store: one folder an experiment, holding its files under their own names.

The folders are the only record of files, so no other record can contradict them. A file arrives
under a temporary name in another folder, and is renamed into place when it is whole and on the
disk: a reader sees the old file or the new one.
"""

from __future__ import annotations

import errno
import itertools
import os
import shutil
import stat
import threading
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from pathlib import Path
from uuid import UUID

from aqsync.server import rules
from aqsync.server.errors import FileRefused
from aqsync.server.files.descriptors import sha256_of, sync_folder
from aqsync.server.files.expected import ABSENT, check_expected
from aqsync.server.files.experiment_folders import ExperimentFolders
from aqsync.server.files.file_notes import FileNotes, Note
from aqsync.server.files.incoming_file import IncomingFile
from aqsync.server.files.listing import FolderListing, ListingCache
from aqsync.server.files.space import Space
from aqsync.server.files.stamps import Stamps
from aqsync.server.files.store import (
    ANYONE,
    EXPERIMENT_MISSING,
    FILE_MISSING,
    NO_FILES,
    By,
    FileFacts,
    FileStore,
    Incoming,
    OpenFile,
    listed_path,
    listed_time,
)

_READ_PIECE = 512 * 1024
_LOCKS = 64
"""Experiments share these; a long removal of files in one delays few others."""


class FolderStore(FileStore):
    """The files of all experiments, each a file in the folder of its experiment.

    Args:
        data: The directory that holds the store; it must be on one file system.
        notes: What the database knows of them.
        space: How much room there is; by default as much as the disk has, but for a reserve.

    Attributes:
        threads: How many threads that wait for it keep it busy.
    """

    threads = 16

    def __init__(self, data: Path, notes: FileNotes, space: Space | None = None) -> None:
        super().__init__(space or Space(data))
        self._folders = ExperimentFolders(data, self.space)
        self._notes = notes
        self._incoming = data / "incoming"
        self._counter = itertools.count()
        self._locks = tuple(threading.Lock() for _ in range(_LOCKS))
        self._stamps = Stamps()
        self._listings = ListingCache()
        if self._incoming.exists():
            shutil.rmtree(self._incoming)
        self._incoming.mkdir(mode=0o700)
        sync_folder(data)

    def begin(self) -> None:
        """Do nothing: what a crash has left was removed at the start."""

    def close(self) -> None:
        """Do nothing, as in `begin`."""

    def create(self, uuid: UUID) -> None:
        """Make the folder of a new experiment, on the disk when this returns."""
        self._folders.create(uuid)

    def create_missing(self, uuids: Iterable[UUID]) -> None:
        """Make the folders that are missing."""
        self._folders.create_missing(uuids)

    def remove(self, uuid: UUID) -> None:
        """Remove an experiment's folder, if it is there."""
        self._folders.remove(uuid)

    def remembers(self, uuid: UUID) -> bool:
        """Tell whether there is such an experiment."""
        return self._folders.has(uuid)

    def has(self, uuid: UUID) -> bool:
        """Tell whether there is such an experiment, from memory."""
        return self._folders.has(uuid)

    def has_file(self, uuid: UUID, name: str) -> bool:
        """Tell whether an experiment has a file of this name, which must be an allowed one."""
        path = Path(self._folders.place(uuid), name)
        return path.is_file() and not path.is_symlink()

    def new_file(self, *, hashed: bool = False) -> IncomingFile:
        """Return a file to be filled and kept, or discarded."""
        path = f"{self._incoming}/{next(self._counter):x}"
        return IncomingFile(path, self.space, hashed=hashed)

    def _lock(self, uuid: UUID) -> threading.Lock:
        """Return the lock under which an experiment's files are looked at and changed at once."""
        return self._locks[uuid.int % _LOCKS]

    def check(self, uuid: UUID, name: str, expected: str | None, *, by: By = ANYONE) -> None:
        """Compare what a request expects with what is there now."""
        there = _time_of(f"{self._folders.place(uuid)}/{name}")
        if expected is not None:
            check_expected(expected, _version(there))
        self._require(by, uuid, name, there)

    def keep(
        self,
        incoming: Incoming,
        uuid: UUID,
        name: str,
        expected: str | None = None,
        *,
        by: By = ANYONE,
        time: int | None = None,
    ) -> str:
        """Give an incoming file its place and name; both are on the disk when this returns."""
        assert isinstance(incoming, IncomingFile)  # noqa: S101 - what `new_file` returns
        folder = self._folders.place(uuid)
        place = f"{folder}/{name}"
        earlier: int | None = None
        try:
            while True:
                # The disk is waited for before the lock is taken.
                kept = incoming.complete(self._stamps, earlier, time)
                with self._lock(uuid):
                    replaced = _facts_of(place)
                    earlier = _time_in(replaced)
                    self._check(folder, earlier, expected)
                    self._require(by, uuid, name, earlier)
                    if earlier is None or earlier < kept or (time and earlier != kept):
                        if by.owner is not None:
                            # Before the file is there: a crash in between forgets no owner.
                            note = Note(incoming.sha256, by.owner)
                            self._notes.note(uuid, name, kept, note, beside=earlier)
                        incoming.move_to(place)
                        self.space.give_back(0 if replaced is None else replaced.st_size)
                        break
                    time = None  # what it replaces has it
            sync_folder(folder)
        except (FileNotFoundError, NotADirectoryError) as exc:
            raise FileRefused(404, EXPERIMENT_MISSING) from exc
        return listed_time(kept)

    def _require(self, by: By, uuid: UUID, name: str, there: int | None) -> None:
        if by.asks_whose and there is not None:
            by.require(name, self._notes.of(uuid, name, there).owner)

    @staticmethod
    def _check(folder: str, found: int | None, expected: str | None) -> None:
        if expected is None:
            return
        if found is None and expected != ABSENT and not os.path.isdir(folder):  # noqa: PTH112 - text
            raise FileRefused(404, EXPERIMENT_MISSING)
        check_expected(expected, _version(found))

    def open_for_reading(self, uuid: UUID, name: str) -> OpenFile:
        """Return a file from its beginning."""
        if not rules.is_file_name(name):
            raise FileRefused(400, "Invalid file name.")
        try:
            descriptor = os.open(
                f"{self._folders.place(uuid)}/{name}", os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK
            )
        except OSError as exc:
            if exc.errno not in {errno.ENOENT, errno.ELOOP, errno.ENXIO}:
                raise
            missing = FILE_MISSING if self.has(uuid) else EXPERIMENT_MISSING
            raise FileRefused(404, missing) from exc
        facts = os.fstat(descriptor)
        if not stat.S_ISREG(facts.st_mode):
            os.close(descriptor)
            raise FileRefused(404, FILE_MISSING)
        return _OpenFolderFile(descriptor, facts, partial(self._digest, uuid, name))

    def _digest(self, uuid: UUID, name: str, descriptor: int, facts: FileFacts) -> bytes:
        """Return the SHA-256 of an open file, and note it for the next time."""
        note = self._notes.of(uuid, name, facts.stored_at)
        if note.sha256 is not None:
            return note.sha256
        digest = sha256_of(descriptor)
        if _facts(os.fstat(descriptor)) == facts:
            noted = Note(digest, note.owner)
            self._notes.note(uuid, name, facts.stored_at, noted, beside=None)
        return digest

    def sizes(self, uuid: UUID, names: Sequence[str]) -> list[int | None]:
        """Return the sizes of files in bytes, None for each that is gone."""
        return [_size(f"{self._folders.place(uuid)}/{name}") for name in names]

    def listing(self, uuid: UUID) -> FolderListing:
        """Return an experiment's files, to be read when they are asked for."""
        return FolderListing(Path(self._folders.place(uuid)), listed_path(uuid), self._listings)

    def delete(
        self, uuid: UUID, names: Sequence[str], expected: str | None = None, *, by: By = ANYONE
    ) -> None:
        """Delete files: all of them, or none when one is not there."""
        if not all(map(rules.is_file_name, names)):
            raise FileRefused(400, "Invalid file names.")
        folder = Path(self._folders.place(uuid))
        with self._lock(uuid):
            if not folder.is_dir():
                raise FileRefused(404, EXPERIMENT_MISSING)
            if expected is not None or by.asks_whose:
                for name in names:
                    there = _time_of(f"{folder}/{name}")
                    self._check(os.fspath(folder), there, expected)
                    self._require(by, uuid, name, there)
            missing = [name for name in names if not (folder / name).is_file()]
            if missing and self._folders.is_new(uuid):
                raise FileRefused(400, NO_FILES)
            if missing:
                raise FileRefused(409, f"File(s) not found - {rules.joined(missing)}")
            for name in names:
                facts = _facts_of(f"{folder}/{name}")
                # Missing now only if the experiment is being removed, which is as good.
                (folder / name).unlink(missing_ok=True)
                self.space.give_back(0 if facts is None else facts.st_size)
        if folder.is_dir():
            sync_folder(folder)


class _OpenFolderFile(OpenFile):
    """A file that was opened; it gives as many bytes as it had then.

    Args:
        descriptor: The open file.
        facts: What the disk says of it.
        digest: Works out its SHA-256.
    """

    def __init__(
        self,
        descriptor: int,
        facts: os.stat_result,
        digest: Callable[[int, FileFacts], bytes],
    ) -> None:
        super().__init__(_facts(facts))
        self._descriptor = descriptor
        self._digest = digest
        self._remaining = facts.st_size

    def next_piece(self) -> bytes:
        """Return the next bytes."""
        piece = os.read(self._descriptor, min(_READ_PIECE, self._remaining))
        self._remaining -= len(piece)
        return piece

    def sha256(self) -> bytes:
        """Return its SHA-256."""
        return self._digest(self._descriptor, self.facts)

    def close(self) -> None:
        """Close it."""
        os.close(self._descriptor)


def _facts(found: os.stat_result) -> FileFacts:
    return FileFacts(found.st_size, found.st_mtime_ns // 1000)


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
