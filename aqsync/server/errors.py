"""The errors that the embedded server raises on purpose."""

from __future__ import annotations

import errno

_DISK_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})


class ServerStartError(Exception):
    """The server cannot start, for a reason that its user can remove.

    Args:
        message: What happened, for a person, without a final full stop.
        hint: What to do about it; empty if there is nothing to advise.
    """

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class OperationRefused(Exception):
    """A GraphQL operation that breaks a rule; its text goes to the client as it is."""


class NotAllowed(Exception):
    """The client may not do this; its text, which says why, goes to the client as it is."""


class FileRefused(Exception):
    """A request about files that breaks a rule.

    Args:
        status: The HTTP status of the answer.
        detail: What the answer's ``detail`` says: a text, or the list of faults of a 422.

    Attributes:
        headers: What else the answer says.
    """

    headers: tuple[tuple[bytes, bytes], ...] = ()

    def __init__(self, status: int, detail: str | list[dict[str, object]]) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail


class FileNotAllowed(FileRefused):
    """The client may do such a thing, but not to this file: a client need not try it again."""

    headers = ((b"aqueduct-refused", b"file"),)


class NotAsExpected(FileRefused):
    """Another version of a file is there than a request expects.

    Args:
        found: The version that is there: a listed time, or what stands for none.
    """

    def __init__(self, found: str) -> None:
        super().__init__(412, "Another version of the file is there than the request expects.")
        self.headers = (modified_header(found),)


def modified_header(version: str) -> tuple[bytes, bytes]:
    """Return the header that says which version of a file is there."""
    return (b"aqueduct-modified", version.encode())


def disk_failure(exc: OSError) -> FileRefused:
    """Return the refusal that tells a client of a failure of the disk."""
    if exc.errno in _DISK_FULL:
        return FileRefused(507, "The server's disk is full.")
    return FileRefused(500, "The server's disk failed.")
