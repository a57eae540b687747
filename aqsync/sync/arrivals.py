"""Which measurements have arrived: complete, and each file shown by a list of the server."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from aqsync.aqueduct.typed import instant
from aqsync.config import MappingConfig, Measurement
from aqsync.journal import Journal
from aqsync.journal.measurements import Arrived
from aqsync.local.folders import folders_of
from aqsync.model import Databases
from aqsync.sync.measured import Measured


class Arrival(NamedTuple):
    """A measurement that has arrived, with one content."""

    folder: str
    eids: frozenset[str]
    """The experiments that its files lie in, as the journal knows them."""
    uuid: str
    """Of one of them."""
    digest: bytes
    """SHA-256 of the names on the server and the digests of what stands under them."""
    newest: str
    """When the last of its files was stored, by the server's clock, ISO 8601."""
    files: Mapping[str, str]
    """By path in the measurement, the names on the server."""


class _Mark(NamedTuple):
    """By this a measurement is known not to have changed."""

    files: int
    last_sent: int


class Arrivals:
    """The measurements of one mapping that have arrived, and are not done with.

    What it remembers saves work alone: a new one finds the same.

    Args:
        journal: What is known.
        mapping: Which mapping.
        measurement: Its section of that name.
    """

    def __init__(self, journal: Journal, mapping: MappingConfig, measurement: Measurement) -> None:
        self._journal = journal
        self._mapping = mapping
        self._measurement = measurement
        self._done: dict[str, _Mark] = {}

    def find(self, now_ns: int) -> Iterator[Arrival]:
        """The measurements that have arrived, but for those that are done as they stand."""
        marks = self._marks()
        self._done = {folder: mark for folder, mark in self._done.items() if folder in marks}
        measured = Measured(self._journal, self._mapping, self._measurement, now_ns)
        for folder, mark in marks.items():
            if mark == self._done.get(folder) or not measured.completeness(folder).complete:
                continue
            if (arrival := self.content(folder)) is not None:
                yield arrival

    def done(self, folder: str) -> None:
        """Nothing more is to be done about a measurement as it stands now."""
        if (mark := self._marks(folder).get(folder)) is not None:
            self._done[folder] = mark

    def content(self, folder: str) -> Arrival | None:
        """What stands on the server of a measurement; None: no list has shown all of it yet."""
        if folder not in self._marks(folder):
            return None
        files = self._journal.measurements.arrived(self._mapping_id, folder)
        if not files:
            return None
        return Arrival(
            folder,
            frozenset(file.eid for file in files),
            files[0].uuid,
            _digest(files),
            max((file.modified_at for file in files), key=_time),
            {file.path[len(folder) + 1 :]: file.remote_name for file in files},
        )

    @property
    def _mapping_id(self) -> int:
        return self._journal.mappings.get(self._mapping.name).id

    def _marks(self, folder: str = "") -> dict[str, _Mark]:
        """By measurement of which a list has shown every file, what it is known by."""
        folders = folders_of(self._measurement)
        databases = self._mapping.databases is not Databases.IGNORE
        found: dict[str, _Mark] = {}
        missing = set()
        for each in self._journal.measurements.arrivals(
            self._mapping_id, folder, databases=databases
        ):
            if (place := folders.of_directory(each.directory)) is None:
                continue
            if each.not_shown:
                missing.add(place)
            before = found.get(place, _Mark(0, 0))
            last = max(before.last_sent, each.last_sent)
            found[place] = _Mark(before.files + each.files, last)
        return {place: mark for place, mark in found.items() if place not in missing}


def _digest(files: list[Arrived]) -> bytes:
    digest = hashlib.sha256()
    for name, sha256 in sorted((file.remote_name, file.sha256) for file in files):
        digest.update(hashlib.sha256(name.encode(errors="surrogatepass")).digest())
        digest.update(sha256)
    return digest.digest()


def _time(told: str) -> float:
    """A listed time; the server may give what is none."""
    try:
        return instant(told).timestamp()
    except ValueError:
        return float("-inf")
