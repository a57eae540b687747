"""What a folder's files say of its experiment, for its templates."""

from __future__ import annotations

from aqsync.config import MappingConfig
from aqsync.errors import DiskHangs
from aqsync.local.attended import AttendedDisk
from aqsync.local.disk import Disk
from aqsync.local.errands import Errands
from aqsync.local.made_words import FolderFacts
from aqsync.local.metadata.folder import MetadataReader
from aqsync.local.metadata.found import Failed, NotThereYet, Values
from aqsync.local.owners import owners_of
from aqsync.local.snapshot import Snapshots

LONG_S = 1.0
"""A file that takes longer than this to read ..."""
REST = 50.0
"""... is read again, as it has changed, after so many times as long: a large database is copied for
that, and changes all the time while it is measured."""


class FactsReader:
    """Asks the files that the section ``metadata`` of a mapping names.

    Args:
        disk: Where the folders are.
        snapshots: Copies databases.
        errands: Give up a disk that does not answer.
    """

    def __init__(self, disk: Disk, snapshots: Snapshots, errands: Errands) -> None:
        self._disk = AttendedDisk(disk)
        self._snapshots = snapshots
        self._errands = errands
        self._again_at: dict[tuple[str, str], float] = {}
        """By mapping and folder, when a file that took long is read again at the soonest."""

    def __call__(self, mapping: MappingConfig, folder: str, seen: str) -> FolderFacts | None:
        """What is known; None: not yet, or no more than when the file stood as it was seen."""
        if mapping.metadata is None:
            return FolderFacts()
        reader = MetadataReader(
            mapping.directory, mapping.metadata, self._disk, self._snapshots, owners_of(mapping)
        )
        clock, place = self._snapshots.clock, (mapping.name, folder)
        began = clock.monotonic()
        if seen and began < self._again_at.get(place, began):
            return None
        try:
            found = self._errands.run(mapping.directory, lambda: reader.metadata_of(folder, seen))
        except DiskHangs:
            return None
        took = clock.monotonic() - began
        self._again_at.pop(place, None)
        if took > LONG_S:
            self._again_at[place] = began + took + REST * took
        match found:
            case NotThereYet():
                return None
            case Failed():
                return FolderFacts(problems=(found.why,), seen=found.seen)
            case Values():
                return _facts(found)


def _facts(found: Values) -> FolderFacts:
    first = {name: values[0] for name, values in found.tags.items() if values}
    own = {"title": found.title, "description": found.description}
    values = {name: value for name, value in own.items() if value is not None}
    tags = tuple(f"{name}:{value}" for name, all_ in found.tags.items() for value in all_)
    missing = tuple(f"nothing stands at {path}" for path in found.missing)
    return FolderFacts(first | values, tags, missing, found.seen if missing else "")
