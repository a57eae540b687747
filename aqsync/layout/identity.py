"""The identity of a folder that gets an experiment of its own, and the tag that names it there."""

from __future__ import annotations

import hashlib

_KEY = "new:"
_DIGITS = 16
TAG_PREFIX = "aqsync:"
"""What the tags begin with that aqsync finds its experiments by."""


def folder_identity(label: str, mapping: str, folder: str, number: int = 0) -> str:
    """16 hexadecimal digits, the same for the same folder whatever became of the journal.

    Args:
        label: What names the PC, or the PCs that share their experiments.
        mapping: The mapping's name; empty for a folder that a command uploads.
        folder: Its path when it was first seen, as `os.fsdecode` gives it.
        number: Counts the folders that had the same path one after the other.
    """
    parts = [label, mapping, folder, *([str(number)] if number else [])]
    joined = b"\0".join(part.encode("utf-8", "surrogateescape") for part in parts)
    return hashlib.sha256(joined).hexdigest()[:_DIGITS]


def identity_tag(identity: str) -> str:
    """The tag of the experiment that belongs to a folder."""
    return TAG_PREFIX + identity


def moved_tag(identity: str) -> str:
    """The tag that says that a folder has this identity's path no more, and another one may."""
    return f"{TAG_PREFIX}{identity}:moved"


def key_of(identity: str) -> str:
    """What stands in the place of an EID until, and after, the experiment has one."""
    return _KEY + identity


def is_key(eid: str | None) -> bool:
    """Whether it is such a key and no EID."""
    return eid is not None and eid.startswith(_KEY)


def identity_of(key: str) -> str:
    """The identity that a key holds."""
    return key.removeprefix(_KEY)
