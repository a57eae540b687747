"""Patterns as PostgreSQL's ILIKE has them: pure functions.

``%`` stands for any text, ``_`` for any character, and a backslash before a character for that
character itself.
"""

from __future__ import annotations

import re
from functools import lru_cache

_ANY_TEXT = "%"
_ESCAPED = re.compile(r"([\\%_])")
_PIECES = re.compile(r"\\.|\\$|.", re.DOTALL)


def literally(text: str) -> str:
    """Return the pattern that fits a text itself, whatever characters it has."""
    return _ESCAPED.sub(r"\\\1", text)


def fits(pattern: str, text: str) -> bool:
    """Tell whether a whole text fits a pattern, in any case.

    It takes no longer than the lengths of the two multiplied: what lies between two ``%`` has one
    length, so the first place where it fits is as good as any other.
    """
    first, *others = _parts(pattern)
    text = text.lower()
    found = first.match(text)
    if not others:
        return found is not None and found.end() == len(text)
    *between, last = others
    for part in between:
        if found is None:
            return False
        found = part.search(text, found.end())
    return found is not None and last.search(text, found.end()) is not None


@lru_cache(maxsize=64)
def _parts(pattern: str) -> list[re.Pattern[str]]:
    """The parts of a pattern between its ``%``; the last of several ends the text."""
    parts = [""]
    for piece in _PIECES.findall(pattern.lower()):
        if piece == _ANY_TEXT:
            parts.append("")
        else:
            parts[-1] += "." if piece == "_" else re.escape(piece[-1])
    if len(parts) > 1:
        parts[-1] += r"\Z"
    return [re.compile(part, re.DOTALL) for part in parts]
