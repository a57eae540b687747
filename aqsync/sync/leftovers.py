"""Copies of databases' parts on the server, where an earlier release has put them."""

from __future__ import annotations

from typing import NamedTuple

from aqsync.config import MappingConfig
from aqsync.journal import Journal
from aqsync.model import FileRecord, InSync
from aqsync.sync.planner import decide
from aqsync.sync.policies import policies


class Leftover(NamedTuple):
    """A part of a database whose copy stands on the server as it was sent from here."""

    file: FileRecord
    removable: bool
    """Its database is whole on the server. Until then the copy may hold what is nowhere else."""


def leftovers(journal: Journal, mapping: MappingConfig, now_ns: int) -> list[Leftover]:
    """All of a mapping.

    Args:
        journal: What is known.
        mapping: Which mapping.
        now_ns: The wall clock, nanoseconds since 1970.
    """
    mapping_id = journal.mappings.get(mapping.name).id
    found = journal.observations.records(journal.observations.leftovers(mapping_id))
    if not found:
        return []
    policy_of = policies(journal, mapping, now_ns)

    def is_whole(path: str) -> bool:
        database = journal.observations.record_at(mapping_id, path)
        if database is None or database.local is None or not database.is_database:
            return False
        return isinstance(decide(database, policy_of(database), now_ns), InSync)

    found.sort(key=lambda file: file.path)
    return [Leftover(file, is_whole(file.path.rpartition("-")[0])) for file in found]
