"""pathspec's expressions, rewritten so that no name can make them search for long.

An expression such as ``[^/]*a[^/]*a[^/]*b`` tries every way to share a name out among its
wildcards, which takes for ever on a name of many letters a. It is enough to look for each fixed
text once, as near to the one before it as possible: if the rest then fits nowhere, it would fit
nowhere after a later place either. Atomic groups say so, as in `fnmatch` of the standard library.

Names in braces take the text that they took before: where a greedy wildcard stands before one, the
text after it is looked for from the end, and must leave room for the rest of its part.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

MOST_CHOICES = 3
"""Wildcards of a pattern that may try each place anew, which a repeated name needs."""

_DEEP, _DEEP_INSIDE = "(?:.+/)?", "(?:/.+)?/"
_PIECE = re.compile(
    r"\(\?:\.\+/\)\?|\(\?:/\.\+\)\?/|\(\?:/\|\\Z\)"  # what pathspec makes of **, and an end
    r"|\[\^/\][*+]?"  # ?, * and a part that is only *
    r"|\[\^?\]?[^\]]*\]|\\.|.",  # a bracket, an escaped character, any other
    re.DOTALL,
)
_WILD = ("[^/]*", "[^/]+")
_NAMED = re.compile(r"\(\?P<\w+>\[\^/\]\+\?\)")


class _Part(NamedTuple):
    """One part of a path, between two slashes."""

    head: str
    runs: tuple[tuple[str, str], ...]
    """Each wildcard, with the fixed text after it."""

    @property
    def named(self) -> bool:
        return any(_NAMED.fullmatch(wild) for wild, _ in self.runs)

    def without_names(self) -> _Part:
        return _Part(self.head, tuple((_NAMED.sub("[^/]+", wild), f) for wild, f in self.runs))


_Block = tuple[_Part, ...]
"""Parts that follow each other; between two blocks stands ``**``."""


def linear(regex: str, groups: Mapping[str, str]) -> str:
    """Rewrite what pathspec made of a pattern.

    Args:
        regex: That.
        groups: By a character that stands for it in the pattern, a group: of a name, or of fixed
            form.

    Raises:
        ValueError: A name is repeated in a pattern with too many wildcards.
    """
    pieces = [groups.get(piece, _in_one_part(piece)) for piece in _PIECE.findall(regex)]
    plain = "".join(pieces)
    if pieces[0] != "^":
        return plain  # a plain "/" or "."
    deep = pieces[1] == _DEEP
    blocks = _blocks(pieces[1 + deep : -1])
    choices = deep + len(blocks) - 1
    choices += sum(max(0, len(part.runs) - 1) for block in blocks for part in block)
    if any(group.startswith("(?P=") for group in groups.values()):
        if choices > MOST_CHOICES:
            raise ValueError(
                f"a name stands in it twice, and it has more than {MOST_CHOICES} wildcards or"
                " names that may end in several places"
            )
        return plain
    return plain if choices <= 1 else "^" + _rewritten(blocks, pieces[-1], deep=deep)


def _in_one_part(piece: str) -> str:
    """A bracket such as ``[!a]`` stands for a character of a name, so for no slash."""
    is_bracket = piece.startswith("[") and len(piece) > 1 and not piece.startswith("[^/]")
    return f"(?!/){piece}" if is_bracket else piece


def _blocks(pieces: Sequence[str]) -> list[_Block]:
    blocks: list[list[list[str]]] = [[[]]]
    for piece in pieces:
        if piece == _DEEP_INSIDE:
            blocks.append([[]])
        elif piece == "/":
            blocks[-1].append([])
        else:
            blocks[-1][-1].append(piece)
    return [tuple(map(_part, block)) for block in blocks]


def _part(pieces: Sequence[str]) -> _Part:
    head = ""
    runs: list[tuple[str, str]] = []
    for piece in pieces:
        if piece in _WILD or _NAMED.fullmatch(piece):
            runs.append((piece, ""))
        elif runs:
            runs[-1] = (runs[-1][0], runs[-1][1] + piece)
        else:
            head += piece
    return _Part(head, tuple(runs))


def _rewritten(blocks: Sequence[_Block], end: str, *, deep: bool) -> str:
    """An expression for a path that begins with these blocks."""
    block, *rest = blocks
    after = "/" if rest else end
    *above, last = block
    text = "/".join([*(_of_part(part, "/") for part in above), _of_part(last, after)]) + after
    if not rest:
        return (_DEEP if deep else "") + text
    if not deep:
        return text + _rewritten(rest, end, deep=True)
    if any(part.named for each in blocks for part in each):
        nameless = [tuple(part.without_names() for part in each) for each in rest]
        text = f"(?>(?:[^/]+/)*{text}(?={_rewritten(nameless, end, deep=True)}))"
    else:
        text = f"(?>(?:[^/]+/)*?{text})"
    return text + _rewritten(rest, end, deep=True)


def _of_part(part: _Part, end: str) -> str:
    text = [part.head]
    names = [index for index, (wild, _) in enumerate(part.runs) if _NAMED.fullmatch(wild)]
    last_name = names[-1] if names else -1
    for index, (wild, fixed) in enumerate(part.runs):
        if index == len(part.runs) - 1:
            text.append(wild + fixed)  # it ends where the part ends
        elif index in names:
            text.append(f"(?>{wild}{fixed})")
        elif index < last_name:
            rest = _Part("", part.runs[index + 1 :]).without_names()
            text.append(f"(?>{wild}{fixed}(?={_of_part(rest, end)}{end}))")
        else:
            text.append(f"(?>{wild}?{fixed})")
    return "".join(text)
