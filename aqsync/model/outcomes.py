"""What came of a job on a file."""

from __future__ import annotations

from dataclasses import dataclass, field

from aqsync.model.reasons import Explained, Explanation
from aqsync.model.records import Beginning, FileRecord, Finding, Freed, Signature


@dataclass(frozen=True, slots=True)
class Uploaded:
    """The server accepted the whole file."""

    signature: Signature
    sha256: bytes
    accepted_between: tuple[float, float] | None
    """Bounds of the new version's time on the server's clock, seconds since 1970, if known."""
    modified_at: str | None = None
    """The new version's exact time, from a server that names it."""
    again: bool = False
    """It was sent because the server had not kept it: see `Upload.again`."""
    unfinished: str | None = None
    """Its format, if that says that its writer has not closed it."""
    bytes: int | None = None
    """See `SyncedVersion.bytes`."""
    damage: str | None = None
    """See `SyncedVersion.damage`."""
    provisional: bool = False
    """The file keeps changing: see `SyncedVersion.provisional`."""
    spent_bytes: int = 0
    """See `Growth.spent_bytes`; this version is counted."""
    content_ns: int | None = None
    """When its content was last modified, where the signature does not tell."""
    took_s: float | None = None
    """Seconds from the first byte to the server's answer."""

    @property
    def size(self) -> int:
        """Bytes that were sent."""
        return self.signature.size if self.bytes is None else self.bytes


@dataclass(frozen=True, slots=True)
class BeginningRead:
    """A file that keeps changing was read or compared, and nothing of it was sent."""

    grows: bool
    """False: bytes that were read before have changed since."""
    beginning: Beginning | None = None
    """The part of it that makes sense by itself; None: there is none, or it was not looked for."""
    format: str | None = None
    """The name of its format, if that is one of which no part makes sense."""


@dataclass(frozen=True, slots=True)
class Touched:
    """The file's signature changed, its content did not: nothing was sent."""

    signature: Signature
    sha256: bytes
    bytes: int | None = None
    """See `SyncedVersion.bytes`."""


@dataclass(frozen=True, slots=True)
class Adopted:
    """The remote file already had our content: nothing was sent."""

    signature: Signature
    sha256: bytes
    modified_at: str
    bytes: int | None = None
    """See `SyncedVersion.bytes`."""
    damage: str | None = None
    """See `SyncedVersion.damage`."""
    content_ns: int | None = None
    """As for `Uploaded`."""
    claimed: bool = False
    """See `SyncedVersion.claimed`."""
    unfinished: str | None = None
    """Its format, if that says that its writer has not closed it."""

    @property
    def size(self) -> int:
        """Bytes on the server."""
        return self.signature.size if self.bytes is None else self.bytes


@dataclass(frozen=True, slots=True)
class FoundOurOwn:
    """The remote file is an earlier version of ours."""

    size: int
    sha256: bytes
    modified_at: str


@dataclass(frozen=True, slots=True)
class FoundDifferent:
    """The remote file has other content than the file here, and it is no version just sent."""

    modified_at: str
    finding: Finding = Finding.OTHERS
    size: int = 0
    """Bytes of the remote version; 0 for content of others."""
    sha256: bytes = b""
    """SHA-256 of the remote version; empty for content of others."""


@dataclass(frozen=True, slots=True)
class FoundFreed:
    """The copy on the server is the only one, as a manifest says, or stands there anew."""

    freed: Freed


@dataclass(frozen=True, slots=True)
class Removed:
    """The remote copy is gone."""


@dataclass(frozen=True, slots=True)
class ChangedMeanwhile:
    """What was decided by is no longer so, as the next look or list shows: look again.

    What neither can show must be another outcome, else the same is decided again for ever.
    """


@dataclass(frozen=True, slots=True)
class BeingWritten:
    """The file's own format says that its writer has not closed it: nothing was sent."""

    format: str


@dataclass(frozen=True, slots=True)
class Failed(Explained):
    """The attempt failed."""

    why: Explanation
    permanent: bool
    too_large: bool = field(default=False, compare=False)
    """The server does not take so large a file."""
    limit_bytes: int | None = field(default=None, compare=False)
    """With `too_large`: the largest file that the server takes, in bytes, if it said so."""
    sent_bytes: int | None = field(default=None, compare=False)
    """With `too_large`: how many were to be sent, if the file as it is has not as many."""
    asked_to_wait: bool = field(default=False, compare=False)
    """The server asked for a pause of all requests: that is no attempt on this file."""


def has_moved_on(file: FileRecord, outcome: Outcome) -> bool:
    """Whether the file has changed since it was decided on, as the job itself has seen.

    Args:
        file: As it was decided on.
        outcome: What came of the job.
    """
    match outcome:
        case Uploaded(provisional=True):
            return False
        case Uploaded() | Touched() | Adopted():
            return outcome.signature != file.local
        case _:
            return False


Outcome = (
    Uploaded
    | BeginningRead
    | Touched
    | Adopted
    | FoundOurOwn
    | FoundDifferent
    | FoundFreed
    | Removed
    | ChangedMeanwhile
    | BeingWritten
    | Failed
)
