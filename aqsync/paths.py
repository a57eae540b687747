"""Paths as people type them, and paths relative to a root, with ``/`` between the parts."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator
from pathlib import Path

from aqsync.errors import ConfigError


def absolute(path: Path) -> Path:
    """A path as it is written, from the root of the file system on; links stay as they are.

    Raises:
        ConfigError: It is relative, and the working directory no longer exists.
    """
    try:
        return Path(os.path.abspath(path))  # noqa: PTH100 - resolve() would follow links
    except FileNotFoundError as exc:
        raise ConfigError(
            f"{path} leads nowhere: the working directory no longer exists",
            hint="change into another directory, or name the whole path",
        ) from exc


def parents(path: str) -> Iterator[str]:
    """The directories above a path, the nearest last; the root itself is left out."""
    end = path.find("/")
    while end >= 0:
        yield path[:end]
        end = path.find("/", end + 1)


def lies_within(path: str, places: Collection[str]) -> bool:
    """Whether a path is one of some places, or lies below one; the root does not count."""
    return path in places or any(parent in places for parent in parents(path))


def is_chosen(path: str, within: Collection[str]) -> bool:
    """Whether a path is chosen by some: none, or an empty one, choose everything."""
    return not within or "" in within or lies_within(path, within)


def bears_on(place: str, within: Collection[str]) -> bool:
    """Whether what is wrong at a place concerns what is chosen: it lies there, below or above."""
    return is_chosen(place, within) or not place or any(lies_within(p, {place}) for p in within)


def nearest(path: str, places: Collection[str]) -> str | None:
    """The innermost of some places that a path is, or lies below; the root does not count."""
    return next((p for p in (path, *reversed([*parents(path)])) if p in places), None)
