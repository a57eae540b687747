"""What is to be done about a file next, and why."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from aqsync.model.reasons import Explained, Explanation


class State(StrEnum):
    """A file's state, in the words that status and push print."""

    IN_SYNC = "in sync"
    PROVISIONAL = "provisional"
    """It keeps changing, and a version of it that makes sense by itself is on the server."""
    DIFFERS = "differs on the server"
    """It has not changed here since its upload, and other content is under its name there."""
    FREED = "freed"
    """A person removed it here, and the copy on the server is the only one."""
    FREED_LOST = "freed, and lost on the server"
    """A person removed it here, and the copy on the server is gone or replaced."""
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
    """In sync by its signature, but it was very young when it was read: hash it again now."""

    state: State = State.IN_SYNC


@dataclass(frozen=True, slots=True)
class Wait(_Step):
    """Nothing to do yet."""

    until_ns: int | None
    """When to decide again; None: after something else has happened."""
    state: State = State.WAITING
    again: bool = False
    """The file waits to be sent again: see `Upload.again`."""
    folder: str | None = None
    """The folder of the measurement that it waits for. What happens there ends the wait, so the
    file itself is not looked at meanwhile."""
    last: bool = False
    """Its measurement is complete, and it is sent after others of it."""
    goes_ns: int | None = None
    """When a version of it goes at the soonest although it keeps changing; None: none does."""


@dataclass(frozen=True, slots=True)
class Upload(_Step):
    """Send the file."""

    replaces: bool
    """A version is there that may be replaced: it is ours, is the beginning of this one, or a
    person allowed it."""
    state: State = State.PENDING
    again: bool = False
    """The server lost this version or has an older one of ours; such uploads are limited a day."""
    unfinished: bool = False
    """Even if its own format says that its writer has not closed it."""
    provisional: bool = False
    """It keeps changing: send the part of it that makes sense by itself."""
    least: int = 0
    """With `provisional`: bytes that this part must have at least."""
    spent: int = 0
    """Bytes of earlier versions that count against the budget of what is sent of this file."""
    rested: bool = False
    """It has stood still for so long that neither they nor this version count any longer."""
    makes: bool = False
    """Its experiment, which makes itself, is made before. Then it is decided on again."""


@dataclass(frozen=True, slots=True)
class Compare(_Step):
    """Find out whether the remote file has our content."""

    state: State = State.PENDING
    background: bool = False
    """No upload depends on the result, so uploads come first."""
    while_growing: bool = False
    """The file keeps changing: find out only whether what is there was sent just before."""


@dataclass(frozen=True, slots=True)
class RemoveRemote(_Step):
    """Remove the remote copy of a file that was deleted here."""

    state: State = State.PENDING


@dataclass(frozen=True, slots=True)
class Hold(_Step):
    """Nothing happens until somebody decides or changes something."""

    state: State = State.HELD
    next_ns: int | None = None
    """When the cause is checked again, if it is not the file's own; None: it is not checked."""
    sooner_by_push: bool = True
    """The next push checks the cause too, even before `next_ns`."""
    overwritable: bool = False
    """A person may allow the version on the server to be replaced."""


Decision = InSync | Recheck | Wait | Upload | Compare | RemoveRemote | Hold
