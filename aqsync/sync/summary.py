"""How a mapping stands: counts and problems, from the same decisions that the engine acts on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from aqsync.config import Mapping
from aqsync.journal import Journal
from aqsync.model import Hold, InSync, Problem, State, Wait
from aqsync.sync.policies import decisions


class FileProblem(NamedTuple):
    """Something that is not in sync, for a person."""

    path: str
    """Absolute; or what else is concerned."""
    state: State
    reason: str
    hint: str


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
        return not any(
            self.files[state] for state in (State.PENDING, State.WAITING, State.HELD, State.FAILED)
        )


def summarize(
    journal: Journal,
    mapping: Mapping,
    now_ns: int,
    within: Sequence[str] = (),
) -> Summary:
    """Decide on all files of a mapping and count what comes of it.

    Args:
        journal: What is known.
        mapping: Which mapping.
        now_ns: The wall clock, nanoseconds since 1970.
        within: Only files at and below these paths count; none: all.
    """
    summary = Summary()
    mapping_id = journal.mappings.get(mapping.name).id
    quiet = journal.observations.quiet(mapping_id, within)
    summary.files[State.IN_SYNC] += quiet.files
    summary.bytes[State.IN_SYNC] += quiet.bytes
    root = mapping.directory
    server = journal.remote.server_problem()
    troubles = journal.mappings.troubles(mapping_id)
    untrusted = troubles.get("")
    shared: Counter[tuple[State, Problem]] = Counter()
    for file, step in decisions(journal, mapping, now_ns, within):
        if file.local is None and isinstance(step, InSync):
            summary.kept += 1
            continue
        summary.files[step.state] += 1
        summary.bytes[step.state] += file.local.size if file.local else 0
        if isinstance(step, InSync):
            continue
        if untrusted is not None and step.reason == untrusted.message:
            continue  # told once, below
        if isinstance(step, Hold) and file.eid is not None:
            problem = journal.remote.problem(file.eid)
            if problem is not None:
                shared[step.state, problem] += 1
                continue
        if isinstance(step, Wait) and server is not None and step.reason == server.message:
            shared[step.state, Problem(server.message, server.hint, server.since_ns)] += 1
            continue
        hint = step.hint if isinstance(step, Hold | Wait) else ""
        place = str(root / file.path)
        summary.problems.append(FileProblem(place, step.state, step.reason, hint))
    for (state, problem), files in shared.items():
        reason = f"{problem.message}; files {state}: {files}"
        summary.problems.append(FileProblem(str(root), state, reason, problem.hint))
    _add_troubles(summary, troubles, root)
    return summary


def _add_troubles(summary: Summary, troubles: dict[str, Problem], root: Path) -> None:
    for path, trouble in troubles.items():
        summary.files[State.FAILED] += 1
        summary.problems.append(
            FileProblem(str(root / path), State.FAILED, trouble.message, trouble.hint)
        )
