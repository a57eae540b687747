"""A file on its way from the server."""

from __future__ import annotations

from collections.abc import Iterator

from aqsync.aqueduct.answers import http_date
from aqsync.aqueduct.digests import sha256_of
from aqsync.aqueduct.probe import TINY, length_of
from aqsync.aqueduct.transport import OpenAnswer


class Download:
    """A file on its way from the server.

    Args:
        answer: The server's answer, of which the body is still to come.
    """

    def __init__(self, answer: OpenAnswer) -> None:
        self._answer = answer
        self.length = length_of(answer.headers)
        """The file's size in bytes; None if the server did not tell."""
        modified = http_date(answer.headers.get("last-modified"))
        self.modified_second = None if modified is None else int(modified.timestamp())
        """When its upload finished, by the server's clock, in whole seconds since 1970 (UTC); None
        if the server did not tell."""
        self.sha256 = sha256_of(answer.headers)
        """The file's SHA-256, if it was asked for and the server told it."""

    def leave(self) -> None:
        """Take no bytes: of a small file they are thrown away, so that the connection stays."""
        if self.length is not None and self.length <= TINY:
            self._answer.skip()

    def chunks(self) -> Iterator[bytes]:
        """Give the file's bytes as they come, once.

        Raises:
            ServerUnreachable: The connection broke off before `length` bytes came, or nothing
                more came for the server's stall timeout.
        """
        return self._answer.chunks
