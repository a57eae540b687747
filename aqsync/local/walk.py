"""One walk over a root: what changed, what is missing, what could not be looked at."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from aqsync.journal.observations import KnownEntry, Observations, Observed
from aqsync.local.disk import Seen, seen_in
from aqsync.local.rules import Rules
from aqsync.model import EntryKind, Signature

BATCH = 2000
"""Observations per transaction."""

_OPEN_DIRECTORY = os.O_RDONLY | getattr(os, "O_DIRECTORY", 0) | getattr(os, "O_NOFOLLOW", 0)


class WalkSource(NamedTuple):
    """Where a walk goes and how it understands what it meets."""

    root: Path
    rules: Rules
    observed: Callable[[str, EntryKind, Signature], Observed]


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
        self.changed = 0
        self.missing: list[str] = []
        self.forgotten: list[str] = []
        self.troubles: dict[str, tuple[str, str]] = {}
        self._root, self._rules, self._observed = source
        self._observations = observations
        self._mapping_id = mapping_id
        self._reselect = reselect
        self._visited: set[str] = set()
        self._batch: list[Observed] = []

    def tree(self, top: str) -> None:
        """Everything below one directory."""
        waiting = [top]
        while waiting:
            directory = waiting.pop()
            self._visited.add(directory)
            for name in self._directory(directory):
                path = f"{directory}/{name}" if directory else name
                if self._rules.enters(path):
                    waiting.append(path)

    def paths(self, paths: Iterable[str]) -> None:
        """Only what is at and below these paths."""
        for path in paths:
            try:
                seen = self._look_at(path) if path else None
            except (FileNotFoundError, NotADirectoryError):
                self._missing_at(path)
                self.unvisited(path)
                continue
            except OSError as exc:
                self._trouble(path, exc)
                continue
            if seen is not None and seen[0] is not None:
                self._single(path, seen)
            elif not path or self._rules.enters(path):
                self.tree(path)
                self.unvisited(path)

    def unvisited(self, top: str = "") -> None:
        """Directories that the journal knows and the walk did not meet: all in them is missing."""
        for directory in self._observations.directories(self._mapping_id, top):
            if directory not in self._visited and not self._hidden(directory):
                self._all_missing(directory, self._known(directory))

    def flush(self) -> None:
        """Write what is collected."""
        if self._batch:
            self._observations.observe(self._mapping_id, self._batch)
            self._batch = []

    def _directory(self, directory: str) -> list[str]:
        """Compare one directory's entries; returns the names of its subdirectories."""
        subdirectories: list[str] = []
        known = self._known(directory)
        prefix = f"{directory}/" if directory else ""
        reselect = self._reselect
        try:
            with _scandir(self._root, directory) as entries:
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

    def _look_at(self, path: str) -> Seen:
        """One path's entry; below a symbolic link there is none."""
        for parent in _parents(path):
            if os.path.islink(self._root / parent):  # noqa: PTH114 - no error, whatever is there
                raise NotADirectoryError
        return seen_in(os.lstat(self._root / path))

    def _known(self, directory: str) -> dict[str, KnownEntry]:
        return self._observations.known_in(self._mapping_id, directory)

    def _single(self, path: str, seen: Seen) -> None:
        directory, _, name = path.rpartition("/")
        if all(self._rules.enters(parent) for parent in _parents(path)):
            self._entry(path, self._known(directory).get(name), seen)

    def _entry(self, path: str, known: KnownEntry | None, seen: Seen) -> None:
        if (known is None or self._reselect) and not self._rules.selects(path):
            if known is not None:
                self.forgotten.append(path)
            return
        self.entries += 1
        if known == seen:
            return
        self.changed += 1
        kind, *signature = seen
        assert kind is not None  # noqa: S101 - a directory is no entry
        self._batch.append(self._observed(path, kind, Signature(*signature)))
        if len(self._batch) >= BATCH:
            self.flush()

    def _missing_at(self, path: str) -> None:
        directory, _, name = path.rpartition("/")
        known = self._known(directory).get(name)
        if known is not None:
            self._all_missing(directory, {name: known})

    def _all_missing(self, directory: str, known: dict[str, KnownEntry]) -> None:
        for name, (_, size, *_) in known.items():
            path = f"{directory}/{name}" if directory else name
            if self._reselect and not self._rules.selects(path):
                self.forgotten.append(path)
            elif size is not None:
                self.missing.append(path)

    def _hidden(self, directory: str) -> bool:
        """Whether it lies below a directory that could not be looked at."""
        return any(place in self.troubles for place in ("", *_parents(directory), directory))

    def _trouble(self, path: str, exc: OSError) -> None:
        place = self._root / path
        self.troubles[path] = (
            f"{place} cannot be looked at: {exc.strerror or exc}",
            "let the user that aqsync runs as read and enter it"
            if isinstance(exc, PermissionError)
            else "check the disk; it is looked at again on every scan",
        )


@contextmanager
def _scandir(root: Path, directory: str) -> Iterator[Iterator[os.DirEntry[str]]]:
    """The entries of a directory below the root, unless a symbolic link has taken its place."""
    if not directory or os.scandir not in os.supports_fd:
        with os.scandir(root / directory) as entries:
            yield entries
        return
    descriptor = os.open(root / directory, _OPEN_DIRECTORY)
    try:
        with os.scandir(descriptor) as entries:
            yield entries
    finally:
        os.close(descriptor)


def _parents(path: str) -> Iterator[str]:
    """The directories above a path, the nearest last; the root itself is left out."""
    parts = path.split("/")[:-1]
    for count in range(1, len(parts) + 1):
        yield "/".join(parts[:count])
