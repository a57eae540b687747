"""Which files belong together: a mapping's pattern of folders, compiled.

A folder that the pattern names is a *measurement*, with all that lies in it. Where it names a
folder inside another, the outer one is the measurement: every file belongs to one at most.

Paths are relative to a mapping's root, with ``/`` between the parts.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache

from aqsync.config import Measurement, patterns

_REMEMBERED_DIRECTORIES = 4096
_SPECIAL = re.compile(r"[\\*?\[\]!/#]")
_DIGITS = re.compile("([0-9]+)")

Turn = tuple[int, int]
"""Files of a measurement with a smaller one are sent before those with a larger one."""
FIRST: Turn = (0, 0)
_Matches = tuple[tuple[re.Pattern[str], bool], ...]


class FolderPattern:
    """A pattern of folders. Safe to share between threads."""

    def __init__(self, pattern: str) -> None:
        self._folder = patterns.compile_path_pattern(pattern)
        self._of_directory = lru_cache(_REMEMBERED_DIRECTORIES)(self._find)

    def of(self, path: str) -> str | None:
        """The folder that a file lies in, at any depth; None: it lies in none."""
        return self.of_directory(path.rpartition("/")[0])

    def of_directory(self, directory: str) -> str | None:
        """The same for all files that lie in a directory."""
        return self._of_directory(directory)

    def names(self, folder: str) -> dict[str, str]:
        """What the pattern's names in braces take of a folder's path."""
        found = self._folder.fullmatch(f"{folder}/")
        return {} if found is None else found.groupdict("")

    def _find(self, directory: str) -> str | None:
        end = -1
        while end < len(directory):
            end = directory.find("/", end + 1)
            end = len(directory) if end < 0 else end
            if end and self._folder.fullmatch(f"{directory[:end]}/"):
                return directory[:end]
        return None


class Folders:
    """The patterns of a mapping's measurements. Safe to share between threads.

    Args:
        measurement: The section of the configuration.
    """

    def __init__(self, measurement: Measurement) -> None:
        self._folder = FolderPattern(measurement.folder)
        self._sentinel = _any_of(measurement.complete.sentinel)
        self._last = _any_of(measurement.last)
        names = measurement.complete.sentinel
        self.sentinel_names = None if any(map(_SPECIAL.search, names)) else tuple(names)
        """The names of all sentinels; None if their patterns are no plain names."""

    def of(self, path: str) -> str | None:
        """The folder of the measurement that a file belongs to; None: it belongs to none."""
        return self._folder.of(path)

    def of_directory(self, directory: str) -> str | None:
        """The same for all files that lie in a directory."""
        return self._folder.of_directory(directory)

    def values(self, folder: str) -> dict[str, str]:
        """What the names in braces stand for, of a measurement's folder."""
        return self._folder.names(folder)

    def is_sentinel(self, path: str) -> bool:
        """Whether a file says that its measurement is complete."""
        return self._is_one(self._sentinel, path)

    def turn(self, path: str) -> Turn:
        """When a file is sent: after all others of its measurement that have an earlier turn.

        Of the last files, those of an earlier pattern come before those of a later one, and deeper
        ones before those above them: who sees the very last one has all.
        """
        place, inside = self._matched(self._last, path)
        return FIRST if place is None else (place + 1, -inside.count("/"))

    def _is_one(self, matches: _Matches, path: str) -> bool:
        return self._matched(matches, path)[0] is not None

    def _matched(self, matches: _Matches, path: str) -> tuple[int | None, str]:
        """The place of the pattern that takes a file, if any, and the path that it is asked for."""
        if not matches or (folder := self.of(path)) is None:
            return None, path
        inside = path[len(folder) + 1 :]
        for place, (regex, takes) in reversed(list(enumerate(matches))):
            if regex.search(inside):
                return (place if takes else None), inside
        return None, inside


@lru_cache(64)
def folders_of(measurement: Measurement) -> Folders:
    """The compiled patterns of a section, made once for all that ask."""
    return Folders(measurement)


def by_name(folder: str) -> tuple[list[str | int], str]:
    """Orders folders by name, numbers in it by value: ``run_9`` comes before ``run_10``."""
    parts = _DIGITS.split(folder)
    return [int(part) if place % 2 else part for place, part in enumerate(parts)], folder


def _any_of(lines: Iterable[str]) -> _Matches:
    return tuple(filter(None, map(patterns.inside_regex, lines)))
