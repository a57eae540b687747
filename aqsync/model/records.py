"""What is observed of a file, here and on the server.

Paths are relative to a mapping's root, with ``/`` between the parts; bytes that are no
UTF-8 stand in them as surrogates (`os.fsdecode`). Times named ``..._ns`` are nanoseconds
since 1970. A *sequence* is the journal's own counter: it orders what happened without
trusting any clock.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import NamedTuple

from aqsync.model.reasons import Explained, Explanation

SECOND_NS = 1_000_000_000
"""Nanoseconds in a second."""


class EntryKind(IntEnum):
    """What a directory entry is."""

    FILE = 0
    SYMLINK = 1
    SPECIAL = 2
    """A FIFO, a socket or a device."""
    OTHERS = 3
    """A file of a user whom the mapping's ``require_owner`` does not name."""
    DATABASE_PART = 4
    """The log or the index of a database: what it holds is sent with the database."""
    SENTINEL = 5
    """A file that says that its measurement is complete, and that the rules leave out."""


class Signature(NamedTuple):
    """Changes whenever a file's content may have changed."""

    size: int
    mtime_ns: int
    ctime_ns: int
    inode: int
    log: int = 0
    """Of a database: changes whenever its log or journal does; 0: neither holds anything."""

    @classmethod
    def unknown(cls, size: int) -> Signature:
        """A placeholder for a version whose content is known and whose signature is not."""
        return cls(size, 0, 0, 0)

    @property
    def own(self) -> tuple[int, int, int, int]:
        """What the file itself shows of it."""
        return self[:4]

    @property
    def is_unknown(self) -> bool:
        """Whether it is that placeholder, which no file has."""
        return self[1:] == (0, 0, 0, 0)


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
    """A list has shown it. If its name is missing before that, no person has removed it."""
    recheck_at_ns: int | None = None
    """When it is hashed again. It was so young when it was read that a later write through mmap may
    not change its signature. None: the signature proves the content."""
    unfinished: str | None = None
    """Its format, if that said when it was sent that its writer had not closed it."""
    bytes: int | None = None
    """How many there are on the server, where these are not as many as the signature says: of a
    database, its log is written into what is sent."""
    damage: str | None = None
    """Of a database: what SQLite says is wrong in it; None: nothing."""
    provisional: bool = False
    """It was sent while the file kept changing, and is what the file was at one moment. Its
    signature is unknown, so it is never in sync."""
    claimed: bool = False
    """It was not read: a manifest says that the listed version has this content. So it may be in
    sync, and is replaced or removed only after a comparison."""

    @property
    def size(self) -> int:
        """Bytes on the server."""
        return self.signature.size if self.bytes is None else self.bytes


class Freed(NamedTuple):
    """A person removed a file here to free space: the copy on the server is the only one."""

    at_ns: int
    sha256: bytes
    size: int
    """Bytes."""
    modified_at: str
    """The server's time of the copy."""


@dataclass(frozen=True, slots=True)
class SentVersion:
    """Content whose last bytes were about to be sent: the server may have it, answer or not."""

    sha256: bytes
    size: int
    provisional: bool = False


class Beginning(NamedTuple):
    """The first bytes of a file, as they once were."""

    size: int
    sha256: bytes


@dataclass(frozen=True, slots=True)
class Growth:
    """What was seen of a file besides its present state, while it keeps changing."""

    only: bool = True
    """It has only grown since `FileRecord.changing_since_ns`, by its sizes and by what was read."""
    begun: Beginning | None = None
    """How it began when it was last read without being sent; None: that is unknown."""
    tried_at_ns: int | None = None
    """When it was last read or sent in vain; None: not since the version on the server."""
    spent_bytes: int = 0
    """Bytes of the versions that the server accepted since the last one that had stood still."""


@dataclass(frozen=True, slots=True)
class RemoteView:
    """What the mirror says of one remote name."""

    listed_sequence: int
    """When the experiment's list was last asked for; 0: never."""
    modified_at: str | None
    """None: the name is not in the list."""
    unmade: bool = False
    """The experiment makes itself when its first file is sent, and has not been made."""
    asked_at_ns: int | None = None
    """When the server was asked to make it, if it has not answered."""
    shown_eid: str | None = None
    """The EID of an experiment that made itself."""


class Finding(IntEnum):
    """What a comparison found under our remote name, if it is not the content that is here."""

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


RESENDS_WITHIN_NS = 24 * 3600 * SECOND_NS
"""A day: within it, versions that are sent again are counted."""


@dataclass(frozen=True, slots=True)
class Resends:
    """How often the same version was sent again because the server did not keep it."""

    count: int
    since_ns: int
    """When the first of them was."""


@dataclass(frozen=True, slots=True)
class Failure(Explained):
    """The last attempt on a file failed; forgotten when its signature changes."""

    why: Explanation
    permanent: bool
    count: int
    at_ns: int


@dataclass(frozen=True, slots=True)
class Unfinished:
    """The file's own format said that its writer had not closed it; as long-lived as a failure."""

    format: str
    at_ns: int
    """When it was last looked into."""


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
    """Since when it has been in this state, by its own times."""
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
    forced: bool
    """A person asked to send the file as it is: removed on the server, or empty now."""
    may_replace: str | None
    """The server's time of the foreign version that a person allowed to be overwritten."""
    changing_since_ns: int | None = None
    """When it first changed again before the server had it; None: it has not."""
    removing: bool = False
    """We asked the server to remove it while it was gone here, so we may be why it is missing."""
    resends: Resends | None = None
    """None: never, or so long ago that it no longer counts."""
    is_database: bool = False
    """It was seen to be a SQLite database."""
    log_bytes: int = 0
    """Of a database: bytes of its log. So much more than the file, at most, a snapshot may have."""
    unfinished: Unfinished | None = None
    """None: as far as is known, it is not."""
    as_it_is: bool = False
    """A person asked to send it even if its writer has not closed it."""
    growth: Growth = Growth()
    is_whole_or_nothing: bool = False
    """Its own format, which is known, says whether it is finished; a part of it makes no sense."""
    freed: Freed | None = None
    """What a person freed under its name on the server, through this mapping or any other."""

    @property
    def eid_shown(self) -> str | None:
        """The EID as people know it; None: there is no experiment, or it is not made yet."""
        return self.remote.shown_eid if self.remote.shown_eid or self.remote.unmade else self.eid

    @property
    def is_as_sent(self) -> bool:
        """Whether it is here, and has the signature of the synced version."""
        return self.synced is not None and self.synced.signature == self.local

    @property
    def size(self) -> int:
        """Bytes; 0 for one that is gone."""
        return 0 if self.local is None else self.local.size
