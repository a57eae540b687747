"""One walk over a root: what changed, what is missing, what could not be looked at."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from aqsync.journal.observations import KnownEntry, Observations, Observed
from aqsync.local.disk import Seen, seen_in
from aqsync.local.rules import Rules
from aqsync.model import EntryKind, Signature

BATCH = 2000
"""Observations per transaction."""
MOST_CHANGED = 10_000
"""Changed paths that a walk names."""

FEW = 50
"""Paths asked for in one directory, up to which it is cheaper to ask for each of them."""

_NO_FOLLOW = getattr(os, "O_NOFOLLOW", 0)
_OPEN_DIRECTORY = os.O_RDONLY | getattr(os, "O_DIRECTORY", 0) | _NO_FOLLOW


class WalkSource(NamedTuple):
    """Where a walk goes and how it understands what it meets."""

    root: Path
    rules: Rules
    observed: Callable[[str, EntryKind, Signature], Observed]
    goes_on: Callable[[], bool] = lambda: True
    """Asked before each directory; false ends the walk."""


class Walk:
    """Compares the disk with the journal and writes down what is new or changed.

    What is missing is only collected: the scanner decides whether to believe it.

    Args:
        source: The root, its rules, and how to make an observation.
        observations: The journal's local side.
        mapping_id: Whose.
        reselect: The rules have changed: ask them about known files too.
    """

    def __init__(
        self, source: WalkSource, observations: Observations, mapping_id: int, *, reselect: bool
    ) -> None:
        self.entries = 0
        self.changed: list[str] = []
        self.changes = 0
        """How many were new or changed; `changed` names the first `MOST_CHANGED` of them."""
        self.directories = 0
        self.directory_inodes: set[int] = set()
        self.missing: list[str] = []
        self.forgotten: list[str] = []
        self.troubles: dict[str, tuple[str, str]] = {}
        self.stopped = False
        """It ended before its end: what it did not meet may well be there."""
        self._root, self._rules, self._observed, self._goes_on = source
        self._observations = observations
        self._mapping_id = mapping_id
        self._reselect = reselect
        self._visited: set[str] = set()
        self._batch: list[Observed] = []

    def everything(self) -> None:
        """The whole root."""
        self._tree("")
        self._unvisited("")

    def paths(self, paths: Iterable[str]) -> None:
        """Only what is at and below these paths, and maybe more of the same directories.

        Where a few paths of a directory are asked for, each is looked up by itself; where many
        are, all of the directory's own entries are compared at once.
        """
        for directory, names in _by_directory(set(paths)).items():
            if not self._may_go_on():
                return
            if self._rules.enters(directory):
                if len(names) > FEW and self._is_directory(directory):
                    found = set(self._directory(directory))
                    inside = [name for name in names if name in found]
                    nothing = [name for name in names if name not in found]
                else:
                    inside, nothing = self._named(directory, names)
                self._lost_below(directory, nothing)
                for path in (_join(directory, name) for name in inside):
                    if self._rules.enters(path):
                        self._tree(path)
                        self._unvisited(path)

    def _tree(self, top: str) -> None:
        """Everything below one directory."""
        waiting = [top]
        while waiting and self._may_go_on():
            directory = waiting.pop()
            for name in self._directory(directory):
                path = _join(directory, name)
                if self._rules.enters(path):
                    waiting.append(path)

    def _may_go_on(self) -> bool:
        self.stopped = self.stopped or not self._goes_on()
        return not self.stopped

    def _named(self, directory: str, names: Sequence[str]) -> tuple[list[str], list[str]]:
        """Compare some entries of a directory.

        Returns:
            Those that are directories; and those that are none, but were perhaps known as one.
        """
        known = self._observations.known_at(self._mapping_id, directory, names)
        inside, nothing = list[str](), list[str]()
        for name in names:
            path, before = _join(directory, name), known.get(name)
            missing = {} if before is None else {name: before}
            try:
                seen = self._look_at(path)
            except (FileNotFoundError, NotADirectoryError):
                self._all_missing(directory, missing)
            except PermissionError as exc:
                self._trouble(directory, exc)  # so it would be with every other entry
                break
            except OSError as exc:
                self._trouble(path, exc)
                continue
            else:
                if seen[0] is None:
                    inside.append(name)
                    self._all_missing(directory, missing)  # what was known as a file
                    continue
                self._entry(path, before, seen)
            if before is None or before[1] is None:  # it was no file when last seen
                nothing.append(name)
        return inside, nothing

    def _lost_below(self, directory: str, names: Sequence[str]) -> None:
        """All that is known below what is no directory now is missing."""
        if len(names) <= FEW:
            for name in names:
                self._unvisited(_join(directory, name))
            return
        lost = {_join(directory, name) for name in names}
        for known in self._observations.directories(self._mapping_id, directory):
            if known in lost or not lost.isdisjoint(parents(known)):
                self._missing_in(known)

    def _unvisited(self, top: str) -> None:
        """Directories that the journal knows and the walk did not meet: all in them is missing."""
        if not self.stopped:
            for directory in self._observations.directories(self._mapping_id, top):
                self._missing_in(directory)

    def _missing_in(self, directory: str) -> None:
        if directory not in self._visited and not self._hidden(directory):
            self._all_missing(directory, self._known(directory))

    def flush(self) -> None:
        """Write what is collected."""
        if self._batch:
            self._observations.observe(self._mapping_id, self._batch)
            self._batch = []

    def _directory(self, directory: str) -> list[str]:
        """Compare one directory's entries; returns the names of its subdirectories."""
        self._visited.add(directory)
        subdirectories: list[str] = []
        known = self._known(directory)
        prefix = f"{directory}/" if directory else ""
        reselect = self._reselect
        try:
            with _scandir(self._root, directory) as (inode, entries):
                self.directories += 1
                self.directory_inodes.add(inode)
                for entry in entries:
                    name = entry.name
                    before = known.get(name)
                    if before is None and entry.is_dir(follow_symlinks=False):
                        subdirectories.append(name)
                        continue
                    try:
                        status = entry.stat(follow_symlinks=False)
                    except FileNotFoundError:
                        continue  # deleted since the directory was read
                    except PermissionError:
                        raise  # so it would be with every other entry
                    except OSError as exc:
                        known.pop(name, None)
                        self._trouble(prefix + name, exc)
                        continue
                    seen = seen_in(status)
                    if seen == before and not reselect:  # nearly every file of every scan
                        del known[name]
                        self.entries += 1
                    elif seen[0] is None:
                        subdirectories.append(name)  # what was known as a file is missing
                    else:
                        self._entry(prefix + name, known.pop(name, None), seen)
        except (FileNotFoundError, NotADirectoryError):
            pass  # deleted since its parent was read: what was known in it is missing
        except OSError as exc:
            self._trouble(directory, exc)
            return subdirectories
        self._all_missing(directory, known)
        return subdirectories

    def _is_directory(self, path: str) -> bool:
        try:
            return not path or self._look_at(path)[0] is None
        except OSError:
            return False

    def _look_at(self, path: str) -> Seen:
        """One path's entry; below a symbolic link there is none."""
        for parent in parents(path):
            if os.path.islink(self._root / parent):  # noqa: PTH114 - no error, whatever is there
                raise NotADirectoryError
        return seen_in(os.lstat(self._root / path))

    def _known(self, directory: str) -> dict[str, KnownEntry]:
        return self._observations.known_in(self._mapping_id, directory)

    def _entry(self, path: str, known: KnownEntry | None, seen: Seen) -> None:
        if (known is None or self._reselect) and not self._rules.selects(path):
            if known is not None:
                self.forgotten.append(path)
            return
        self.entries += 1
        if known == seen:
            return
        self._changed(path)
        kind, *signature = seen
        assert kind is not None  # noqa: S101 - a directory is no entry
        self._batch.append(self._observed(path, kind, Signature(*signature)))
        if len(self._batch) >= BATCH:
            self.flush()

    def _changed(self, path: str) -> None:
        self.changes += 1
        if len(self.changed) < MOST_CHANGED:
            self.changed.append(path)

    def _all_missing(self, directory: str, known: dict[str, KnownEntry]) -> None:
        for name, (_, size, *_) in known.items():
            path = _join(directory, name)
            if self._reselect and not self._rules.selects(path):
                self.forgotten.append(path)
            elif size is not None:
                self.missing.append(path)

    def _hidden(self, directory: str) -> bool:
        """Whether it lies below a directory that could not be looked at."""
        return any(place in self.troubles for place in ("", *parents(directory), directory))

    def _trouble(self, path: str, exc: OSError) -> None:
        place = self._root / path
        self.troubles[path] = (
            f"{place} cannot be looked at: {exc.strerror or exc}",
            "let the user that aqsync runs as read and enter it"
            if isinstance(exc, PermissionError)
            else "check the disk; it is looked at again on every scan",
        )


