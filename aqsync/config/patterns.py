"""The pattern language of the configuration: gitignore, and names in braces.

Translation is pathspec's; `linear` bounds the time that a match takes, whatever the name. Two
readings of a pattern are needed: the *entry* reading (does it
name exactly this file or directory?) decides what git would ignore, step by step down the tree;
the *inside* reading (does it name this path, or a directory above it?) maps and tags files.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Mapping
from functools import lru_cache
from types import MappingProxyType

from pathspec.patterns.gitignore.base import GitIgnorePatternError
from pathspec.patterns.gitignore.spec import GitIgnoreSpecPattern

from aqsync.config.linear import linear

EID = re.compile(r"[0-9]{8}-[0-9]+")
"""What the server calls an experiment: the day and a number."""

_EID_GROUP = r"(?<![0-9])[0-9]{8}-[0-9]+(?![0-9])"
_NAME_GROUP = r"[^/]+?"
_BRACE = re.compile(r"\{([^{}]*)\}")
_BRACE_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_BACKSLASHED = re.compile(r"\\.", re.DOTALL)
_BRACKETS = re.compile(r"\[[!^]?\]?[^\]]*\]")
_PLACEHOLDERS = range(0xE000, 0xF8FF)
_MOST_CHARACTERS = 1024
"""Of a pattern; what is made of one may grow faster than it."""
_DIRECTORY_MARK = "(?P<ps_d>/)"
_NO_GROUPS: Mapping[str, str] = MappingProxyType({})


def compile_regex(regex: str) -> re.Pattern[str]:
    """Compile what pathspec made.

    Raises:
        ValueError: A range such as ``[z-a]`` makes no sense.
    """
    with warnings.catch_warnings():
        # "[[a]" is a plain bracket in gitignore; Python only warns that it may change its mind.
        warnings.simplefilter("ignore", FutureWarning)
        try:
            return re.compile(regex, re.DOTALL)
        except (re.error, OverflowError, RecursionError) as error:
            raise ValueError(f"it cannot be compiled ({error})") from error


def _translate(pattern: str, groups: Mapping[str, str] = _NO_GROUPS) -> tuple[str, bool] | None:
    """A regular expression and whether the pattern selects; None for one that does nothing.

    Args:
        pattern: The line.
        groups: By the character that stands for it in the pattern, a group.

    Raises:
        ValueError: The line is no pattern.
    """
    if len(pattern) > _MOST_CHARACTERS:
        raise ValueError(f"it has more than {_MOST_CHARACTERS} characters")
    try:
        regex, selects = GitIgnoreSpecPattern.pattern_to_regex(pattern)
    except GitIgnorePatternError as error:
        raise ValueError("nothing follows its last backslash or slash") from error
    if regex is None or selects is None:
        return None
    regex = regex.replace(_DIRECTORY_MARK, "/")
    if regex.endswith("(?:/|$)"):
        # "$" would also match before a newline that ends a file's name.
        regex = regex.removesuffix("(?:/|$)") + r"(?:/|\Z)"
    return linear(regex, groups), selects


@lru_cache(256)  # every mapping asks for the same defaults
def entry_regex(pattern: str) -> tuple[str, bool] | None:
    """Translate one gitignore line so that it names single entries.

    Args:
        pattern: The line.

    Returns:
        A regular expression that must match the whole path of a file, or of a directory followed
        by ``/``, and whether the line selects (False for ``!``); None for a line that does
        nothing (blank, a comment, a bracket without an end).

    Raises:
        ValueError: The line is no pattern.
    """
    stripped = pattern if pattern.endswith("\\ ") else pattern.rstrip()
    # pathspec lets "foo/**" match "foo/"; git means what is in foo, not foo.
    if stripped.endswith("/**"):
        stripped += "/*"
    elif stripped.endswith("/**/"):
        stripped += "*/"
    translated = _translate(stripped)
    if translated is None:
        return None
    regex, selects = translated
    return (regex if regex.startswith("^") else f".*{regex}"), selects


def is_for_names(pattern: str) -> bool:
    """Whether a gitignore line looks at an entry's last part only, at any depth."""
    return "/" not in pattern.removeprefix("!").rstrip().removesuffix("/")


def inside_regex(pattern: str) -> tuple[re.Pattern[str], bool] | None:
    """Translate one gitignore line for ``search``: the path, or a directory above it, matches.

    Returns:
        The expression and whether the line selects (False for ``!``); None for a line that does
        nothing.

    Raises:
        ValueError: The line is no pattern.
    """
    translated = _translate(pattern)
    return None if translated is None else (compile_regex(translated[0]), translated[1])


def check_pattern(pattern: str) -> str:
    """Refuse a gitignore line that a person cannot have meant; give back one that is good.

    Raises:
        ValueError: Why.
    """
    _check_line(pattern)
    plain = _BACKSLASHED.sub("", pattern)
    if brace := _BRACE.search(plain):
        if "," in brace[0]:
            raise ValueError(f"{pattern!r} lists choices in braces: write one pattern for each")
        raise ValueError(
            f"{pattern!r} has a name in braces, which only match and path know "
            f"(for a real brace write \\{{)"
        )
    return pattern


