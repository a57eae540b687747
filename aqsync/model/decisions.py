"""What is to be done about a file next, and why."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from aqsync.model.reasons import Explained, Explanation


class State(StrEnum):
    """A file's state, in the words that status and push print."""

    IN_SYNC = "in sync"
    DIFFERS = "differs on the server"
    """It has not changed here since its upload, and other content is under its name there."""
    PENDING = "pending"
    WAITING = "waiting"
    HELD = "held"
    FAILED = "failed"
    UNMAPPED = "unmapped"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class _Step(Explained):
    """What every decision says: why, and since when that has been so."""

    why: Explanation
    since_ns: int


@dataclass(frozen=True, slots=True)
class InSync(_Step):
    """Nothing to do."""

    state: State = State.IN_SYNC


@dataclass(frozen=True, slots=True)
class Recheck(_Step):
    """In sync as far as its signature tells: now hash it again, as it was very young when read."""

    state: State = State.IN_SYNC


@dataclass(frozen=True, slots=True)
class Wait(_Step):
    """Nothing to do yet."""

    until_ns: int | None
    """Look again then; None: when something else has happened."""
    state: State = State.WAITING
    again: bool = False
    """The file waits to be sent again: see `Upload.again`."""


@dataclass(frozen=True, slots=True)
class Upload(_Step):
    """Send the file."""

    replaces: bool
    """A version is there that may be replaced: it is ours, is the beginning of this one, or a
    person allowed it."""
    state: State = State.PENDING
    again: bool = False
    """The server had this version, or an older one of ours: how often is limited."""


@dataclass(frozen=True, slots=True)
class Compare(_Step):
    """Find out whether the remote file has our content."""

    state: State = State.PENDING
    background: bool = False
    """Nothing waits to be sent for it: uploads come first."""


@dataclass(frozen=True, slots=True)
class RemoveRemote(_Step):
    """Remove the remote copy of a file that was deleted here."""

    state: State = State.PENDING


@dataclass(frozen=True, slots=True)
class Hold(_Step):
    """Nothing happens until somebody decides or changes something."""

    state: State = State.HELD
    next_ns: int | None = None
    """What holds it is no fault of the file's, and is looked into again then; None: it is not."""
    sooner_by_push: bool = True
    """The next push looks into that as well, whatever the time."""
    overwritable: bool = False
    """A person may allow the version on the server to be replaced."""


Decision = InSync | Recheck | Wait | Upload | Compare | RemoveRemote | Hold
