"""The frozen types that flow between the rooms. Nothing here does anything."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple


class EntryKind(StrEnum):
    """What a directory entry is."""

    FILE = "file"
    SYMLINK = "symlink"
    SPECIAL = "special"
    """A FIFO, a socket or a device."""


class Signature(NamedTuple):
    """Changes whenever a file's content may have changed."""

    size: int
    mtime_ns: int
    ctime_ns: int
    inode: int


class Sha256(bytes):
    """A SHA-256 digest, 32 bytes."""


@dataclass(frozen=True, slots=True)
class Target:
    """Where a path goes: an experiment and a flat name in it."""

    eid: str
    name: str
