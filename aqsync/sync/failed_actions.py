"""Actions that go on only once a person has done something: failed runs, and what cannot be run."""

from __future__ import annotations

from typing import NamedTuple

from aqsync.config import MappingConfig
from aqsync.journal import Journal
from aqsync.model import SECOND_NS, ActionRun, ActionState, Explanation, Reason, State
from aqsync.sync.summary import FileProblem

_REASONS = {
    ActionState.FAILED: Reason.ACTION_FAILED,
    ActionState.CANCELLED: Reason.ACTION_CANCELLED,
    ActionState.NOT_RUN: Reason.ACTION_NOT_RUN,
    ActionState.REFUSED: Reason.ACTION_REFUSED,
    ActionState.UNKNOWN: Reason.ACTION_UNKNOWN,
}


class FailedRun(NamedTuple):
    """A run that has ended, and not well."""

    run: ActionRun
    why: Explanation


def failed_runs(journal: Journal, mapping: MappingConfig) -> list[FailedRun]:
    """The runs of a mapping's actions that a person has to look at, and does not want again yet."""
    mapping_id = journal.mappings.get(mapping.name).id
    problems = journal.actions.problems(mapping_id)
    # A run with earlier parameters may still be what keeps an action from being run.
    held = {
        (each.extension, each.action)
        for each in mapping.actions
        if each.key in problems and problems[each.key].reason is Reason.ACTION_NOT_RUN
    }
    keys = {action.key for action in mapping.actions}
    return [
        FailedRun(run, why_failed(run))
        for run in journal.actions.for_a_person(mapping_id)
        if run.key in keys
        or (run.state is ActionState.NOT_RUN and (run.extension, run.action) in held)
    ]


def action_problems(journal: Journal, mapping: MappingConfig, now_ns: int) -> list[FileProblem]:
    """What a person has to do something about for actions to be run.

    Args:
        journal: What is known.
        mapping: Which mapping.
        now_ns: The wall clock, nanoseconds since 1970.
    """
    if not mapping.actions:
        return []

    def problem(path: str, why: Explanation, since_ns: int) -> FileProblem:
        age_s = round(max(0, now_ns - since_ns) / SECOND_NS, 3)
        return FileProblem(path, State.FAILED, why, age_s, actions=1)

    known = journal.actions.problems(journal.mappings.get(mapping.name).id)
    found = [
        problem(action.name, known[action.key].why, known[action.key].since_ns)
        for action in mapping.actions
        # What a run shows is told as that run's.
        if action.key in known and known[action.key].reason is not Reason.ACTION_NOT_RUN
    ]
    for run, why in failed_runs(journal, mapping):
        since_ns = run.noted_at_ns if run.ended_at_ns is None else run.ended_at_ns
        found.append(problem(str(mapping.directory / run.folder), why, since_ns))
    return found


def why_failed(run: ActionRun) -> Explanation:
    """Why a run that has ended needs somebody."""
    said = "".join(f": {line}" for line in run.said.splitlines()[-1:])
    code = "" if run.result_code in {None, 0} else f" (exit code {run.result_code})"
    return _REASONS[run.state].explain(name=run.name, folder=run.folder, said=said, code=code)
