"""Lists of an experiment's files, fast enough for a hundred thousand of them."""

from __future__ import annotations

import os
import threading
import time
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path

_MICROSECONDS = 1_000_000
_SURELY_PAST = 2_000_000_000
"""Nanoseconds. A folder's time of change that is this old will not be given to a later change."""

_WORTH_KEEPING = 1_000


@dataclass(frozen=True, slots=True)
class Columns:
    """The files of a folder, sorted by name.

    Attributes:
        names: Their names.
        times: When each was uploaded: ISO 8601 in UTC.
    """

    names: list[str]
    times: list[str]


@dataclass(frozen=True, slots=True)
class FileListing:
    """The files in a folder, to be read when they are asked for.

    Args:
        folder: The folder; one that is missing holds no files.
        path: What every file's ``path`` says.
        cache: Where long lists are kept.
    """

    folder: Path
    path: str
    cache: ListingCache

    def names(self) -> list[str]:
        """Return the names, sorted."""
        return _read_names(self.folder)

    def columns(self) -> Columns:
        """Return the names with their times."""
        try:
            folder = os.open(self.folder, os.O_RDONLY | os.O_DIRECTORY)
        except FileNotFoundError:
            return Columns([], [])
        try:
            stamp = _Stamp.of(folder)
            columns = self.cache.get(self.folder, stamp)
            if columns is None:
                columns = _read_columns(folder, self.names())
                self.cache.put(self.folder, stamp, columns)
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


def listed_time(microseconds: int) -> str:
    """Return a time, in microseconds since 1970, as lists show it."""
    seconds, micro = divmod(microseconds, _MICROSECONDS)
    return f"{_second_text(seconds)}.{micro:06d}+00:00"


def _second_text(seconds: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds))


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
    texts: dict[int, str] = {}
    for name in names:
        try:
            # Relative to the open folder, which is quicker than a whole path.
            changed = os.stat(name, dir_fd=folder, follow_symlinks=False).st_mtime_ns
        except FileNotFoundError:
            vanished.add(name)
            continue
        seconds, micro = divmod(changed // 1000, _MICROSECONDS)
        text = texts.get(seconds)
        if text is None:
            text = texts[seconds] = _second_text(seconds)
        times.append(f"{text}.{micro:06d}+00:00")
    if vanished:
        names = [name for name in names if name not in vanished]
    return Columns(names, times)
