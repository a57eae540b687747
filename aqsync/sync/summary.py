"""Counts and problems of a mapping, by the same decisions that the engine acts on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, NamedTuple

from aqsync.config import MappingConfig, Windows
from aqsync.journal import Journal
from aqsync.model import (
    Decision,
    EntryKind,
    Explanation,
    FileRecord,
    Hold,
    InSync,
    Problem,
    Reason,
    Recheck,
    ServerProblem,
    State,
    TransfersBlocked,
    Wait,
    explanation_of,
)
from aqsync.paths import bears_on
from aqsync.sync.not_there import NotThere
from aqsync.sync.policies import ALWAYS, decisions, keeps, transfers_blocked

NOT_IN_SYNC = frozenset(
    {
        *(State.PROVISIONAL, State.DIFFERS, State.FREED_LOST),
        *(State.PENDING, State.WAITING, State.HELD, State.FAILED),
    }
)
"""States in which a file is not on the server as it should be."""
_A_FEW_TRIES = 3
"""What has failed more often than that will hardly go by itself."""
_OF_MANY = frozenset(
    {
        Reason.NOT_ALLOWED,
        Reason.NO_EXPERIMENT,
        Reason.EXPERIMENT_GONE,
        Reason.LIST_NOT_ALLOWED,
    }
)
"""Reasons that concern all files of an experiment; reported once, not for each file."""


class FileProblem(NamedTuple):
    """Something that is not in sync, for a person."""

    path: str
    """Absolute; or another thing that is concerned."""
    state: State
    why: Explanation
    age_seconds: float | None = None
    """For how long, if that is known."""
    files: int | None = None
    """How many files it concerns, if it is reported once for all of them."""
    size: int | None = None
    """Of the file, or of all of them, in bytes."""
    file_age_seconds: float | None = None
    """For how long the file has been as it is, by its own times."""
    retried: bool = False
    """It failed a few times at most, and is tried again by itself."""
    actions: int = 0
    """How many actions on measurements it concerns; then it concerns no file."""

    @property
    def text(self) -> str:
        """The reason, for a person."""
        return self.why.message + _how_many(self.files, self.state)

    def to_dict(self) -> dict[str, Any]:
        """As JSON."""
        found = {
            "path": self.path,
            "state": self.state.value,
            "code": self.why.reason.value,
            "reason": self.text,
            "hint": self.why.hint,
            "age_seconds": self.age_seconds,
            "bytes": self.size,
            "file_age_seconds": self.file_age_seconds,
            "retried": self.retried,
        }
        return found if self.files is None else {**found, "files": self.files}

    @classmethod
    def from_dict(cls, found: Mapping[str, Any]) -> FileProblem:
        """Made again from `to_dict`.

        Raises:
            KeyError: Something is missing.
            ValueError: Something has no such value.
        """
        state, files = State(found["state"]), found.get("files")
        message = str(found["reason"]).removesuffix(_how_many(files, state))
        why = explanation_of(found["code"], message, found["hint"])
        ages = found["age_seconds"], found.get("file_age_seconds")
        return cls(
            *(found["path"], state, why, ages[0], files, found.get("bytes"), ages[1]),
            retried=bool(found.get("retried")),
        )


def _how_many(files: int | None, state: State) -> str:
    return "" if files is None else f"; files {state}: {files}"


@dataclass(slots=True)
class Summary:
    """How one mapping stands."""

    files: Counter[State] = field(default_factory=Counter)
    bytes: Counter[State] = field(default_factory=Counter)
    kept: int = 0
    """Deleted here, kept on the server."""
    not_there: NotThere = field(default_factory=NotThere)
    problems: list[FileProblem] = field(default_factory=list)

    @property
    def complete(self) -> bool:
        """Whether everything is in sync."""
        return not any(self.files[state] for state in NOT_IN_SYNC)


def summarize(
    journal: Journal,
    mapping: MappingConfig,
    now_ns: int,
    within: Sequence[str] = (),
    *,
    windows: Windows = ALWAYS,
    at_once: bool = False,
    each: bool = False,
) -> Summary:
    """Decide on all files of a mapping and count the decisions.

    Args:
        journal: What is known.
        mapping: Which mapping.
        now_ns: The wall clock, nanoseconds since 1970.
        within: Only files at and below these paths count, and what could not be looked at there
            or above; none: all.
        windows: When files may be sent.
        at_once: Ignore them, and pauses.
        each: Report what many files have in common for each of them too.
    """
    problem = partial(_problem, mapping, now_ns)
    mapping_id = journal.mappings.get(mapping.name).id
    troubles = journal.mappings.troubles(mapping_id)
    quiet = journal.observations.quiet(mapping_id, within, keep=keeps(mapping))
    summary = Summary(kept=quiet.kept)
    summary.files[State.IN_SYNC] += quiet.files
    summary.bytes[State.IN_SYNC] += quiet.bytes
    if quiet.freed:
        summary.files[State.FREED] = quiet.freed
    blocked = transfers_blocked(journal, mapping.name, now_ns, windows, at_once=at_once)
    told_once = _ToldOnce(
        untrusted=troubles.get(""),
        everywhere=[p for p in (blocked, journal.remote.server_problem()) if p is not None],
    )
    for file, step in decisions(journal, mapping, now_ns, within, windows=windows, at_once=at_once):
        if file.local is None and isinstance(step, InSync) and step.state is not State.FREED:
            summary.kept += is_kept(file)
            continue
        if file.kind is EntryKind.DATABASE_PART and isinstance(step, Hold):
            continue  # it counts with its database
        summary.files[step.state] += 1
        summary.bytes[step.state] += file.size
        if step.state in NOT_IN_SYNC and file.local is not None:
            summary.not_there.count(file, step.state)
        if isinstance(step, InSync | Recheck) or (not each and told_once.takes(file, step)):
            continue
        why = step.why if isinstance(step, Hold | Wait) else replace(step.why, hint="")
        found = problem(file.path, step.state, why, step.since_ns)
        age = _seconds(file.since_ns, now_ns)
        retried = _is_retried(file, step)
        summary.problems.append(
            found._replace(size=file.size, file_age_seconds=age, retried=retried)
        )
    for key, files in told_once.files.items():
        found = problem("", *key)
        summary.problems.append(found._replace(files=files, size=told_once.bytes[key]))
    for path, trouble in troubles.items():
        if bears_on(path, within):
            summary.files[State.FAILED] += 1
            summary.problems.append(problem(path, State.FAILED, trouble.why, trouble.since_ns))
    return summary


def _problem(
    mapping: MappingConfig, now_ns: int, path: str, state: State, why: Explanation, since_ns: int
) -> FileProblem:
    place = str(mapping.directory / path)
    return FileProblem(place, state, why, _seconds(since_ns, now_ns))


class _ToldOnce:
    """Counts files that have one problem in common, so that it is reported once.

    Args:
        untrusted: Why the root is in doubt; that is reported with the other troubles.
        everywhere: The reasons why all files of the mapping wait.
    """

    def __init__(
        self, untrusted: Problem | None, everywhere: Iterable[TransfersBlocked | ServerProblem]
    ) -> None:
        self.files: Counter[tuple[State, Explanation, int]] = Counter()
        """By state, explanation and since when."""
        self.bytes: Counter[tuple[State, Explanation, int]] = Counter()
        self._untrusted = None if untrusted is None else untrusted.why
        self._everywhere = {problem.why: problem.since_ns for problem in everywhere}

    def takes(self, file: FileRecord, step: Decision) -> bool:
        """Whether a file's problem is one of those; if so, the file is counted."""
        if step.why == self._untrusted:
            return True
        if isinstance(step, Hold) and step.reason in _OF_MANY:
            since_ns = step.since_ns
        elif isinstance(step, Wait) and step.why in self._everywhere:
            since_ns = self._everywhere[step.why]
        else:
            return False
        self.files[step.state, step.why, since_ns] += 1
        self.bytes[step.state, step.why, since_ns] += file.size
        return True


def _is_retried(file: FileRecord, step: Decision) -> bool:
    tries = 0 if file.failure is None else file.failure.count
    return isinstance(step, Wait) and step.state is State.FAILED and tries <= _A_FEW_TRIES


def is_kept(file: FileRecord) -> bool:
    """Whether a file that is gone is still on the server, as far as known."""
    if file.synced is None:
        return False
    return file.remote.modified_at is not None or (
        file.remote.listed_sequence <= file.synced.sequence
    )


def is_complete(journal: Journal, mapping: MappingConfig, now_ns: int) -> bool:
    """Whether everything is in sync, as in a summary; stops at the first file that is not.

    Args:
        journal: What is known.
        mapping: Which mapping.
        now_ns: The wall clock, nanoseconds since 1970.
    """
    if journal.mappings.troubles(journal.mappings.get(mapping.name).id):
        return False
    return not any(step.state in NOT_IN_SYNC for _, step in decisions(journal, mapping, now_ns))


def _seconds(since_ns: int, now_ns: int) -> float:
    return round(max(0, now_ns - since_ns) / 1e9, 3)
