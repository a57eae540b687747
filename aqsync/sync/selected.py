"""How a mapping's patterns fit its files, as far as the journal knows."""

from __future__ import annotations

from aqsync.config import Mapping
from aqsync.journal import Journal
from aqsync.local.rules import Rules
from aqsync.local.selection import Selection, unmatched


def selection(journal: Journal, mapping: Mapping) -> Selection:
    """What was selected and left out when everything was last looked at."""
    record = journal.mappings.get(mapping.name)
    return Selection(
        journal.observations.count(record.id),
        record.left_out,
        unmatched(Rules(mapping), journal.observations.paths(record.id)),
    )
