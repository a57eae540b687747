"""What people often mean when their YAML is none: a pattern without quotes, a tab, a backslash."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

_UNQUOTED = re.compile(r"(?:^|[\s\[,])([*&!%@`][^\s,\]}]+)")
"""A value that begins with a character which YAML keeps for itself."""
_BRACED = re.compile(r":\s+(\{[^\s#]*[}\]][^\s#,]+)")
"""A value that begins with a brace and goes on after it, as ``{eid}_*/**`` does."""
_NO_BLANK = re.compile(r"^\s*(?:- )?[A-Za-z_]+:[^\s:/\\]")
_BULLETS = re.compile(r"\s*(?:- +)*")
_GOES_ON = re.compile(r"[:|>,\[{-]\s*(?:#.*)?$")
"""After such an end, the next line may be indented as it likes."""
_ADDRESS = re.compile(r"//|[:@]")
_IN_KEY = re.compile(r"[/:@]")
"""Before what an address may hold, however it is spelt; of a key less is shown."""
_CLOSED_BY = {"{": "}", "[": "]", '"': '"', "'": "'"}
_TWO_COLONS = re.compile(r"^\s*(?:- )?[A-Za-z_]+:\s+[^\s\"'\[{#][^\"'#]*:\s")


def advice(lines: Sequence[str], index: int, column: int) -> str:
    """What to change in a line that the parser stumbled over; empty where nothing is recognized.

    Args:
        lines: The document.
        index: Which line, counted from 0.
        column: Where in it the parser stopped, counted from 0.
    """
    line, before = lines[index], lines[index - 1] if index else ""
    indentation = line[: len(line) - len(line.lstrip())]
    if "\t" in indentation or line[column : column + 1] == "\t":
        return "use spaces, a tab cannot stand here"
    if found := _UNQUOTED.search(line) or _BRACED.search(line):
        return f"put quotes around `{without_address(found[1])}`"
    if '"' in line[:column] and line[column : column + 1] == "\\":
        return "in double quotes a backslash has a meaning of its own: use single quotes, or /"
    if _TWO_COLONS.match(line):
        return "put quotes around a text that holds a colon"
    if is_glued(line) or is_glued(before):
        return "put a space after the colon"
    if _is_misaligned(line, [each for each in lines[:index] if not _says_nothing(each)]):
        return "it must begin below the first letter of the line that it belongs to"
    return ""


def without_address(text: str, *, is_key: bool = False) -> str:
    """A piece of a text, without what may be the secret of an address in it."""
    begin = (_IN_KEY if is_key else _ADDRESS).search(text, 1)
    return text if begin is None else f"{text[: begin.start()]}..."


def is_glued(line: str) -> bool:
    """Whether a blank is missing between a key and its value."""
    return _NO_BLANK.match(line) is not None


def what_is_open(line: str, column: int) -> str:
    """Say that what begins in a line has no end; empty if nothing begins there.

    Args:
        line: The line.
        column: Where in it the parser saw something begin, counted from 0.
    """
    begin = line[column : column + 1]
    if begin not in _CLOSED_BY:
        return ""
    if begin in "{[":
        return f"after the `{begin}`, a comma or its `{_CLOSED_BY[begin]}` is missing"
    return f"the text that begins with `{begin}` has no `{begin}` at its end"


def _is_misaligned(line: str, above: Sequence[str]) -> bool:
    """Whether a line begins at a column that fits none of the lines above it."""
    if _says_nothing(line) or not above:
        return False
    column = len(line) - len(line.lstrip())
    if column > max(_columns(above[-1])):
        return not _GOES_ON.search(above[-1])
    return all(column not in _columns(each) for each in above)


def _says_nothing(line: str) -> bool:
    return line.lstrip()[:1] in {"", "#"}


def _columns(line: str) -> Iterator[int]:
    """Where a line begins: at its bullets, and after them."""
    prefix = _BULLETS.match(line)
    assert prefix is not None  # noqa: S101 - it matches the empty text
    yield from (at for at, letter in enumerate(prefix[0]) if letter == "-")
    yield prefix.end()
