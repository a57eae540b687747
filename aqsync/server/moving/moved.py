"""What is moved: experiments with their files and tasks."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from uuid import UUID

from aqsync.server.catalog.catalog import Experiment
from aqsync.server.catalog.task_records import Task

MOST_NAMED = 50
"""Things of one kind that are named; of more, the first."""


@dataclass(frozen=True, slots=True)
class MovedTask:
    """A task with what its script wrote.

    Args:
        task: The task.
        out: What it wrote to stdout.
        err: What it wrote to stderr.
    """

    task: Task
    out: str | None
    err: str | None


@dataclass(frozen=True, slots=True)
class Whole:
    """An experiment with its tasks.

    Args:
        experiment: The experiment.
        tasks: Its tasks, in any order.
    """

    experiment: Experiment
    tasks: tuple[MovedTask, ...] = ()


@dataclass(frozen=True, slots=True)
class ComingFile:
    """A file that is to be brought, and its bytes.

    Args:
        uuid: The experiment that it belongs to.
        name: Its name.
        modified_at: When it was uploaded, in microseconds since 1970.
        size: How many bytes it has; None if that is not known.
        chunks: Its bytes, once.
        sha256: What the source says of them; None if it says nothing.
    """

    uuid: UUID
    name: str
    modified_at: int
    size: int | None
    chunks: Iterator[bytes]
    sha256: bytes | None = None


@dataclass(slots=True, kw_only=True)
class Refusals:
    """What of a source cannot be brought.

    Args:
        refused: A sentence for each thing, as far as they are named.
        refused_count: How many things there are.
    """

    refused: list[str] = field(default_factory=list)
    refused_count: int = 0

    def refuse(self, sentence: str) -> None:
        """Note what cannot be brought."""
        self.refused_count += 1
        if len(self.refused) < MOST_NAMED:
            self.refused.append(sentence)


class MoveRefused(Exception):
    """Nothing is moved, for a reason that a person can remove.

    Args:
        message: What is the matter, without a final full stop.
        hint: What to do about it; empty if there is nothing to advise.
        details: A line for each thing that is in the way.
    """

    def __init__(self, message: str, hint: str = "", details: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.details = details
