"""Computes the policy of each file from configuration and journal."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from itertools import islice
from math import inf
from typing import TypeVar

from aqsync.config import MappingConfig, Windows
from aqsync.journal import Journal
from aqsync.journal.hangs import LOOK
from aqsync.journal.observations import Waiting
from aqsync.journal.pauses import EVERYTHING
from aqsync.journal.refusals import EVERYWHERE
from aqsync.local.chooser import chooser
from aqsync.local.rules import target_fingerprint
from aqsync.model import (
    SECOND_NS,
    Action,
    Databases,
    Decision,
    FileRecord,
    Growing,
    OnLocalDelete,
    Policy,
    Reason,
    ServerProblem,
    TransfersBlocked,
    Twin,
)
from aqsync.paths import nearest
from aqsync.sync.measured import measured_of
from aqsync.sync.planner import decide, removal_barrier

BATCH = 500
"""Records loaded at once."""

T = TypeVar("T")


ALWAYS = Windows()
"""Windows that are never closed."""


def transfers_blocked(
    journal: Journal, name: str, now_ns: int, windows: Windows, *, at_once: bool = False
) -> TransfersBlocked | None:
    """Why transfers of a mapping are blocked now; of several reasons, the one that lasts longest.

    Args:
        journal: Knows what is paused.
        name: The mapping's.
        now_ns: The wall clock, nanoseconds since 1970.
        windows: When files may be sent.
        at_once: Ignore transfer windows and pauses.
    """
    hangs = journal.hangs.of(name)
    if (hang := next((hang for hang in hangs.values() if hang.blocks), None)) is not None:
        return TransfersBlocked(Reason.MAPPING_HANGS.explain(), hang.since_ns, None)
    if at_once:
        return None
    pauses = journal.pauses.active(now_ns)
    found = [
        TransfersBlocked(Reason.PAUSED.explain(command=command), *pauses[paused])
        for paused, command in ((name, f"aqsync resume {name}"), (EVERYTHING, "aqsync resume"))
        if paused in pauses
    ]
    if (shut := windows.closed(now_ns)) is not None:
        found.append(TransfersBlocked(Reason.OUTSIDE_WINDOWS.explain(windows=windows), *shut))
    return max(found, key=_end, default=None)


def _end(blocked: TransfersBlocked) -> float:
    return inf if blocked.until_ns is None else blocked.until_ns


def policies(
    journal: Journal,
    mapping: MappingConfig,
    now_ns: int,
    windows: Windows = ALWAYS,
    *,
    at_once: bool = False,
) -> Callable[[FileRecord], Policy]:
    """Returns a function that gives the policy of each file of a mapping, as of now.

    Args:
        journal: What is known.
        mapping: Which mapping.
        now_ns: The wall clock, nanoseconds since 1970.
        windows: When files may be sent.
        at_once: Ignore them, and pauses.
    """
    mapping_id = journal.mappings.get(mapping.name).id
    barrier, twins = None, dict[int, Twin]()
    if not keeps(mapping):
        gone, known = journal.removals.removable(mapping_id, now_ns)
        twins = journal.removals.twins(mapping_id, now_ns) if gone else {}
        barrier = removal_barrier(gone, known, mapping.remove_share)
    hangs = {
        path: TransfersBlocked(Reason.READING_HANGS.explain(), hang.since_ns, None)
        for path, hang in journal.hangs.of(mapping.name).items()
    }
    hangs.pop(LOOK, None)  # the root's own problem reports it
    troubles = journal.mappings.troubles(mapping_id)
    base = Policy(
        settle_ns=mapping.settle_ns,
        on_local_delete=mapping.on_local_delete,
        removal_barrier=barrier,
        root_problem=troubles.pop("", None),
        blocked=transfers_blocked(journal, mapping.name, now_ns, windows, at_once=at_once),
        server_problem=journal.remote.server_problem(),
        size_limit=journal.limits.size(),
        give_up_ns=mapping.give_up_ns,
        recheck=mapping.recheck,
        databases=mapping.databases,
        growing=_growing(mapping),
    )
    sent_while_growing = partial(_sent_while_growing, mapping)
    base, by_eid = _by_experiment(journal, base)
    measured = measured_of(journal, mapping, now_ns)

    def policy_of(file: FileRecord) -> Policy:
        policy = base if file.eid is None else by_eid.get(file.eid, base)
        if file.id in twins:
            policy = replace(policy, twin=twins[file.id])
        if measured is not None and (unready := measured.unready(file)) is not None:
            policy = replace(policy, unready=unready)
        if hangs and file.path in hangs:
            policy = replace(policy, blocked=hangs[file.path])
        if file.changing_since_ns is not None and policy.growing and sent_while_growing(file):
            policy = replace(policy, growing=replace(policy.growing, provisional=True))
        place = nearest(file.path, troubles) if troubles else None
        return policy if place is None else replace(policy, place_problem=troubles[place])

    return policy_of


def _growing(mapping: MappingConfig) -> Growing | None:
    """How often versions of files go that keep changing, as far as the path does not matter."""
    if mapping.growing is None:
        return None
    every_ns = int(mapping.growing.every * SECOND_NS)
    return Growing(every_ns, mapping.growing.budget, provisional=False)


def _sent_while_growing(mapping: MappingConfig, file: FileRecord) -> bool:
    """Whether versions of this file may go while it keeps changing."""
    if file.is_database:
        return mapping.databases is Databases.SNAPSHOT
    return mapping.growing is not None and chooser(mapping.growing.match).takes(file.path)


def _by_experiment(journal: Journal, base: Policy) -> tuple[Policy, dict[str, Policy]]:
    """The policy for files of any experiment, and those of experiments that have their own.

    Args:
        journal: Knows the problems of experiments, and what the server does not allow.
        base: The rest of the policy.
    """
    refused = journal.refusals.current()
    everywhere = {action: refusal for (eid, action), refusal in refused.items() if not eid}
    base = replace(base, refusals=everywhere)
    by_eid = {eid: base for eid, _ in refused}
    for eid in by_eid:
        here = {action: refusal for (at, action), refusal in refused.items() if at == eid}
        by_eid[eid] = replace(base, refusals={**here, **everywhere})
    for eid, (problem, again_ns) in journal.remote.problems().items():
        by_eid[eid] = replace(
            by_eid.get(eid, base), experiment_problem=problem, experiment_again_ns=again_ns
        )
    return base, by_eid


def server_state(journal: Journal) -> ServerProblem | None:
    """Why the server cannot be used, or accepts no uploads from us; None: it can be used."""
    problem = journal.remote.server_problem()
    refusal = journal.refusals.current().get((EVERYWHERE, Action.SEND))
    if problem is not None or refusal is None:
        return problem
    return ServerProblem(
        refusal.why,
        denied=True,
        since_ns=refusal.since_ns,
        count=refusal.tries,
        probe_at_ns=refusal.again_ns,
    )


def batched(items: Iterator[T], size: int) -> Iterator[list[T]]:
    """Consecutive lists of up to `size` items."""
    while batch := list(islice(items, size)):
        yield batch


def experiments_of(journal: Journal, mappings: Iterable[MappingConfig]) -> set[str]:
    """The EIDs of the experiments that files of the mappings belong to, as configured now.

    A file that is gone counts only while its copy may have to be removed, or is the only one.
    """
    here, removing, every = list[int](), list[int](), list[int]()
    found: set[str] = set()
    for mapping in mappings:
        record = journal.mappings.get(mapping.name)
        every.append(record.id)
        if mapping.one_experiment is not None:
            found.add(mapping.one_experiment)
        elif record.target_rules == target_fingerprint(
            mapping
        ):  # if not, the next scan finds the experiments
            (here if keeps(mapping) else removing).append(record.id)
    found |= journal.remote.freed_eids(every)
    found |= journal.remote.mapped_eids(here, only_here=True)
    return found | journal.remote.mapped_eids(removing, only_removable=True)


def experiments_known_of(journal: Journal, mappings: Iterable[MappingConfig]) -> set[str]:
    """The EIDs of all experiments that the mappings' files belong to, or belonged to before."""
    chosen = tuple(mappings)
    fixed = {mapping.one_experiment for mapping in chosen if mapping.one_experiment}
    return fixed | journal.remote.mapped_eids([journal.mappings.get(m.name).id for m in chosen])


