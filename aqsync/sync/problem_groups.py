"""Problems put together: thousands of files with one reason are one line."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from aqsync.model import State
from aqsync.sync.summary import FileProblem

_FEW = 3
"""Up to this many files with one reason are listed one by one."""


class Order(StrEnum):
    """By what problems are sorted."""

    AGE = "age"
    SIZE = "size"
    PATH = "path"
    STATE = "state"


_KEYS: dict[Order, Callable[[FileProblem], Any]] = {
    Order.AGE: lambda problem: -(problem.file_age_seconds or problem.age_seconds or 0.0),
    Order.SIZE: lambda problem: -(problem.size or 0),
    Order.PATH: lambda problem: problem.path,
    Order.STATE: lambda problem: list(State).index(problem.state),
}


@dataclass(frozen=True, slots=True)
class Group:
    """Problems with the same state and reason, at least one."""

    problems: Sequence[FileProblem]

    @property
    def first(self) -> FileProblem:
        """The one that stands for all."""
        return self.problems[0]

    @property
    def files(self) -> int:
        """How many files it concerns."""
        return sum(0 if p.actions else p.files or 1 for p in self.problems)

    @property
    def actions(self) -> int:
        """How many actions on measurements it concerns; then it concerns no file."""
        return sum(problem.actions for problem in self.problems)

    @property
    def size(self) -> int:
        """All its files together, in bytes."""
        return sum(problem.size or 0 for problem in self.problems)

    @property
    def place(self) -> str:
        """The nearest directory above all of them; of a single problem, its path."""
        if len(self.problems) == 1:
            return self.first.path
        return os.path.commonpath([os.path.dirname(p.path) for p in self.problems])  # noqa: PTH120 - of thousands

    @property
    def is_the_same(self) -> bool:
        """Whether all of them are told in the same words."""
        return all(problem.text == self.first.text for problem in self.problems)

    def to_dict(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "state": self.first.state.value,
            "code": self.first.why.reason.value,
            "reason": self.first.text,
            "hint": self.first.why.hint,
            "files": self.files,
            "actions": self.actions,
            "bytes": self.size,
            "below": self.place,
        }


def ordered(problems: Iterable[FileProblem], order: Order | None) -> list[FileProblem]:
    """Sort problems: the longest-standing, largest or first by name first; None: as they come."""
    return list(problems) if order is None else sorted(problems, key=_KEYS[order])


def grouped(problems: Iterable[FileProblem]) -> list[Group]:
    """Put together what has the same state and reason, in the order of the first of each."""
    found: dict[tuple[object, ...], list[FileProblem]] = {}
    for number, problem in enumerate(problems):
        alone = problem.files is not None or not problem.path.startswith("/")
        key = (number,) if alone else (problem.state, problem.why.reason)
        found.setdefault(key, []).append(problem)
    return [
        group
        for some in found.values()
        for group in ([Group(some)] if len(some) > _FEW else [Group([each]) for each in some])
    ]
