"""What people often mean when their YAML is none: a pattern without quotes, a tab, a backslash."""

from __future__ import annotations

import re

_UNQUOTED = re.compile(r"(?:^|[\s\[,])([*&!%@`][^\s,\]}]+)")
"""A value that begins with a character which YAML keeps for itself."""
_BRACED = re.compile(r":\s+(\{[^\s#]*[}\]][^\s#,]+)")
"""A value that begins with a brace and goes on after it, as ``{eid}_*/**`` does."""
_NO_BLANK = re.compile(r"^\s*(?:- )?[A-Za-z_]+:[^\s:/\\]")
_TWO_COLONS = re.compile(r"^\s*(?:- )?[A-Za-z_]+:\s+[^\s\"'\[{#][^\"'#]*:\s")


def advice(line: str, column: int, before: str) -> str:
    """What to change in a line that the parser stumbled over; empty where nothing is recognized.

    Args:
        line: The line.
        column: Where in it the parser stopped, counted from 0.
        before: The line before it.
    """
    indentation = line[: len(line) - len(line.lstrip())]
    if "\t" in indentation or line[column : column + 1] == "\t":
        return "use spaces, a tab cannot stand here"
    if found := _UNQUOTED.search(line) or _BRACED.search(line):
        return f"put quotes around `{found[1]}`"
    if '"' in line[:column] and line[column : column + 1] == "\\":
        return "in double quotes a backslash has a meaning of its own: use single quotes, or /"
    if _TWO_COLONS.match(line):
        return "put quotes around a text that holds a colon"
    if _NO_BLANK.match(line) or _NO_BLANK.match(before):
        return "put a space after the colon"
    return ""
