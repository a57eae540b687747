"""How a mapping's summary is printed: counts of files, problems, and all of it as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from aqsync.cli.output import say
from aqsync.config import MappingConfig
from aqsync.model import State
from aqsync.sync.explained import state_text
from aqsync.sync.not_there import FileNotThere
from aqsync.sync.problem_groups import Group, grouped
from aqsync.sync.summary import FileProblem, Summary
from aqsync.wording import iso_text, seconds_text, size_text

SHOWN_PROBLEMS = 20
_WORTH_TELLING_S = 60.0
"""A file that has been waiting for longer is reported with its age."""


def counts_text(summary: Summary, *more: str) -> str:
    """How many files are in each state, and more of the kind: ``12 in sync, 1 waiting``."""
    counts = [f"{summary.files[state]} {state}" for state in State if summary.files[state]]
    return ", ".join([*counts, *more]) or "no files"


def report_problems(
    problems: Sequence[FileProblem],
    *,
    everything: bool = False,
    command: str = "aqsync status --all",
) -> None:
    """One line for each reason, or each problem if `everything` is wanted, with its hint below.

    Without `everything`, the first few, and the command that shows the others.
    """
    groups = [Group([each]) for each in problems] if everything else grouped(problems)
    shown = groups if everything else groups[:SHOWN_PROBLEMS]
    for group in shown:
        say(_line(group))
        if group.first.why.hint:
            say(f"  hint: {group.first.why.hint}")
    if len(shown) < len(groups):
        say(f"... and {len(groups) - len(shown)} more; `{command}` shows every one")
    elif len(groups) < len(problems):
        say(f"`{command}` names every file")


def _line(group: Group) -> str:
    problem, longest = group.first, _for_so_long(group)
    state = state_text(problem.state, *(each.age_seconds for each in group.problems))
    if len(group.problems) == 1:
        return f"{state}: {problem.path}: {problem.text}{longest}"
    size = f", {size_text(group.size)}" if group.size else ""
    example = "" if group.is_the_same else f"such as {problem.path}: "
    return (
        f"{state}: {group.files} files below {group.place}{size}: {example}{problem.text}{longest}"
    )


def _for_so_long(group: Group) -> str:
    longest = max(problem.age_seconds or 0.0 for problem in group.problems)
    if group.first.state is not State.WAITING or longest < _WORTH_TELLING_S:
        return ""
    up_to = "" if len(group.problems) == 1 else "up to "
    return f" (for {up_to}{seconds_text(longest)})"


def waiting_lines(problems: Sequence[FileProblem]) -> list[str]:
    """One line for each problem: size, age of the file, state, path, reason."""
    return [
        f"{'' if problem.size is None else size_text(problem.size):>9}"
        f"  {_age(problem):>8}  {state_text(problem.state, problem.age_seconds)}:"
        f" {problem.path}: {problem.text}"
        for problem in problems
    ]


def _age(problem: FileProblem) -> str:
    return "" if problem.file_age_seconds is None else seconds_text(problem.file_age_seconds)


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
        "not_there": {
            "files": summary.not_there.files,
            "bytes": summary.not_there.bytes,
            "oldest": _file_as_json(mapping, summary.not_there.oldest),
            "largest": _file_as_json(mapping, summary.not_there.largest),
        },
        "problems": [problem.to_dict() for problem in summary.problems],
        "groups": [group.to_dict() for group in grouped(summary.problems)],
    }


def _file_as_json(mapping: MappingConfig, file: FileNotThere | None) -> dict[str, Any] | None:
    if file is None:
        return None
    return {
        "path": str(mapping.directory / file.path),
        "state": file.state.value,
        "bytes": file.size,
        "since": iso_text(file.since_ns),
    }
