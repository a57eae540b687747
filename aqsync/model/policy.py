"""What bears on a file's next step besides the file itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple

from aqsync.model.measurements import Unready
from aqsync.model.reasons import Explained, Explanation
from aqsync.model.records import SECOND_NS


@dataclass(frozen=True, slots=True)
class Problem(Explained):
    """What stands in the way."""

    why: Explanation
    since_ns: int


@dataclass(frozen=True, slots=True)
class ServerProblem(Explained):
    """The server cannot be used now; one probe finds out when it can."""

    why: Explanation
    denied: bool
    """It answers, but refuses the token."""
    since_ns: int
    count: int
    """Failed probes so far."""
    probe_at_ns: int
    ordered: bool = False
    """The server asked for the pause until `probe_at_ns` (Retry-After): nothing is sent before."""


class Action(StrEnum):
    """What is asked of the server about one file."""

    SEND = "send"
    COMPARE = "compare"
    REMOVE = "remove"


@dataclass(frozen=True, slots=True)
class Refusal(Explained):
    """The server allows an action for no file of an experiment, or for none at all."""

    why: Explanation
    since_ns: int
    tries: int
    """How many files have tried it without success."""
    again_ns: int
    """When one file may try it again."""


@dataclass(frozen=True, slots=True)
class SizeLimit(Explained):
    """How large a file the server takes."""

    bytes: int
    """The largest that may still be accepted."""
    named: bool
    """True: the server named the limit. False: a file of one byte more was refused."""
    why: Explanation
    """The last refusal."""
    again_ns: int
    """When a larger file may try it again: administrators raise limits."""


class Twin(NamedTuple):
    """A file that may be a deleted one under another name, and is not on the server yet."""

    mapping: str
    path: str
    failure: str
    """Why it could not be sent; empty where nothing has failed."""


class Databases(StrEnum):
    """How SQLite databases are sent."""

    SNAPSHOT = "snapshot"
    """As consistent copies that hold what is in their logs."""
    FILE = "file"
    """As any other file, and so are their logs."""
    IGNORE = "ignore"
    """Not at all."""


@dataclass(frozen=True, slots=True)
class Growing:
    """How often versions of a file may go that keeps changing."""

    every_ns: int
    """The shortest time from one version to the next."""
    budget: float
    """How many times the size of the newest version all of them together may cost."""
    provisional: bool
    """Versions go while it keeps changing. Otherwise only a large file that has settled again and
    again waits for the budget."""


class OnLocalDelete(StrEnum):
    """What a file's disappearance here means for its remote copy."""

    KEEP = "keep"
    REMOVE = "remove"


@dataclass(frozen=True, slots=True)
class TransfersBlocked(Explained):
    """A pause, the time of day, or a file system that hangs: nothing may go to the server."""

    why: Explanation
    since_ns: int
    until_ns: int | None
    """None: until a person ends it, or the file system answers."""


@dataclass(frozen=True, slots=True)
class Policy:
    """What besides the file itself bears on its next step."""

    settle_ns: int
    on_local_delete: OnLocalDelete = OnLocalDelete.KEEP
    removal_barrier: Explanation | None = None
    """Why nothing may be removed from the server now; None: removals are allowed."""
    twin: Twin | None = None
    """A file that must be on the server before the copy of this deleted file may be removed."""
    root_problem: Problem | None = None
    """Why the content of the mapping's directory cannot be trusted."""
    place_problem: Problem | None = None
    """Why the file's directory cannot be read: what is known of the file may be out of date."""
    experiment_problem: Problem | None = None
    experiment_again_ns: int | None = None
    """When an experiment that cannot be used is looked for again."""
    refusals: Mapping[Action, Refusal] = field(default_factory=dict)
    """What the server allows for no file like this one."""
    size_limit: SizeLimit | None = None
    """How large a file the server takes, if that is known."""
    blocked: TransfersBlocked | None = None
    """Why nothing may go to the server now; None: it may."""
    server_problem: ServerProblem | None = None
    give_up_ns: int = 3600 * SECOND_NS
    """A file that its writer has not closed is sent once it has not changed for so long."""
    recheck: bool = True
    """Whether young versions are hashed again."""
    unready: Unready | None = None
    """What of the file's measurement must happen before the file is sent; None: nothing."""
    databases: Databases = Databases.SNAPSHOT
    """How databases are sent."""
    growing: Growing | None = None
    """None: the file is sent when it has settled, and only then."""
