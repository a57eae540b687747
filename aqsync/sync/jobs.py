"""A job: one decided step of one file, for a worker."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from uuid import UUID

from aqsync.local.errands import Errand
from aqsync.model import Compare, Databases, FileRecord, RemoveRemote, Upload

Progress = Callable[[int], None]
"""Called with the number of bytes just sent or compared."""


def unwatched(_bytes: int) -> None:
    """A `Progress` that does nothing."""


def ready() -> bool:
    """Of a file that no other comes before."""
    return True


@dataclass(frozen=True, slots=True)
class Job:
    """One decided step of one file."""

    file: FileRecord
    step: Upload | Compare | RemoveRemote
    root: Path
    uuid: UUID
    progress: Progress = unwatched
    errand: Errand = field(default_factory=Errand, compare=False)
    """Ends when no thread works on the file any longer; it may be given up before."""
    databases: Databases = Databases.SNAPSHOT
    """How the mapping's databases are sent."""
    is_ready: Callable[[], bool] = ready
    """Asked before the last bytes leave: whether nothing that must come first has changed."""
