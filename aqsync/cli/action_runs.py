"""How actions on measurements are printed: counted, one by one, and as JSON."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from aqsync.cli.output import say
from aqsync.config import MappingConfig
from aqsync.journal import Journal
from aqsync.model import SECOND_NS, ActionRun, ActionState, MeasurementState, Problem, Reason
from aqsync.sync.action_rules import seems_stuck
from aqsync.sync.measured import Standing
from aqsync.wording import iso_text, seconds_text

_SHOWN = 5
"""So many that a person should look at are named by `status`."""

Runs = Mapping[str, Sequence[ActionRun]]
"""By a measurement's folder, the newest run of each of its actions."""


def newest_runs(journal: Journal, mapping: MappingConfig) -> Runs:
    """The newest run of each configured action of a mapping, by folder."""
    keys = [action.key for action in mapping.actions]
    newest: dict[str, dict[str, ActionRun]] = {}
    if keys:
        for run in journal.actions.of(journal.mappings.get(mapping.name).id):
            if run.key in keys:
                newest.setdefault(run.folder, {})[run.key] = run
    return {folder: [*runs.values()] for folder, runs in newest.items()}


def problems_of(journal: Journal, mapping: MappingConfig) -> list[Problem]:
    """Why actions of a mapping cannot be run."""
    found = journal.actions.problems(journal.mappings.get(mapping.name).id)
    return [found[action.key] for action in mapping.actions if action.key in found]


def run_text(run: ActionRun) -> str:
    """How one run stands: ``plots/t1 failed (exit code 3)``."""
    code = "" if run.result_code in {None, 0} else f" (exit code {run.result_code})"
    again = ", and is run again" if run.again else ""
    return f"{run.name} {run.state}{code}{again}"


def run_as_json(run: ActionRun) -> dict[str, Any]:
    """The same as JSON."""
    return {
        "extension": run.extension,
        "action": run.action,
        "parameters": dict(run.parameters),
        "state": run.state.name.lower(),
        "task": run.task,
        "attempt": run.attempt,
        "begun": iso_text(run.noted_at_ns),
        "ended": iso_text(run.ended_at_ns),
        "exit_code": run.result_code,
        "said": run.said,
    }


def tell_actions(
    mapping: MappingConfig,
    standings: Sequence[Standing],
    runs: Runs,
    problems: Sequence[Problem],
    now_ns: int,
) -> None:
    """How many stand how, what cannot be run, and what a person should look at."""
    if not mapping.actions:
        return
    every = [run for found in runs.values() for run in found]
    counts = Counter(run.state for run in every)
    words = [f"{counts[state]} {state}" for state in ActionState if counts[state]]
    arrived = [each for each in standings if each.state is MeasurementState.ON_SERVER]
    missing = sum(len(mapping.actions) - len(runs.get(each.folder, ())) for each in arrived)
    words += [f"{missing} not begun"] if missing else []
    say(f"  actions: {', '.join(words) or 'nothing has arrived yet'}")
    for problem in problems:
        say(f"    {problem.message}")
        say(f"      hint: {problem.hint}")
    stuck = [run for run in every if seems_stuck(run, now_ns)]
    if stuck:
        age = seconds_text((now_ns - stuck[0].noted_at_ns) / SECOND_NS)
        say(f"    {stuck[0].folder}: {run_text(stuck[0])} for {age}: does the server run tasks?")
    failed = _each_once([run for run in every if run.state.needs_somebody], problems)
    for run in failed[-_SHOWN:]:
        said = "".join(f": {line}" for line in run.said.splitlines()[-1:])
        say(f"    {run.folder}: {run_text(run)}{said}")
    if len(failed) > _SHOWN:
        say(f"    and {len(failed) - _SHOWN} more; `aqsync ls --measurements` shows every one")
    if failed:
        say("    hint: `aqsync why FOLDER` tells more; `aqsync retry --actions` runs them again")


def _each_once(runs: Sequence[ActionRun], problems: Sequence[Problem]) -> Sequence[ActionRun]:
    """Of the runs that the server did not run for one cause only the first; none that was told."""
    told = any(problem.reason is Reason.ACTION_NOT_RUN for problem in problems)
    causes: dict[object, ActionRun] = {}
    for run in runs:
        not_run = run.state is ActionState.NOT_RUN
        if not (not_run and told):
            causes.setdefault((run.name, run.said) if not_run else run.id, run)
    return [*causes.values()]


def tell_runs(runs: Sequence[ActionRun], indent: str) -> None:
    """All that is known of the actions of one measurement."""
    for run in runs:
        task = "" if run.task is None else f", task {run.task}"
        say(f"{indent}{run_text(run)}{task}")
        for line in run.said.splitlines():
            say(f"{indent}  {line}")
