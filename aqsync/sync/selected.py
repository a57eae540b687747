"""Which files a mapping's patterns select, by the journal."""

from __future__ import annotations

from aqsync.config import MappingConfig
from aqsync.journal import Journal
from aqsync.local.rules import Rules
from aqsync.local.selection import Selection, unmatched


def selection(journal: Journal, mapping: MappingConfig) -> Selection:
    """What the last scan of everything has selected and left out."""
    record = journal.mappings.get(mapping.name)
    return Selection(
        journal.observations.count(record.id),
        record.left_out,
        unmatched(Rules(mapping), journal.observations.paths(record.id)),
    )
