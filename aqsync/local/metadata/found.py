"""What reading metadata comes to."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple


class Values(NamedTuple):
    """What a folder tells; texts as they stand there, at most `LONGEST_TEXT` characters each."""

    title: str | None
    description: str | None
    tags: Mapping[str, tuple[str, ...]]
    """By name, the values."""
    missing: tuple[str, ...] = ()
    """The paths that lead to nothing, or to something that is no text."""
    seen: str = ""
    """How the file stood when it was read; empty: it was no file."""


class NotThereYet(NamedTuple):
    """The file is not there, or stands as it did when it was read before."""

    name: str
    """As the configuration has it."""


class Failed(NamedTuple):
    """Nothing can be read: this costs the metadata alone."""

    why: str
    """For a person, with the file's name."""
    seen: str = ""
    """How the file stood, if it was looked at."""


Found = Values | NotThereYet | Failed

LONGEST_TEXT = 10_000
MOST_VALUES = 100
"""Of one path."""
