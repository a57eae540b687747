"""From configuration and journal to the policy that bears on each file."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import islice
from typing import TypeVar

from aqsync.config import Mapping
from aqsync.journal import Journal
from aqsync.model import Decision, FileRecord, OnLocalDelete, Policy
from aqsync.sync.planner import decide, removal_barrier

BATCH = 500
"""Records loaded at once."""

T = TypeVar("T")


def policies(journal: Journal, mapping: Mapping) -> Callable[[FileRecord], Policy]:
    """A mapping's policy for each of its files, as things stand now."""
    on_local_delete = OnLocalDelete(mapping.on_local_delete)
    mapping_id = journal.mappings.get(mapping.name).id
    barrier = None
    if on_local_delete is OnLocalDelete.REMOVE:
        gone, known = journal.observations.removable(mapping_id)
        barrier = removal_barrier(gone, known, mapping.remove_share)
    base = Policy(
        settle_ns=int(mapping.settle * 1e9),
        on_local_delete=on_local_delete,
        removal_barrier=barrier,
        root_problem=journal.mappings.troubles(mapping_id).get(""),
        server_problem=journal.remote.server_problem(),
    )
    by_eid = {
        eid: replace(base, experiment_problem=experiment.problem)
        for eid, experiment in journal.remote.experiments().items()
        if experiment.problem is not None
    }
    return lambda file: by_eid.get(file.eid, base) if file.eid is not None else base


def batched(items: Iterator[T], size: int) -> Iterator[list[T]]:
    """Consecutive lists of up to `size` items."""
    while batch := list(islice(items, size)):
        yield batch


def decisions(
    journal: Journal, mapping: Mapping, now_ns: int, within: Sequence[str] = ()
) -> Iterator[tuple[FileRecord, Decision]]:
    """Every file of a mapping that is not quiet, with its decision, longest-standing first.

    Args:
        journal: What is known.
        mapping: Which mapping.
        now_ns: The wall clock, nanoseconds since 1970.
        within: Only files at and below these paths; none: all.
    """
    policy_of = policies(journal, mapping)
    mapping_id = journal.mappings.get(mapping.name).id
    waiting = (item.id for item in journal.observations.unquiet(mapping_id, within))
    for batch in batched(waiting, BATCH):
        for file in journal.observations.records(batch):
            yield file, decide(file, policy_of(file), now_ns)
