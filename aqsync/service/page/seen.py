"""What a question has shown: a person agrees to that, and to nothing that has come since."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

from aqsync.errors import BadRequest
from aqsync.model import FileRecord, Problem
from aqsync.service.page.buttons import Fields
from aqsync.service.page.secret import same

FIELD = "seen"
"""The field of a question's form that holds it."""


def seen_files(files: Iterable[FileRecord]) -> str:
    """What stands for these files, each with its version here and the one on the server."""
    return _digest(
        (file.path, file.local, file.eid, file.remote_name, file.remote.modified_at)
        for file in files
    )


def seen_troubles(troubles: Iterable[tuple[str, Problem]]) -> str:
    """What stands for what is wrong with a directory, by paths."""
    return _digest(troubles)


def require_seen(fields: Fields, now: str) -> None:
    """See that a question was answered, and has shown what is so now.

    Raises:
        BadRequest: It was not, or another one was.
    """
    if not same(fields.get(FIELD, ""), now):
        raise BadRequest("nothing is done: it is no longer as the page has shown it")


def _digest(parts: Iterable[object]) -> str:
    return hashlib.sha256("\n".join(sorted(map(repr, parts))).encode()).hexdigest()