def _check_line(pattern: str) -> None:
    if not pattern.strip():
        raise ValueError("the pattern is empty")
    if pattern.startswith("#"):
        raise ValueError(f"{pattern!r} is a comment to gitignore: write '\\{pattern}'")
    if "\n" in pattern or "\r" in pattern:
        raise ValueError(f"{pattern!r} has more than one line: write one pattern for each")
    if "[:" in pattern:
        raise ValueError(f"{pattern!r} has a class such as [:alpha:]: write [A-Za-z]")
    try:
        translated = inside_regex(pattern)
    except ValueError as error:
        raise ValueError(f"{pattern!r} is no pattern: {error}") from error
    if translated is None:
        raise ValueError(f"{pattern!r} matches nothing (a bracket without an end?)")


def brace_names(text: str) -> tuple[str, ...]:
    """The names in braces, in order, as in ``{qubit}/t1_{run}.csv``; repeats included.

    Raises:
        ValueError: Braces without a name, or unbalanced.
    """
    plain = _BACKSLASHED.sub("", text)
    names = tuple(_BRACE.findall(plain))
    for name in names:
        if "," in name:
            raise ValueError(f"{text!r} lists choices in braces: write one rule for each")
        if not _BRACE_NAME.fullmatch(name):
            raise ValueError(f"{{{name}}} in {text!r} is not a name of letters, digits and _")
    if set("{}") & set(_BRACE.sub("", plain)):
        raise ValueError(f"{text!r} has a brace without its partner")
    return names


def compile_path_pattern(pattern: str) -> re.Pattern[str]:
    """Compile a pattern with names in braces, for ``search`` on a relative path.

    ``{eid}`` takes an experiment's EID, any other name one path part or a piece of one; a name
    that stands twice must take the same text twice.

    Raises:
        ValueError: It is no such pattern; the message says why.
    """
    return compile_regex(_with_groups(pattern))


def _with_groups(pattern: str) -> str:
    names = brace_names(pattern)
    if pattern.startswith("!"):
        raise ValueError(f"{pattern!r} begins with !, which has no meaning for a single pattern")
    plain = _BACKSLASHED.sub("", pattern)
    if any(_BRACE.search(bracket) for bracket in _BRACKETS.findall(plain)):
        raise ValueError(f"{pattern!r} has a name in braces inside [ ]")
    # The same pattern with each name as one character: what is wrong with it, in its own words.
    _check_line(_BRACE.sub("?", pattern))
    free = (chr(code) for code in _PLACEHOLDERS if chr(code) not in pattern)
    placeholders = [next(free) for _ in names]
    remaining = iter(placeholders)
    # Backslashed characters come first in the alternation, so \{ is left alone.
    marked = re.sub(
        r"\\.|\{[^{}]*\}",
        lambda found: found[0] if found[0].startswith("\\") else next(remaining),
        pattern,
        flags=re.DOTALL,
    )
    groups: dict[str, str] = {}
    seen: set[str] = set()
    for name, placeholder in zip(names, placeholders, strict=True):
        inner = _EID_GROUP if name == "eid" else _NAME_GROUP
        groups[placeholder] = f"(?P={name})" if name in seen else f"(?P<{name}>{inner})"
        seen.add(name)
    try:
        translated = _translate(marked, groups)
    except ValueError as error:
        raise ValueError(f"{pattern!r} is no pattern: {error}") from error
    if translated is None:
        raise ValueError(f"{pattern!r} matches nothing")
    return translated[0]


def fill(template: str, values: Mapping[str, str]) -> str:
    """Put values in place of the names in braces."""
    return _BRACE.sub(lambda found: values[found[1]], template)


def literal_parts(template: str) -> str:
    """What of a template stands outside its braces."""
    return _BRACE.sub("", template)


def may_give(template: str, eid: str) -> bool:
    """Whether a template of an EID, filled somehow, can be this EID."""
    pieces = _BRACE.split(template)
    regex = "".join(
        re.escape(piece) if index % 2 == 0 else (".+" if piece != "eid" else EID.pattern)
        for index, piece in enumerate(pieces)
    )
    return re.fullmatch(regex, eid) is not None


def first_part(pattern: str) -> str | None:
    """A path pattern's first part; None where it may be anything."""
    if is_for_names(pattern):
        return None
    first = pattern.removeprefix("/").split("/", 1)[0]
    return None if first == "**" else first


def may_begin_with(pattern: str, part: str) -> bool:
    """Whether a path that the pattern matches may have ``part`` as its first part."""
    first = first_part(pattern)
    return first is None or compile_regex(_with_groups(f"/{first}")).fullmatch(part) is not None


def may_share_first_part(one: str, other: str) -> bool:
    """Whether two patterns may match paths with the same first part; True when in doubt."""
    for pattern, against in ((one, other), (other, one)):
        first = first_part(pattern)
        if first is not None and not re.search(r"[*?\[{\\]", first):
            return may_begin_with(against, first)
    return True
