"""One walk over a root: what changed, what is missing, what could not be looked at."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import NamedTuple, Protocol

from aqsync.journal.observations import KnownEntry, Observations, Observed
from aqsync.local.disk import Disk, Seen
from aqsync.local.found_databases import looks_like_database
from aqsync.local.rules import LeftOut, Rules
from aqsync.local.sqlite_files import (
    JOURNAL,
    LOG,
    PARTS,
    database_of,
    family_of,
    holds_something,
    log_number,
)
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


class Observe(Protocol):
    """Makes an observation of what was seen at a path: see `Scanner.observed`."""

    def __call__(
        self,
        path: str,
        kind: EntryKind,
        signature: Signature,
        *logs: Signature,
        is_database: bool | None = None,
        known: bool = False,
    ) -> Observed:
        """The observation of what was seen."""


class WalkSource(NamedTuple):
    """Where a walk goes, and how it turns entries into observations."""

    disk: Disk
    root: Path
    mounts: Submounts
    rules: Rules
    observed: Observe
    goes_on: Callable[[], bool]
    """Asked before each directory; false ends the walk."""
    soon_ns: int
    """See `Observations.observe`."""
    writes_a_part: Callable[[], object]
    """Called once, before something is written though not everything was seen."""
    meet: Callable[[str], object]
    """Called with each directory before what is known in it is asked for."""


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
        self.empty: set[str] = set()
        """Folders in which nothing is."""
        self.missing: list[str] = []
        self.forgotten: list[str] = []
        self.troubles: dict[str, Explanation] = {}
        self.partly = False
        """A part of what it sees was written before the rest."""
        self.stopped = False
        """It was stopped early, so what it did not meet may still be there."""
        self._disk, self._root = source.disk, source.root
        self._mounts, self._rules = source.mounts, source.rules
        self._observed, self._goes_on = source.observed, source.goes_on
        self._soon_ns = source.soon_ns
        self._writes_a_part, self._meet = source.writes_a_part, source.meet
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
        if self.stopped:
            self._write_a_part()
        else:
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
        self._about_to_look(directory)
        asked = self._with_parts(directory, names)
        known = self._observations.known_at(self._mapping_id, directory, asked)
        self._mounts.met_at(directory)
        inside, nothing = list[str](), list[str]()
        met, failed = dict[str, Seen](), set[str]()
        for name in asked:
            path, before = _join(directory, name), known.get(name)
            missing = {} if before is None else {name: before}
            try:
                seen = self._look_at(path)
            except (FileNotFoundError, NotADirectoryError):
                self._all_missing(directory, missing)
            except PermissionError as exc:
                self._trouble(directory, exc)  # every other entry would fail in the same way
                failed.update(asked)
                break
            except OSError as exc:
                self._trouble(path, exc)
                failed.add(name)
                continue
            else:
                if seen[0] is None:
                    inside.append(name)
                    self._all_missing(directory, missing)  # it was known as a file
                    continue
                met[name] = seen
            if name in names and (before is None or before[1] is None):
                nothing.append(name)  # it was no file when last seen
        here = self._databases.get(directory, {})
        self._met(directory, met, known, {n: here[n] for n in here if n in met}, failed)
        return inside, nothing

    def _with_parts(self, directory: str, names: Sequence[str]) -> list[str]:
        """These names, and those of the databases that they belong to, with all of their parts."""
        here = self._databases.get(directory, {})
        bases = {base for base in map(database_of, names) if base} | (here.keys() & names)
        others = set[str]().union(*map(family_of, bases))
        return [*names, *sorted(others.difference(names))]

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
        if directory not in self._visited and not self.hides(directory):
            self._all_missing(directory, self._known(directory))

    def _write_a_part(self) -> None:
        if self._batch and not self.partly:
            self._writes_a_part()
            self.partly = True
        self.flush()

    def flush(self) -> None:
        """Write what is collected."""
        if self._batch:
            self._observations.observe(self._mapping_id, self._batch, self._soon_ns)
            self._batch = []

    def _directory(self, directory: str) -> list[str]:
        """Compare one directory's entries; returns the names of its subdirectories."""
        self._visited.add(directory)
        self._about_to_look(directory)
        subdirectories: list[str] = []
        known = self._known(directory)
        databases = self._databases.get(directory, {})
        parts = _taken_out(known, databases)
        met, failed = dict[str, Seen](), set[str]()
        prefix = f"{directory}/" if directory else ""
        reselect = self._reselect
        entries_before = self.entries
        whole, listed = True, False
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
                        failed.add(name)
                        self._trouble(prefix + name, seen)
                    elif seen[0] is None:
                        subdirectories.append(name)  # a file of this name is missing
                    else:
                        met[name] = seen
                listed = True
        except (FileNotFoundError, NotADirectoryError):
            pass  # deleted since its parent was read: what was known in it is missing
        except OSError as exc:
            self._trouble(directory, exc)
            failed.update(_families({*met, *databases}))
            whole = False
        nothing_known = listed and self.entries == entries_before
        empty = nothing_known and not (met or failed or subdirectories)
        self._note_empty(directory, empty=empty)
        known |= parts
        there = {n: log for n, log in databases.items() if n in met or n not in known}
        self._met(directory, met, known, there, failed)
        if not whole:
            return subdirectories
        for name in failed:
            known.pop(name, None)
        self._all_missing(directory, known)
        if self.entries > entries_before:
            self._mounts.inhabited(directory)
        return subdirectories

    def _about_to_look(self, directory: str) -> None:
        if not self._mounts.hides(directory):
            self._meet(directory)

    def _note_empty(self, directory: str, *, empty: bool) -> None:
        if empty:
            self.empty.add(directory)

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

    @cached_property
    def _databases(self) -> dict[str, dict[str, int]]:
        """By directory, the names of the known databases, with the number of their log."""
        return self._observations.databases(self._mapping_id)

    def _met(
        self,
        directory: str,
        met: dict[str, Seen],
        known: dict[str, KnownEntry],
        databases: Mapping[str, int],
        failed: Collection[str],
    ) -> None:
        """Compare the entries of a directory that are new, changed, or parts of a database.

        Args:
            directory: Which.
            met: What was seen of them.
            known: What is known in the directory; what is compared is taken out.
            databases: The known databases that are there, changed or not, with their log's number.
            failed: Entries that could not be seen. A database with one of those as its part is
                compared in a later scan.
        """
        bases = set(databases)
        if self._rules.knows_databases:
            bases.update(filter(None, map(database_of, met)))
            if self._reselect:  # an earlier release may have sent parts that are gone by now
                bases.update(filter(None, map(database_of, known)))
        for base in sorted(bases):
            family = family_of(base)
            if not family.isdisjoint(failed):
                for name in family:
                    met.pop(name, None)
                    known.pop(name, None)
            else:
                self._family(directory, base, met, known, databases.get(base))
        for name, seen in met.items():
            self._entry(_join(directory, name), known.pop(name, None), seen)

    def _family(
        self,
        directory: str,
        base: str,
        met: dict[str, Seen],
        known: dict[str, KnownEntry],
        log: int | None,
    ) -> None:
        """Compare a file and those that are its parts by their names, if it is a database.

        Else what was met of them is left to be compared as ordinary files.

        Args:
            directory: Where.
            base: The file's name.
            met: As for `_met`.
            known: As for `_met`.
            log: The number of its log, if it is known as a database.
        """
        logs = met.get(base + LOG), met.get(base + JOURNAL)
        path, number = _join(directory, base), log_number(*logs)
        seen = met.get(base)
        if seen is not None or log != number:
            try:
                seen = self._look_at(path) if seen is None else seen
            except OSError:
                return
            unchanged = log is not None and known.get(base, seen) == seen
            found = self._is_database(path, seen, logs, unchanged=unchanged)
            if not (found or (found is None and log is not None)):
                if log is not None and base in met:
                    del met[base]
                    self._entry(path, known.pop(base, None), seen, is_database=False)
                return
            self._database(path, met.pop(base, None), known.pop(base, None), seen, log, logs)
        for part in PARTS:
            before = known.get(base + part)
            if before and before[0] == EntryKind.FILE and base + part not in met:  # gone
                self._observations.found_part(self._mapping_id, path + part)
            if (part_seen := met.pop(base + part, None)) is not None:
                self._part(path + part, known.pop(base + part, None), part_seen)

    def _is_database(
        self,
        path: str,
        seen: Seen,
        logs: tuple[Seen | None, Seen | None],
        *,
        unchanged: bool,
    ) -> bool | None:
        """Whether a file is a database; None: that cannot be found out.

        Args:
            path: Its path.
            seen: What was seen of it.
            logs: Its log and its journal.
            unchanged: It is as it was when it was known to be one.
        """
        if not self._rules.knows_databases:
            return False
        if unchanged:
            return True
        return looks_like_database(self._disk, self._root, path, seen, logs)

    def _database(
        self,
        path: str,
        met: Seen | None,
        known: KnownEntry | None,
        seen: Seen,
        log: int | None,
        logs: tuple[Seen | None, ...],
    ) -> None:
        """Note a database, if it or its log has changed, or if it was not known to be one.

        Args:
            path: Its path.
            met: What was seen of it, if that is new or changed.
            known: What is known of it; None also where nothing of it has changed.
            seen: What was seen of it.
            log: The known number of its log; None: it was not known as a database.
            logs: Its log and its journal.
        """
        if met is not None and not self._selected(path, known):
            return
        self.entries += met is not None
        number = log_number(*logs)
        if number == (log or 0) and (met is None or known == seen):
            if log is None:
                self._observations.found_database(self._mapping_id, path)
            return
        full = [Signature(*part[1:]) for part in logs if part and holds_something(part)]
        self._observe(path, Signature(*seen[1:], number), *full, is_database=True)

    def _part(self, path: str, known: KnownEntry | None, seen: Seen) -> None:
        if seen[0] is EntryKind.FILE:
            seen = (EntryKind.DATABASE_PART, *seen[1:])
        self._entry(path, known, seen)

    def _entry(
        self,
        path: str,
        known: KnownEntry | None,
        seen: Seen,
        *,
        is_database: bool | None = None,
    ) -> None:
        seen = self._as_sentinel(path, known, seen)
        if seen[0] is not EntryKind.SENTINEL and not self._selected(path, known):
            return
        self.entries += 1
        if known == seen and is_database is None:
            return
        if known is not None and (seen[0], seen[1]) == (known[0], known[1]):
            seen = self._seen_again(path, seen)
        kind, *signature = seen
        assert kind is not None  # noqa: S101 - a directory is no entry
        same = known is not None and known[1] is not None and known[::4] == seen[::4]
        self._observe(path, Signature(*signature), kind=kind, is_database=is_database, known=same)

    def _as_sentinel(self, path: str, known: KnownEntry | None, seen: Seen) -> Seen:
        """A sentinel that the rules leave out is noted all the same, as one: it is there."""
        if seen[0] is not EntryKind.FILE or not self._rules.is_sentinel(path):
            return seen
        if known is not None and not self._reselect:
            left_out = known[0] == EntryKind.SENTINEL
        else:
            left_out = self._rules.left_out(path) is not None
        return (EntryKind.SENTINEL, *seen[1:]) if left_out else seen

    def _seen_again(self, path: str, seen: Seen) -> Seen:
        """What is at a path whose times have changed, and whose size has not yet.

        A system that appends to a file sets its times first. So a look in between would take it for
        a file that is rewritten in place.
        """
        try:
            again = self._look_at(path)
        except OSError:
            return seen  # it is gone, or cannot be reached: the next scan finds out
        return again if again[0] is seen[0] else seen

    def _selected(self, path: str, known: KnownEntry | None) -> bool:
        """Whether the rules take an entry; a known one is only asked about if they have changed.

        Of a freed file the path stays known, whatever the rules say, so what comes to it is new.
        """
        here = known is not None and known[1] is not None
        if here and not self._reselect:
            return True
        left_out = self._rules.left_out(path)
        if left_out is None:
            return True
        self.left_out += left_out is _NOT_INCLUDED
        if here or (known is not None and self._reselect):
            self.forgotten.append(path)
        return False

    def _observe(
        self,
        path: str,
        signature: Signature,
        *logs: Signature,
        kind: EntryKind = EntryKind.FILE,
        is_database: bool | None = None,
        known: bool = False,
    ) -> None:
        self._changed(path)
        seen = self._observed(path, kind, signature, *logs, is_database=is_database, known=known)
        self._batch.append(seen)
        if len(self._batch) >= BATCH:
            self._write_a_part()

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

    def touched(self, within: Iterable[str]) -> set[str]:
        """The directories that it has looked through or seen changes in, and these paths."""
        return {*self._visited, *(path.rpartition("/")[0] for path in self.changed), *within}

    def hides(self, directory: str) -> bool:
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


def _taken_out(known: dict[str, KnownEntry], databases: Iterable[str]) -> dict[str, KnownEntry]:
    """Take the parts of databases out of what is known, so that they are met in any case."""
    names = [base + part for base in databases for part in PARTS]
    return {name: known.pop(name) for name in names if name in known}


def _families(names: Iterable[str]) -> set[str]:
    """The names of the databases among them, or that they belong to, and of all their parts."""
    return set[str]().union(*(family_of(database_of(name) or name) for name in names))


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
