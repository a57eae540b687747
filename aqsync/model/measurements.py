"""Folders whose files belong together: what is observed of one, and what follows."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from aqsync.model.reasons import Explained, Explanation
from aqsync.model.records import EntryKind


class Needs(StrEnum):
    """How many of the named conditions make a measurement complete."""

    ANY = "any"
    ALL = "all"


class Sending(StrEnum):
    """When the files of a measurement are sent."""

    AS_SETTLED = "as_settled"
    WHEN_COMPLETE = "when_complete"


@dataclass(frozen=True, slots=True)
class Conditions:
    """What makes a measurement complete."""

    settle_ns: int
    """In any case, nothing in it has changed for so long."""
    sentinel: str = ""
    """The patterns of its sentinel, for a person; empty: none is asked for."""
    newer_sibling: bool = False
    quiet_ns: int | None = None
    """None: it need not be quiet for longer than it takes to settle."""
    closed: bool = False
    needs: Needs = Needs.ANY


class Named(NamedTuple):
    """An entry of a folder that has the name of a sentinel."""

    path: str
    kind: EntryKind = EntryKind.FILE

    @property
    def counts(self) -> bool:
        """Whether it is a sentinel: links and the like say nothing."""
        return self.kind in {EntryKind.FILE, EntryKind.SENTINEL}


@dataclass(frozen=True, slots=True)
class MeasurementView:
    """What is observed of a measurement's folder. Paths are relative to the root."""

    folder: str
    changed_ns: int
    """When something in it changed last, as far as known."""
    sentinel: Named | None = None
    """What has the name of a sentinel: one that counts, if any does."""
    followed_by: str | None = None
    """A newer folder beside it."""
    asked_ns: int | None = None
    """When the system was last asked which files are open; None: not since a file came."""
    tells: bool = True
    """Whether it has told."""
    open_file: str | None = None
    """A file of it that was open for writing then."""
    trouble: Explanation | None = None
    """Why not all of it could be looked at."""
    partly: bool = False
    """A look at it has written only a part of what it sees so far."""


@dataclass(frozen=True, slots=True)
class Completeness(Explained):
    """Whether a measurement is complete, and why."""

    complete: bool
    why: Explanation
    since_ns: int
    """When something in it changed last."""
    until_ns: int | None = None
    """When that may be otherwise though nothing changes; None: not before something does."""
    words: str = ""
    """What holds, or what is missing, without the measurement's name."""


class MeasurementState(StrEnum):
    """How a measurement stands, in the words that are printed."""

    ON_SERVER = "complete and on the server"
    ON_ITS_WAY = "complete and on its way"
    BEING_TAKEN = "still being taken"


@dataclass(frozen=True, slots=True)
class Unready(Explained):
    """Why a file is not sent before something else of its measurement has happened."""

    why: Explanation
    since_ns: int
    until_ns: int | None
    """When to decide again; None: after something else has happened."""
    folder: str
    last: bool = False
    """The measurement is complete; the file is sent after others of it."""
