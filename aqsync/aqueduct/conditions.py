"""Headers by which a request says what it expects under a name, and an answer what is there. Pure.

`docs/reference/conditional-uploads.md` describes them for other clients.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime

from aqsync.aqueduct.records import Expected
from aqsync.errors import BadAnswer

Headers = tuple[tuple[bytes, bytes], ...]

_ABSENT = "absent"
_CHECKED = "checked"
_EXPECT = b"Aqueduct-Expect"
_CONDITION = "aqueduct-condition"
_MODIFIED = "aqueduct-modified"
_LONGEST_TIME = 64
_SENDABLE = re.compile(r"[!-~]{1,64}")


def expecting(expected: Expected | None, what: str) -> Headers:
    """Return the headers of a request that is only to be done if `expected` is found.

    Args:
        expected: What must be there; None asks for no condition.
        what: What the request does, as an error message begins.

    Raises:
        BadAnswer: No header can carry the time, so no server that checks conditions listed it.
    """
    if expected is None:
        return ()
    if expected.modified_at is None:
        return ((_EXPECT, _ABSENT.encode()),)
    if not _SENDABLE.fullmatch(expected.modified_at):
        raise BadAnswer(
            f"{what}: the server lists a file with {expected.modified_at[:_LONGEST_TIME]!r} as time"
        )
    return ((_EXPECT, expected.modified_at.encode()),)


def was_checked(expected: Expected | None, headers: Mapping[str, str]) -> bool:
    """Tell whether a condition was asked for, and the answer says that it was looked at."""
    return expected is not None and headers.get(_CONDITION) == _CHECKED


def modified_at(headers: Mapping[str, str]) -> str | None:
    """Return the time of the file that an answer is about, in the text that lists show.

    None where the answer names none, or something that is no time.
    """
    text = headers.get(_MODIFIED, "")
    if len(text) > _LONGEST_TIME:
        return None
    try:
        datetime.fromisoformat(text)
    except ValueError:
        return None
    return text


def present(headers: Mapping[str, str]) -> bool | None:
    """Tell whether the answer to a failed condition found a file; None if it does not say."""
    if headers.get(_MODIFIED) == _ABSENT:
        return False
    return None if modified_at(headers) is None else True
