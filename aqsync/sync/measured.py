"""The measurements of a mapping as the journal knows them, each worked out when asked for."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import TypeVar

from aqsync.config import MappingConfig, Measurement
from aqsync.journal import Journal
from aqsync.journal.measurements import Changes, Counts, MissingFile, OpenFiles
from aqsync.local.folders import FIRST, Folders, Turn, by_name, folders_of
from aqsync.model import (
    SECOND_NS,
    Completeness,
    Conditions,
    Databases,
    Explanation,
    FileRecord,
    MeasurementState,
    MeasurementView,
    Named,
    Problem,
    Reason,
    Sending,
    Unready,
)
from aqsync.paths import lies_within, parents
from aqsync.sync.measurements import completeness
from aqsync.wording import counted

_PerDirectory = TypeVar("_PerDirectory", Changes, Counts)


@dataclass(frozen=True, slots=True)
class Standing:
    """How a measurement stands."""

    folder: str
    state: MeasurementState
    why: Explanation
    """Why it is complete, or is not."""
    words: str
    """The same without its name."""
    since_ns: int
    """When something in it changed last."""
    until_ns: int | None
    """When it may be complete though nothing changes."""
    files: int
    bytes: int
    not_there: int
    """How many files are not on the server as they are here."""

    @property
    def complete(self) -> bool:
        """Whether nothing more is expected."""
        return self.state is not MeasurementState.BEING_TAKEN


class Measured:
    """The measurements of one mapping at one moment, each worked out once.

    A folder counts from its first file on, as the journal knows no others.

    Args:
        journal: What is known.
        mapping: Which mapping.
        measurement: Its section of that name.
        now_ns: The wall clock, nanoseconds since 1970.
    """

    def __init__(
        self, journal: Journal, mapping: MappingConfig, measurement: Measurement, now_ns: int
    ) -> None:
        self.folders = folders_of(measurement)
        self._journal = journal
        record = journal.mappings.get(mapping.name)
        self._mapping_id, self._newest_looked_at = record.id, record.newest_looked_at
        self._measurement = measurement
        self._now_ns = now_ns
        self._conditions = conditions_of(mapping, measurement)
        self._databases = mapping.databases is not Databases.IGNORE
        """Whether they are sent: nothing waits for what never is."""
        self._complete: dict[str, Completeness] = {}
        self._changes: dict[str, list[Changes]] = {}
        self._counts: dict[str, list[Counts]] = {}
        self._not_there: dict[str, list[tuple[Turn, MissingFile]]] = {}
        self._newest: dict[str, str] = {}
        self._sentinels: dict[str, Named] | None = None
        """Those of all measurements, once these were asked for."""

    def unready(self, file: FileRecord) -> Unready | None:
        """Why a file is not sent before something else of its measurement has happened."""
        folder = self.folders.of(file.path)
        if folder is None or file.local is None:
            return None
        turn = self.folders.turn(file.path)
        if turn == FIRST and self._measurement.send is Sending.AS_SETTLED:
            return None
        found = self.completeness(folder)
        if not found.complete:
            return Unready(found.why, found.since_ns, found.until_ns, folder)
        return None if turn == FIRST else self._after_others(folder, turn)

    def completeness(self, folder: str) -> Completeness:
        """Whether the measurement in a folder is complete."""
        known = self._complete.get(folder)
        if known is None:
            known = completeness(self._view(folder), self._conditions, self._now_ns)
            self._complete[folder] = known
        return known

    def standing(self, folder: str) -> Standing | None:
        """How the measurement in a folder stands; None: no file of it is there."""
        counts = self._counts_of(folder)
        if not counts:
            return None
        found, not_there = self.completeness(folder), sum(each.not_there for each in counts)
        state = MeasurementState.BEING_TAKEN
        if found.complete:
            state = MeasurementState.ON_ITS_WAY if not_there else MeasurementState.ON_SERVER
        return Standing(
            folder,
            state,
            found.why,
            found.words,
            found.since_ns,
            found.until_ns,
            files=sum(each.files for each in counts),
            bytes=sum(each.bytes for each in counts),
            not_there=not_there,
        )

    def all(self) -> list[Standing]:
        """Every measurement, by name."""
        kept = self._journal.measurements
        self._counts = self._by_folder(kept.counts(self._mapping_id, databases=self._databases))
        self._changes = self._by_folder(kept.changes(self._mapping_id, self._now_ns))
        if self._conditions.sentinel:
            self._sentinels = self._sentinels_in("")
        standings = (self.standing(folder) for folder in sorted(self._counts, key=by_name))
        return [standing for standing in standings if standing is not None]

    def _by_folder(self, found: Iterable[_PerDirectory]) -> dict[str, list[_PerDirectory]]:
        grouped: dict[str, list[_PerDirectory]] = {}
        for each in found:
            if (folder := self.folders.of_directory(each.directory)) is not None:
                grouped.setdefault(folder, []).append(each)
        return grouped

    def next(self, folder: str) -> list[MissingFile]:
        """The files of a measurement whose turn it is, of those that are not on the server."""
        missing = self._missing(folder)
        return [each for turn, each in missing if turn == missing[0][0]]

    def _missing(self, folder: str) -> list[tuple[Turn, MissingFile]]:
        """The files of a measurement that are not on the server, in the order of their turns."""
        if folder not in self._not_there:
            found = self._journal.measurements.not_there(
                self._mapping_id, folder, databases=self._databases
            )
            turns = [(self.folders.turn(each.path), each) for each in found]
            self._not_there[folder] = sorted(turns, key=_turn)
        return self._not_there[folder]

    def _after_others(self, folder: str, turn: Turn) -> Unready | None:
        missing = self._missing(folder)
        others = bisect_left(missing, turn, key=_turn)
        if not others:
            return None
        first = missing[0][1]
        why = Reason.MEASUREMENT_LAST.explain(
            others=counted(others, "file"),
            path=first.path,
            failure=f": {first.failure}" if first.failure else "",
        )
        return Unready(why, self.completeness(folder).since_ns, None, folder, last=True)

    def _view(self, folder: str) -> MeasurementView:
        if folder in self._unsettled:
            changed_ns = self._unsettled[folder]
            return MeasurementView(folder, changed_ns, trouble=self._trouble_in(folder))
        conditions = self._conditions
        sentinel = followed_by = open_file = None
        if conditions.sentinel:
            found = self._sentinels
            found = self._sentinels_in(folder) if found is None else found
            sentinel = found.get(folder)
        if conditions.newer_sibling:
            newest = self._newest_beside(folder)
            followed_by = newest if by_name(newest) > by_name(folder) else None
        changes = self._changes_of(folder)
        asked = self._open if conditions.closed else None
        # If some of its files were not known then, it was not asked about them.
        if asked is not None and any(each.newest > asked.newest for each in changes):
            asked = None
        if asked is not None and asked.paths is not None:
            inside = [path for path in asked.paths if lies_within(path, (folder,))]
            kept = self._journal.measurements
            inside += kept.paths_of(self._mapping_id, folder, asked.locked)
            open_file = min(inside, default=None)
        return MeasurementView(
            folder,
            max((each.changed_ns for each in changes), default=0),
            sentinel,
            followed_by,
            None if asked is None else asked.asked_ns,
            asked is None or asked.paths is not None,
            open_file,
            self._trouble_in(folder),
            self._is_partly_known(changes),
        )

    def _is_partly_known(self, changes: list[Changes]) -> bool:
        newest = self._newest_looked_at
        return newest is not None and any(each.newest > newest for each in changes)

    def _changes_of(self, folder: str) -> list[Changes]:
        if folder not in self._changes:
            found = self._journal.measurements.changes(self._mapping_id, self._now_ns, folder)
            self._changes[folder] = found
        return self._changes[folder]

    def _counts_of(self, folder: str) -> list[Counts]:
        if folder not in self._counts:
            self._counts[folder] = self._journal.measurements.counts(
                self._mapping_id, folder, databases=self._databases
            )
        return self._counts[folder]

    def _sentinels_in(self, folder: str) -> dict[str, Named]:
        """By measurement, what has the name of a sentinel: one that counts, if any does."""
        names = self.folders.sentinel_names
        entries = self._journal.measurements.entries(self._mapping_id, folder, names)
        found = [Named(*entry) for entry in entries if self.folders.is_sentinel(entry[0])]
        found.sort(key=lambda named: (not named.counts, named.path), reverse=True)
        return {self.folders.of(named.path) or "": named for named in found}

    def _trouble_in(self, folder: str) -> Explanation | None:
        """What keeps the folder from being looked at as a whole."""
        above = {"", *parents(folder), folder}
        for path, trouble in self._troubles.items():
            if path in above or lies_within(path, (folder,)):
                return trouble.why
        return None

    @cached_property
    def _troubles(self) -> dict[str, Problem]:
        return self._journal.mappings.troubles(self._mapping_id)

    @cached_property
    def _unsettled(self) -> dict[str, int]:
        """Measurements in which something has just changed, and when: most that are asked for."""
        since_ns = self._now_ns - self._conditions.settle_ns
        return changed_since(self._journal, self._mapping_id, self.folders, since_ns)

    def _newest_beside(self, folder: str) -> str:
        """Of a folder and those beside it, the one with the latest name."""
        place = folder.rpartition("/")[0]
        if place not in self._newest:
            found = self._journal.measurements.directories(self._mapping_id, place)
            folders = {self.folders.of_directory(directory) for directory in found}
            beside = (each for each in folders if each and each.rpartition("/")[0] == place)
            self._newest[place] = max(beside, key=by_name, default=folder)
        return self._newest[place]

    @cached_property
    def _open(self) -> OpenFiles | None:
        return self._journal.measurements.open_files(self._mapping_id)


def _turn(missing: tuple[Turn, MissingFile]) -> Turn:
    return missing[0]


def changed_since(
    journal: Journal, mapping_id: int, folders: Folders, since_ns: int
) -> dict[str, int]:
    """By measurement in which something has changed since then, when that was last."""
    found: dict[str, int] = {}
    for directory, at_ns in journal.measurements.changed_since(mapping_id, since_ns):
        if (folder := folders.of_directory(directory)) is not None:
            found[folder] = max(at_ns, found.get(folder, at_ns))
    return found


def conditions_of(mapping: MappingConfig, measurement: Measurement) -> Conditions:
    """What makes a mapping's measurements complete."""
    complete = measurement.complete
    return Conditions(
        mapping.settle_ns,
        " or ".join(complete.sentinel),
        complete.newer_sibling,
        None if complete.quiet is None else int(complete.quiet * SECOND_NS),
        complete.closed,
        complete.needs,
    )


def measured_of(journal: Journal, mapping: MappingConfig, now_ns: int) -> Measured | None:
    """The measurements of a mapping as of now; None: its files do not belong together."""
    if mapping.measurement is None:
        return None
    return Measured(journal, mapping, mapping.measurement, now_ns)