def records_of(journal: Journal, identities: Iterator[int]) -> Iterator[FileRecord]:
    """The records of files, few in memory at once."""
    for batch in batched(identities, BATCH):
        yield from journal.observations.records(batch)


def undecided(
    journal: Journal, mapping: MappingConfig, within: Sequence[str] = ()
) -> list[Waiting]:
    """The files of a mapping that need a decision, longest-standing first.

    Args:
        journal: What is known.
        mapping: Which mapping.
        within: Only files at and below these paths; none: all.
    """
    mapping_id = journal.mappings.get(mapping.name).id
    return journal.observations.unquiet(mapping_id, within, keep=keeps(mapping))


def keeps(mapping: MappingConfig) -> bool:
    """Whether nothing is ever removed from the server."""
    return mapping.on_local_delete is OnLocalDelete.KEEP


def decisions(
    journal: Journal,
    mapping: MappingConfig,
    now_ns: int,
    within: Sequence[str] = (),
    *,
    windows: Windows = ALWAYS,
    at_once: bool = False,
) -> Iterator[tuple[FileRecord, Decision]]:
    """Every file of a mapping that is not quiet, with its decision, longest-standing first.

    Args:
        journal: What is known.
        mapping: Which mapping.
        now_ns: The wall clock, nanoseconds since 1970.
        within: Only files at and below these paths; none: all.
        windows: When files may be sent.
        at_once: Ignore them, and pauses.
    """
    policy_of = policies(journal, mapping, now_ns, windows, at_once=at_once)
    identities = (item.id for item in undecided(journal, mapping, within))
    for file in records_of(journal, identities):
        yield file, decide(file, policy_of(file), now_ns)
