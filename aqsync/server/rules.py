"""The limits of an Aqueduct server, and what it says when one is broken: pure functions."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence

from aqsync.server.errors import OperationRefused

MAX_PAGE = 500
MAX_TITLE = 256
MAX_DESCRIPTION = 5000
MAX_TAG = 64
MAX_TAGS = 64
MAX_TITLE_FILTER = 64
MAX_TAGS_ANY_FILTER = 10
MAX_TAGS_ALL_FILTER = 6
MAX_DEPTH = 5
MAX_FILE_NAME_BYTES = 255
MAX_MULTIPART_ENVELOPE = 1024
"""Bytes by which a whole body may exceed the largest file."""

ARCHIVED = "__archived__"
"""Experiments with this tag are listed only for those who ask for the tag."""

_TAG = re.compile(r"[A-Za-z0-9\-_:/]+")
_FORBIDDEN_IN_FILE_NAMES = re.compile(r'[\x00-\x1f\x7f/\\:*?"<>|]')
_WINDOWS_DEVICES = frozenset(
    ["CON", "PRN", "AUX", "CLOCK$", "NUL"]
    + [f"{port}{number}" for port in ("COM", "LPT") for number in range(1, 10)]
)


def is_file_name(name: str) -> bool:
    """Tell whether a file may have this name on the server."""
    if not name or name[-1] in ". " or _FORBIDDEN_IN_FILE_NAMES.search(name):
        return False
    if os.path.splitext(name)[0].upper() in _WINDOWS_DEVICES:  # noqa: PTH122 - a name, not a path
        return False
    try:
        return len(name.encode()) <= MAX_FILE_NAME_BYTES
    except UnicodeEncodeError:
        return False


def check_page(limit: int, what: str) -> None:
    """Refuse a page that is too long.

    Raises:
        OperationRefused: The page cannot be asked for.
    """
    if limit > MAX_PAGE:
        raise OperationRefused(f"Maximum allowed limit for {what} is {MAX_PAGE}")


def page_of(total: int, offset: int, limit: int) -> tuple[int, int]:
    """Return where a page starts in a list, and how many items it has.

    Negative numbers count from the list's end, as in a slice ``[offset : offset + limit]`` of
    Python: that is what an archived server takes.
    """
    start, stop, _ = slice(offset, offset + limit).indices(total)
    return start, max(0, min(stop - start, MAX_PAGE))


def check_title(title: str, longest: int = MAX_TITLE) -> None:
    """Refuse a title, or a part of one to search for, that is too long.

    Raises:
        OperationRefused: It has more than `longest` characters.
    """
    if len(title) > longest:
        raise OperationRefused(f"Title should be maximum {longest} characters long.")


def check_description(description: str) -> None:
    """Refuse a description that is too long.

    Raises:
        OperationRefused: It has more than 5,000 characters.
    """
    if len(description) > MAX_DESCRIPTION:
        raise OperationRefused(f"Description should be maximum {MAX_DESCRIPTION} characters long.")


def check_tag(tag: str) -> None:
    """Refuse a tag that is empty, too long or has a character that tags cannot have.

    Raises:
        OperationRefused: It is one of these.
    """
    if not tag:
        raise OperationRefused("Tag cannot be empty")
    if len(tag) > MAX_TAG:
        raise OperationRefused(f"Tag should be less than {MAX_TAG} characters long ")
    if not _TAG.fullmatch(tag):
        raise OperationRefused(
            "Tag can only contain alphanumeric characters, colons, hyphens, underscores and slashes"
        )


def check_tags(tags: Sequence[str]) -> None:
    """Refuse tags of which one is none.

    Raises:
        OperationRefused: One is none.
    """
    for tag in tags:
        check_tag(tag)


def check_spellings(tags: Sequence[str]) -> None:
    """Refuse tags to be set together when two differ in spelling only.

    Raises:
        OperationRefused: They do.
    """
    if len({tag.lower() for tag in tags}) != len(tags):
        raise OperationRefused("Duplicate tags are not allowed in the request.")


def check_tag_filter(tags: Sequence[str] | None, most: int) -> None:
    """Refuse a filter by tags that names too many, or something that is no tag.

    Raises:
        OperationRefused: It cannot be used.
    """
    if tags is None:
        return
    if len(tags) > most:
        raise OperationRefused(f"Maximum allowed number of tags in this filter is {most}")
    check_tags(tags)


def joined(names: Sequence[str]) -> str:
    """Join names as a person would: ``a``, ``a and b``, ``a, b and c``."""
    *first, last = names
    return f"{', '.join(first)} and {last}" if first else last
