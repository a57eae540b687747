"""One walk over a root: what changed, what is missing, what could not be looked at."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from aqsync.journal.observations import KnownEntry, Observations, Observed
from aqsync.local.disk import Disk, Seen
from aqsync.local.rules import LeftOut, Rules
from aqsync.local.submounts import Submounts
from aqsync.model import EntryKind, Explanation, Reason, Signature
from aqsync.paths import parents

BATCH = 2000
"""Observations per transaction."""
MOST_CHANGED = 10_000
"""Changed paths that a walk names."""

FEW = 50
"""Up to so many paths of one directory are looked up one by one, which is cheaper then."""


_NOT_INCLUDED = LeftOut.NOT_INCLUDED  # looking it up each time takes longer than all the rest


class WalkSource(NamedTuple):
    """Where a walk goes, and how it turns entries into observations."""

    disk: Disk
    root: Path
    mounts: Submounts
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
        self.left_out = 0
        """How many files no pattern of `include` takes."""
        self.directories = 0
        self.directory_inodes: set[int] = set()
        self.missing: list[str] = []
        self.forgotten: list[str] = []
        self.troubles: dict[str, Explanation] = {}
        self.stopped = False
        """It was stopped early, so what it did not meet may still be there."""
        self._disk, self._root = source.disk, source.root
        self._mounts, self._rules = source.mounts, source.rules
        self._observed, self._goes_on = source.observed, source.goes_on
        self._observations = observations
        self._mapping_id = mapping_id
        self._reselect = reselect
        self._visited: set[str] = set()
        self._batch: list[Observed] = []

    def go(self, within: Sequence[str]) -> None:
        """Look at these paths, or at the whole root if there are none, and write down all of it."""
        if within:
            self.paths(within)
        else:
            self.everything()
        self.flush()

    def everything(self) -> None:
        """The whole root."""
        self._tree("")
        self._unvisited("")

    def paths(self, paths: Iterable[str]) -> None:
        """Only what is at and below these paths, and perhaps more of the same directories.

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
        self._mounts.met_at(directory)
        inside, nothing = list[str](), list[str]()
        for name in names:
            path, before = _join(directory, name), known.get(name)
            missing = {} if before is None else {name: before}
            try:
                seen = self._look_at(path)
            except (FileNotFoundError, NotADirectoryError):
                self._all_missing(directory, missing)
            except PermissionError as exc:
                self._trouble(directory, exc)  # every other entry would fail in the same way
                break
            except OSError as exc:
                self._trouble(path, exc)
                continue
            else:
                if seen[0] is None:
                    inside.append(name)
                    self._all_missing(directory, missing)  # it was known as a file
                    continue
                self._entry(path, before, seen)
            if before is None or before[1] is None:  # it was no file when last seen
                nothing.append(name)
        return inside, nothing

    def _lost_below(self, directory: str, names: Sequence[str]) -> None:
        """These are no directories now, so everything known below them is missing."""
        if len(names) <= FEW:
            for name in names:
                self._unvisited(_join(directory, name))
            return
        lost = {_join(directory, name) for name in names}
        for known in self._observations.directories(self._mapping_id, directory):
            if known in lost or not lost.isdisjoint(parents(known)):
                self._missing_in(known)

    def _unvisited(self, top: str) -> None:
        """Everything in known directories that the walk did not meet is missing."""
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
        entries_before = self.entries
        try:
            self._check_mounts(directory)
            with self._disk.listing(self._root, directory) as (identity, entries):
                self.directories += 1
                self.directory_inodes.add(identity.inode)
                self._mounts.met(directory, identity.device)
                self._check_mounts(directory)
                for name, seen in entries:
                    if seen == known.get(name) and not reselect:  # nearly all, in every scan
                        del known[name]
                        self.entries += 1
                    elif isinstance(seen, OSError):
                        known.pop(name, None)
                        self._trouble(prefix + name, seen)
                    elif seen[0] is None:
                        subdirectories.append(name)  # a file of this name is missing
                    else:
                        self._entry(prefix + name, known.pop(name, None), seen)
        except (FileNotFoundError, NotADirectoryError):
            pass  # deleted since its parent was read: what was known in it is missing
        except OSError as exc:
            self._trouble(directory, exc)
            return subdirectories
        self._all_missing(directory, known)
        if self.entries > entries_before:
            self._mounts.inhabited(directory)
        return subdirectories

    def _check_mounts(self, path: str) -> None:
        """Raise where a path is on a disk that is not there."""
        if self._mounts.hides(path):
            raise FileNotFoundError

    def _look_at(self, path: str) -> Seen:
        self._check_mounts(path)
        return self._disk.look(self._root, path)

    def _is_directory(self, path: str) -> bool:
        try:
            return not path or self._look_at(path)[0] is None
        except OSError:
            return False

    def _known(self, directory: str) -> dict[str, KnownEntry]:
        return self._observations.known_in(self._mapping_id, directory)

    def _entry(self, path: str, known: KnownEntry | None, seen: Seen) -> None:
        if known is None or self._reselect:
            left_out = self._rules.left_out(path)
            if left_out is not None:
                self.left_out += left_out is _NOT_INCLUDED
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
        advice = (
            "let the user that aqsync runs as read and enter it"
            if isinstance(exc, PermissionError)
            else "check the disk; it is looked at again on every scan"
        )
        self.troubles[path] = Reason.PLACE_UNREADABLE.explain(
            place=self._root / path, said=exc.strerror or exc, advice=advice
        )


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
