"""The frozen types that flow between the rooms. Nothing here does anything.

Paths are relative to a mapping's root, with ``/`` between the parts; bytes that are no
UTF-8 stand in them as surrogates (`os.fsdecode`). Times named ``..._ns`` are nanoseconds
since 1970. A *sequence* is the journal's own counter: it orders what happened without
trusting any clock.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum, StrEnum
from typing import NamedTuple


class EntryKind(IntEnum):
    """What a directory entry is."""

    FILE = 0
    SYMLINK = 1
    SPECIAL = 2
    """A FIFO, a socket or a device."""


class Signature(NamedTuple):
    """Changes whenever a file's content may have changed."""

    size: int
    mtime_ns: int
    ctime_ns: int
    inode: int

    @classmethod
    def unknown(cls, size: int) -> Signature:
        """In the place of the signature of a version of which only the content is known."""
        return cls(size, 0, 0, 0)

    @property
    def is_unknown(self) -> bool:
        """Whether no file has it, so that it vouches for none."""
        return self[1:] == (0, 0, 0)


@dataclass(frozen=True, slots=True)
class SyncedVersion:
    """The bytes last accepted by the server, or found there and equal to ours."""

    signature: Signature
    sha256: bytes
    at_ns: int
    sequence: int
    modified_at: str | None
    """The server's time of this version; None until it is known."""
    listed: bool = True
    """A list has shown it. Before that, a name that is missing was not removed by a person."""
    recheck_at_ns: int | None = None
    """When it is to be hashed again: it was so young when it was read that a later store need not
    show in its signature. None: the signature vouches for it."""


@dataclass(frozen=True, slots=True)
class SentVersion:
    """Bytes whose last part was about to go out: the server may hold them, answer or not."""

    sha256: bytes
    size: int


@dataclass(frozen=True, slots=True)
class RemoteView:
    """What the mirror says of one remote name."""

    listed_sequence: int
    """When the experiment's list was last asked for; 0: never."""
    modified_at: str | None
    """None: the name is not in the list."""


class Finding(IntEnum):
    """What a comparison found under our remote name, where it is not what is here."""

    OTHERS = 0
    """Content that was never ours, as far as the journal remembers."""
    OLDER = 1
    """A version that was sent from here before."""
    BEGINNING = 2
    """The first bytes, one at least, of the file as it is here."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """A comparison of the file as it is here with other content under its remote name."""

    modified_at: str
    """The server's time of the version that was compared."""
    at_ns: int
    finding: Finding = Finding.OTHERS
    size: int = 0
    """Bytes of the remote version; 0 for content of others."""
    sha256: bytes = b""
    """SHA-256 of the remote version; empty for content of others."""


RESENDS_WITHIN_NS = 24 * 3600 * 1_000_000_000
"""A day: within it, versions that are sent again are counted."""


@dataclass(frozen=True, slots=True)
class Resends:
    """How often the same version was sent again because the server did not keep it."""

    count: int
    since_ns: int
    """When the first of them was."""


@dataclass(frozen=True, slots=True)
class Failure:
    """The last attempt on a file failed; forgotten when its signature changes."""

    message: str
    hint: str
    permanent: bool
    count: int
    at_ns: int


@dataclass(frozen=True, slots=True)
class FileRecord:
    """Everything observed of one path."""

    id: int
    mapping: str
    path: str
    kind: EntryKind
    local: Signature | None
    """None: the file is gone."""
    since_ns: int
    """Since when it has been in this state, as far as the file tells."""
    eid: str | None
    """None: no pattern leads this path to an experiment."""
    remote_name: str
    synced: SyncedVersion | None
    sent: SentVersion | None
    remote: RemoteView
    comparison: Comparison | None
    failure: Failure | None
    removed_at_ns: int | None
    """When the mirror first missed a file that had been there."""
    insisted: bool
    """A person asked to send the file as it is: removed on the server, or empty now."""
    may_replace: str | None
    """The server's time of the foreign version that a person allowed to be overwritten."""
    changing_since_ns: int | None = None
    """When it first changed again before the server had it; None: it has not."""
    removing: bool = False
    """The server was asked to remove it while it was gone here: that it is missing may be us."""
    resends: Resends | None = None
    """None: never, as far as it still matters."""


class Problem(NamedTuple):
    """What stands in the way, for a person."""

    message: str
    hint: str
    since_ns: int


@dataclass(frozen=True, slots=True)
class ServerProblem:
    """The server cannot be used now; one probe finds out when it can."""

    message: str
    hint: str
    denied: bool
    """It answers, but refuses the token."""
    since_ns: int
    count: int
    """Failed probes so far."""
    probe_at_ns: int
    ordered: bool = False
    """The server asked to be left alone until then (Retry-After): nothing asks it before."""


class Action(StrEnum):
    """What is asked of the server about one file."""

    SEND = "send"
    COMPARE = "compare"
    REMOVE = "remove"


class Refusal(NamedTuple):
    """The server allows an action for no file of an experiment, or for none at all."""

    message: str
    hint: str
    since_ns: int
    tries: int
    """How often one file has tried it in vain."""
    again_ns: int
    """When one file may try it again."""


