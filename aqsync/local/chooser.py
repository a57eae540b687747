"""Which paths a list of patterns takes."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache

from aqsync.config import patterns


class Chooser:
    """A list of gitignore-style patterns, compiled. Safe to share between threads.

    The last pattern that matches a path, or a directory above it, decides; ``!`` takes back.

    Args:
        listed: The patterns.
    """

    def __init__(self, listed: Iterable[str]) -> None:
        self._each = tuple(filter(None, map(patterns.inside_regex, listed)))
        self._any = alternatives(regex.pattern for regex, takes in self._each if takes)
        self._takes_back = any(not takes for _, takes in self._each)

    def __bool__(self) -> bool:
        """Whether there are any patterns."""
        return bool(self._each)

    def takes(self, path: str) -> bool:
        """Whether the patterns take a file."""
        if self._any is None or self._any.search(path) is None:
            return False
        if not self._takes_back:
            return True
        return next(takes for regex, takes in reversed(self._each) if regex.search(path))


chooser = lru_cache(32)(Chooser)
"""Makes a `Chooser` of a tuple of patterns, once."""


def alternatives(regexes: Iterable[str]) -> re.Pattern[str] | None:
    """One expression that matches what any of them does; None where there are none."""
    joined = "|".join(f"(?:{regex})" for regex in regexes)
    return patterns.compile_regex(joined) if joined else None
