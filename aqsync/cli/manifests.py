"""What `aqsync status` says of manifests."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aqsync.cli.output import say
from aqsync.config import MappingConfig
from aqsync.journal import Journal
from aqsync.journal.manifests import ManifestRecord
from aqsync.model import SECOND_NS
from aqsync.wording import age_text, iso_text

_TOLD_AFTER_NS = 60 * SECOND_NS
"""One that lacks something is written soon; it is worth a line if that has not happened."""


def manifests_of(journal: Journal, mapping: MappingConfig) -> dict[str, ManifestRecord]:
    """By EID as people know it, the manifests of the experiments that a mapping leads to."""
    if not mapping.manifest:
        return {}
    eids = journal.remote.mapped_eids([journal.mappings.get(mapping.name).id])
    found = (each for each in journal.manifests.all() if each.eid in eids)
    return {journal.remote.shown(each.eid): each for each in found}


def tell_manifests(found: Mapping[str, ManifestRecord], now_ns: int) -> None:
    """Those that could not be written, or lack something for some time."""
    for eid, each in found.items():
        written = each.written
        if each.failure is not None:
            say(f"  the manifest of {eid} could not be written: {each.failure.message}")
            if each.failure.hint:
                say(f"    hint: {each.failure.hint}")
        elif written is not None and each.is_outdated and now_ns - written.at_ns > _TOLD_AFTER_NS:
            age = age_text(written.at_ns, now_ns)
            say(f"  the manifest of {eid} was written {age}, and lacks what has changed since")


def manifests_as_json(found: Mapping[str, ManifestRecord]) -> list[dict[str, Any]]:
    """As JSON."""
    return [
        {
            "experiment": eid,
            "name": each.name,
            "written": None if each.written is None else iso_text(each.written.at_ns),
            "lacks_changes": each.is_outdated,
            "problem": None
            if each.failure is None
            else {
                "code": each.failure.reason.value,
                "reason": each.failure.message,
                "hint": each.failure.hint,
            },
        }
        for eid, each in found.items()
    ]