class SizeLimit(NamedTuple):
    """How large a file the server takes."""

    bytes: int
    """The largest that may still be accepted."""
    named: bool
    """The server named it; else one byte more was refused."""
    message: str
    hint: str
    again_ns: int
    """When a larger file may try it again: administrators raise limits."""


class Twin(NamedTuple):
    """A file that may be a deleted one under another name, and is not on the server yet."""

    mapping: str
    path: str
    failure: str
    """Why it could not be sent; empty where nothing has failed."""


class OnLocalDelete(StrEnum):
    """What a file's disappearance here means for its remote copy."""

    KEEP = "keep"
    REMOVE = "remove"


class Closed(NamedTuple):
    """A pause, the time of day, or a file system that hangs: nothing may go to the server."""

    reason: str
    since_ns: int
    until_ns: int | None
    """None: until a person ends it, or the file system answers."""
    hint: str


@dataclass(frozen=True, slots=True)
class Policy:
    """What besides the file itself bears on its next step."""

    settle_ns: int
    on_local_delete: OnLocalDelete = OnLocalDelete.KEEP
    removal_barrier: str | None = None
    """Why nothing may be removed from the server now; None: removals are allowed."""
    twin: Twin | None = None
    """Which file has to be on the server before this one, if it is gone, may be removed there."""
    root_problem: Problem | None = None
    """Why what is, or is not, in the mapping's directory may not be believed."""
    place_problem: Problem | None = None
    """Why the file's place cannot be looked at: what is known of the file may be past."""
    experiment_problem: Problem | None = None
    experiment_again_ns: int | None = None
    """When an experiment that cannot be used is looked for again."""
    refusals: Mapping[Action, Refusal] = field(default_factory=dict)
    """What the server allows for no file like this one."""
    size_limit: SizeLimit | None = None
    """How large a file the server takes, if that is known."""
    closed: Closed | None = None
    """Why nothing may go to the server now; None: it may."""
    server_problem: ServerProblem | None = None
    recheck: bool = True
    """Whether young versions are hashed again."""


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
class InSync:
    """Nothing to do."""

    reason: str
    since_ns: int
    state: State = State.IN_SYNC


@dataclass(frozen=True, slots=True)
class Recheck:
    """In sync as far as its signature tells: now hash it again, as it was very young when read."""

    reason: str
    since_ns: int
    state: State = State.IN_SYNC


@dataclass(frozen=True, slots=True)
class Wait:
    """Nothing to do yet."""

    reason: str
    since_ns: int
    until_ns: int | None
    """Look again then; None: when something else has happened."""
    hint: str = ""
    state: State = State.WAITING
    again: bool = False
    """The file waits to be sent again: see `Upload.again`."""


@dataclass(frozen=True, slots=True)
class Upload:
    """Send the file."""

    reason: str
    since_ns: int
    replaces: bool
    """A version is there that may be replaced: it is ours, is the beginning of this one, or a
    person allowed it."""
    state: State = State.PENDING
    again: bool = False
    """The server had this version, or an older one of ours: how often is limited."""


@dataclass(frozen=True, slots=True)
class Compare:
    """Find out whether the remote file has our content."""

    reason: str
    since_ns: int
    state: State = State.PENDING
    background: bool = False
    """Nothing waits to be sent for it: uploads come first."""


@dataclass(frozen=True, slots=True)
class RemoveRemote:
    """Remove the remote copy of a file that was deleted here."""

    reason: str
    since_ns: int
    state: State = State.PENDING


@dataclass(frozen=True, slots=True)
class Hold:
    """Nothing happens until somebody decides or changes something."""

    reason: str
    since_ns: int
    hint: str
    state: State = State.HELD
    next_ns: int | None = None
    """What holds it is no fault of the file's, and is looked into again then; None: it is not."""
    sooner_by_push: bool = True
    """The next push looks into that as well, whatever the time."""
    overwritable: bool = False
    """A person may allow the version on the server to be replaced."""


Decision = InSync | Recheck | Wait | Upload | Compare | RemoveRemote | Hold


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


@dataclass(frozen=True, slots=True)
class Touched:
    """The file's signature changed, its content did not: nothing was sent."""

    signature: Signature
    sha256: bytes


@dataclass(frozen=True, slots=True)
class Adopted:
    """The remote file already had our content: nothing was sent."""

    signature: Signature
    sha256: bytes
    modified_at: str


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
class Removed:
    """The remote copy is gone."""


@dataclass(frozen=True, slots=True)
class MovedOn:
    """The file changed or vanished under us: look at it again."""


@dataclass(frozen=True, slots=True)
class Failed:
    """The attempt failed; `message` and `hint` are for people."""

    message: str
    hint: str
    permanent: bool
    too_large: bool = field(default=False, compare=False)
    """The server does not take so large a file."""
    limit_bytes: int | None = field(default=None, compare=False)
    """Then, the largest that it takes, if it said so."""


Outcome = Uploaded | Touched | Adopted | FoundOurOwn | FoundDifferent | Removed | MovedOn | Failed
