"""What a request expects of the file that it replaces or removes."""

from __future__ import annotations

from aqsync.server.errors import NotAsExpected

ABSENT = "absent"
"""Instead of a listed time: there is no file."""


def check_expected(expected: str, found: str) -> None:
    """Compare what a request expects with what is there: listed times, or `ABSENT`.

    Raises:
        NotAsExpected: They differ.
    """
    if found != expected:
        raise NotAsExpected(found)
