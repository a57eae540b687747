"""What a check finds, and what it looks at."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import NamedTuple

from aqsync.errors import AqsyncError, ConfigError
from aqsync.service.doctor.subject import Subject


class Verdict(StrEnum):
    """How it stands with something."""

    OK = "ok"
    WARNING = "warning"
    """It works, but something needs attention."""
    FAULT = "fault"
    SKIPPED = "skipped"
    """It was not looked at, and the message says why."""


@dataclass(frozen=True, slots=True)
class Result:
    """What one check found about one thing.

    Args:
        verdict: How it stands.
        message: One sentence.
        cure: What to do; empty: what the check always advises, if anything.
    """

    verdict: Verdict
    message: str
    cure: str = ""


def ok(message: str) -> Result:
    """All is well."""
    return Result(Verdict.OK, message)


def skipped(message: str) -> Result:
    """It was not looked at."""
    return Result(Verdict.SKIPPED, message)


def warning(message: str, cure: str = "") -> Result:
    """Something needs attention."""
    return Result(Verdict.WARNING, message, cure)


def fault(message: str, cure: str = "") -> Result:
    """Something is wrong."""
    return Result(Verdict.FAULT, "; ".join(message.splitlines()), cure)


def faults_of(exc: AqsyncError) -> Iterator[Result]:
    """An error as people are told of it; one of the configuration has a line for each problem."""
    problems = exc.message.splitlines() if isinstance(exc, ConfigError) else [exc.message]
    for problem in problems:
        yield fault(problem, exc.hint)


class Check(NamedTuple):
    """Something that is looked at.

    Its code never changes.
    """

    code: str
    looks_at: str
    """For the list of all checks."""
    cure: str
    """What to do about a fault, where the fault itself advises nothing better."""
    look: Callable[[Subject], Iterable[Result]]


@dataclass(frozen=True, slots=True)
class Finding:
    """What came of a check, as it is told."""

    code: str
    verdict: str
    message: str
    cure: str

    @classmethod
    def of(cls, check: Check, result: Result) -> Finding:
        """A result with the check's own code, and its advice where the result has none."""
        ill = result.verdict in {Verdict.FAULT, Verdict.WARNING}
        cure = (result.cure or check.cure) if ill else ""
        return cls(check.code, str(result.verdict), result.message, cure)

    def as_json(self) -> dict[str, str]:
        """For a program."""
        return asdict(self)