@contextmanager
def _scandir(root: Path, directory: str) -> Iterator[tuple[int, Iterator[os.DirEntry[str]]]]:
    """A directory's inode and entries, unless a symbolic link has taken its place."""
    if os.scandir not in os.supports_fd:
        with os.scandir(root / directory) as entries:
            yield (root / directory).stat().st_ino, entries
        return
    flags = _OPEN_DIRECTORY if directory else _OPEN_DIRECTORY & ~_NO_FOLLOW
    descriptor = os.open(root / directory, flags)
    try:
        with os.scandir(descriptor) as entries:
            yield os.fstat(descriptor).st_ino, entries
    finally:
        os.close(descriptor)


def _by_directory(chosen: set[str]) -> dict[str, list[str]]:
    """Names by directory, without the paths that lie below another one."""
    grouped: dict[str, list[str]] = {}
    for path in sorted(chosen):
        if chosen.isdisjoint(parents(path)):
            directory, _, name = path.rpartition("/")
            grouped.setdefault(directory, []).append(name)
    return grouped


def _join(directory: str, name: str) -> str:
    return f"{directory}/{name}" if directory else name


def parents(path: str) -> Iterator[str]:
    """The directories above a path, the nearest last; the root itself is left out."""
    end = path.find("/")
    while end >= 0:
        yield path[:end]
        end = path.find("/", end + 1)
