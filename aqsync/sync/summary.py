"""How a mapping stands: counts and problems, from the same decisions that the engine acts on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from aqsync.config import Mapping, Windows
from aqsync.journal import Journal
from aqsync.model import (
    Closed,
    FileRecord,
    Hold,
    InSync,
    Problem,
    Recheck,
    ServerProblem,
    State,
    Wait,
)
from aqsync.sync.policies import ALWAYS, closed, decisions, keeps

_OPEN = frozenset({State.DIFFERS, State.PENDING, State.WAITING, State.HELD, State.FAILED})
"""States in which a file is not where it shall be."""


class FileProblem(NamedTuple):
    """Something that is not in sync, for a person."""

    path: str
    """Absolute; or what else is concerned."""
    state: State
    reason: str
    hint: str
    age_seconds: float | None = None
    """How long it has been so, if that is known."""


@dataclass(slots=True)
class Summary:
    """How one mapping stands."""

    files: Counter[State] = field(default_factory=Counter)
    bytes: Counter[State] = field(default_factory=Counter)
    kept: int = 0
    """Deleted here, kept on the server."""
    problems: list[FileProblem] = field(default_factory=list)

    @property
    def complete(self) -> bool:
        """Whether everything is in sync."""
        return not any(self.files[state] for state in _OPEN)


def summarize(  # noqa: PLR0913 - what bears on files
    journal: Journal,
    mapping: Mapping,
    now_ns: int,
    within: Sequence[str] = (),
    *,
    windows: Windows = ALWAYS,
    at_once: bool = False,
) -> Summary:
    """Decide on all files of a mapping and count what comes of it.

    Args:
        journal: What is known.
        mapping: Which mapping.
        now_ns: The wall clock, nanoseconds since 1970.
        within: Only files at and below these paths count; none: all.
        windows: When files may be sent.
        at_once: Neither they nor pauses count.
    """
    summary = Summary()
    mapping_id = journal.mappings.get(mapping.name).id
    quiet = journal.observations.quiet(mapping_id, within, keep=keeps(mapping))
    summary.kept += quiet.kept
    summary.files[State.IN_SYNC] += quiet.files
    summary.bytes[State.IN_SYNC] += quiet.bytes
    root = mapping.directory
    everywhere = _everywhere(
        closed(journal, mapping.name, now_ns, windows, at_once=at_once),
        journal.remote.server_problem(),
    )
    troubles = journal.mappings.troubles(mapping_id)
    untrusted = troubles.get("")
    common = _reasons_of_many(journal)
    shared: Counter[tuple[State, Problem]] = Counter()
    for file, step in decisions(journal, mapping, now_ns, within, windows=windows, at_once=at_once):
        if file.local is None and isinstance(step, InSync):
            summary.kept += is_kept(file)
            continue
        summary.files[step.state] += 1
        summary.bytes[step.state] += file.local.size if file.local else 0
        if isinstance(step, InSync | Recheck):
            continue
        if untrusted is not None and step.reason == untrusted.message:
            continue  # told once, below
        if isinstance(step, Hold) and step.reason in common:
            shared[step.state, Problem(step.reason, step.hint, step.since_ns)] += 1
            continue
        if isinstance(step, Wait) and step.reason in everywhere:
            shared[step.state, everywhere[step.reason]] += 1
            continue
        hint = step.hint if isinstance(step, Hold | Wait) else ""
        age = _seconds(step.since_ns, now_ns)
        place = str(root / file.path)
        summary.problems.append(FileProblem(place, step.state, step.reason, hint, age))
    for (state, problem), files in shared.items():
        reason, age = (
            f"{problem.message}; files {state}: {files}",
            _seconds(problem.since_ns, now_ns),
        )
        summary.problems.append(FileProblem(str(root), state, reason, problem.hint, age))
    for path, trouble in troubles.items():
        summary.files[State.FAILED] += 1
        age = _seconds(trouble.since_ns, now_ns)
        place = str(root / path)
        summary.problems.append(
            FileProblem(place, State.FAILED, trouble.message, trouble.hint, age)
        )
    return summary


def is_kept(file: FileRecord) -> bool:
    """Whether a file that is gone is still on the server, as far as is known."""
    if file.synced is None:
        return False
    return file.remote.modified_at is not None or (
        file.remote.listed_sequence <= file.synced.sequence
    )


def is_complete(journal: Journal, mapping: Mapping, now_ns: int) -> bool:
    """Whether everything is in sync, as a summary would say; at once where much is not.

    Args:
        journal: What is known.
        mapping: Which mapping.
        now_ns: The wall clock, nanoseconds since 1970.
    """
    if journal.mappings.troubles(journal.mappings.get(mapping.name).id):
        return False
    return not any(step.state in _OPEN for _, step in decisions(journal, mapping, now_ns))


def _reasons_of_many(journal: Journal) -> set[str]:
    """What holds all files of an experiment, in its words: it is told once."""
    found = {refusal.message for refusal in journal.refusals.standing().values()}
    return found | {problem.message for problem, _ in journal.remote.problems().values()}


def _everywhere(shut: Closed | None, server: ServerProblem | None) -> dict[str, Problem]:
    """What keeps all files of a mapping waiting, by its words: it is told once."""
    found = {}
    if shut is not None:
        found[shut.reason] = Problem(shut.reason, shut.hint, shut.since_ns)
    if server is not None:
        found[server.message] = Problem(server.message, server.hint, server.since_ns)
    return found


def _seconds(since_ns: int, now_ns: int) -> float:
    return round(max(0, now_ns - since_ns) / 1e9, 3)
