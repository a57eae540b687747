"""Lists of the files in folders, fast enough for a hundred thousand of them."""

from __future__ import annotations

import os
import threading
import time
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path

from aqsync.server.files.store import Columns, FileListing, listed_times

_SURELY_PAST = 2_000_000_000
"""Nanoseconds. A folder's time of change that is this old will not be given to a later change."""

_WORTH_KEEPING = 1_000


class FolderListing(FileListing):
    """The files in a folder, to be read when they are asked for.

    Args:
        folder: The folder; one that is missing holds no files.
        path: What every file's ``path`` says.
        cache: Where long lists are kept.
    """

    def __init__(self, folder: Path, path: str, cache: ListingCache) -> None:
        super().__init__(path)
        self._folder = folder
        self._cache = cache

    def names(self) -> list[str]:
        """Return the names, sorted."""
        return _read_names(self._folder)

    def columns(self) -> Columns:
        """Return the names with their times."""
        try:
            folder = os.open(self._folder, os.O_RDONLY | os.O_DIRECTORY)
        except FileNotFoundError:
            return Columns([], [])
        try:
            stamp = _Stamp.of(folder)
            columns = self._cache.get(self._folder, stamp)
            if columns is None:
                columns = _read_columns(folder, self.names())
                self._cache.put(self._folder, stamp, columns)
            return columns
        finally:
            os.close(folder)


@dataclass(frozen=True, slots=True)
class _Stamp:
    """Changes whenever a file comes into a folder, is replaced or leaves it."""

    inode: int
    modified: int
    changed: int

    @classmethod
    def of(cls, folder: int) -> _Stamp:
        facts = os.fstat(folder)
        return cls(facts.st_ino, facts.st_mtime_ns, facts.st_ctime_ns)


class ListingCache:
    """Keeps long lists for as long as their folders do not change.

    Looking at a hundred thousand files takes most of the time of listing them, and clients ask
    for the same list again and again. Any thread may call.

    Args:
        most_files: How many files the lists may hold together; 200,000 take some 35 MB.
    """

    def __init__(self, most_files: int = 200_000) -> None:
        self._most_files = most_files
        self._files = 0
        self._kept: OrderedDict[Path, tuple[_Stamp, Columns]] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, folder: Path, stamp: _Stamp) -> Columns | None:
        """Return the list of a folder that still has this stamp, if it is kept."""
        with self._lock:
            kept = self._kept.get(folder)
            if kept is None:
                return None
            if kept[0] != stamp:
                self._drop(folder)
                return None
            self._kept.move_to_end(folder)
            return kept[1]

    def put(self, folder: Path, stamp: _Stamp, columns: Columns) -> None:
        """Keep a list that was read after the folder got its stamp, if that will show a change."""
        age = time.time_ns() - max(stamp.modified, stamp.changed)
        if age < _SURELY_PAST or len(columns.names) < _WORTH_KEEPING:
            return
        with self._lock:
            self._drop(folder)
            self._kept[folder] = (stamp, columns)
            self._files += len(columns.names)
            while self._files > self._most_files:
                self._drop(next(iter(self._kept)))

    def _drop(self, folder: Path) -> None:
        kept = self._kept.pop(folder, None)
        if kept is not None:
            self._files -= len(kept[1].names)


def _read_names(folder: Path) -> list[str]:
    try:
        with os.scandir(folder) as entries:
            names = [entry.name for entry in entries if entry.is_file(follow_symlinks=False)]
    except FileNotFoundError:
        return []
    names.sort()
    return names if all(map(str.isascii, names)) else list(filter(_is_text, names))


def _is_text(name: str) -> bool:
    """A name that somebody put there by hand may not be UTF-8, and no client can ask for it."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def _read_columns(folder: int, names: list[str]) -> Columns:
    times = []
    vanished = set()
    for name in names:
        try:
            # Relative to the open folder, which is quicker than a whole path.
            changed = os.stat(name, dir_fd=folder, follow_symlinks=False).st_mtime_ns
        except FileNotFoundError:
            vanished.add(name)
        else:
            times.append(changed // 1000)
    if vanished:
        names = [name for name in names if name not in vanished]
    return Columns(names, listed_times(times))
