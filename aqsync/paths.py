"""Paths relative to a root, with ``/`` between the parts."""

from __future__ import annotations

from collections.abc import Collection, Iterator


def parents(path: str) -> Iterator[str]:
    """The directories above a path, the nearest last; the root itself is left out."""
    end = path.find("/")
    while end >= 0:
        yield path[:end]
        end = path.find("/", end + 1)


def nearest(path: str, places: Collection[str]) -> str | None:
    """The innermost of some places that a path is, or lies below; the root is none of them."""
    return next((p for p in (path, *reversed([*parents(path)])) if p in places), None)
