"""How a mapping's summary is printed: counts of files, problems, and all of it as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from aqsync.cli.output import iso_text, say, seconds_text
from aqsync.config import MappingConfig
from aqsync.model import State
from aqsync.sync.summary import FileProblem, Summary

SHOWN_PROBLEMS = 20
_WORTH_TELLING_S = 60.0
"""A file that has been waiting for longer is reported with its age."""


def counts_text(summary: Summary, *more: str) -> str:
    """How many files are in each state, and more of the kind: ``12 in sync, 1 waiting``."""
    counts = [f"{summary.files[state]} {state}" for state in State if summary.files[state]]
    return ", ".join([*counts, *more]) or "no files"


def report_problems(problems: Sequence[FileProblem], *, everything: bool = False) -> None:
    """One line for each problem, with its hint below; the first few unless all are wanted."""
    shown = problems if everything else problems[:SHOWN_PROBLEMS]
    for problem in shown:
        say(f"{problem.state}: {problem.path}: {problem.text}{_for_so_long(problem)}")
        if problem.why.hint:
            say(f"  hint: {problem.why.hint}")
    if len(shown) < len(problems):
        say(f"... and {len(problems) - len(shown)} more; `aqsync status --all` shows every one")


def _for_so_long(problem: FileProblem) -> str:
    if problem.state is not State.WAITING or (problem.age_seconds or 0.0) < _WORTH_TELLING_S:
        return ""
    return f" (for {seconds_text(problem.age_seconds or 0.0)})"


def summary_as_json(
    mapping: MappingConfig, summary: Summary, complete_at_ns: int | None
) -> dict[str, Any]:
    """Counts, sizes and problems of a mapping."""
    return {
        "directory": str(mapping.directory),
        "experiment": mapping.experiment,
        **{state.name.lower(): summary.files[state] for state in State},
        "kept": summary.kept,
        "bytes": summary.bytes[State.IN_SYNC],
        "bytes_missing": sum(summary.bytes.values()) - summary.bytes[State.IN_SYNC],
        "complete": summary.complete,
        "last_complete_sync": iso_text(complete_at_ns),
        "problems": [problem.to_dict() for problem in summary.problems],
    }
