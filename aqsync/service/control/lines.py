"""One JSON object on each line: what either end may send, and how long it may take."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Mapping
from typing import Any

LONGEST_REQUEST = 1 << 20
"""Bytes of one line to the daemon."""
LONGEST_ANSWER = 8 << 20
"""Bytes of one line from the daemon."""

_CHUNK = 1 << 16
_parsing = threading.Lock()


class BadLine(Exception):
    """What came is not one JSON object on one line, or came too slowly; the text says what."""


def encoded(content: Mapping[str, Any]) -> bytes:
    """One line; names that are no UTF-8 keep their bytes as lone surrogates."""
    return json.dumps(content, separators=(",", ":")).encode() + b"\n"


def decoded(line: bytes) -> dict[str, Any]:
    """The object on a line.

    Raises:
        BadLine: There is none.
    """
    try:
        with _parsing:  # a hostile line may take a hundred times its size, but only one at a time
            found = json.loads(line.decode())
    except (ValueError, RecursionError) as exc:
        raise BadLine("that is no JSON object on one line") from exc
    if not isinstance(found, dict):
        raise BadLine("that is no JSON object")
    return found


class LineReader:
    """Reads lines off a connection, never holding more than one and a chunk.

    Args:
        connection: Read by nobody else.
        longest: Bytes that a line may have.
    """

    def __init__(self, connection: socket.socket, longest: int) -> None:
        self._connection = connection
        self._longest = longest
        self._buffer = bytearray()

    @property
    def has_more(self) -> bool:
        """Whether something has come after the line that was read last."""
        return bool(self._buffer)

    def read(self, within_s: float) -> bytes | None:
        """The next line; None when the other end has gone.

        Args:
            within_s: Seconds that the whole line may take.

        Raises:
            BadLine: It is too long, or takes too long.
            OSError: The connection broke.
        """
        give_up_at = time.monotonic() + within_s
        searched = 0
        while (end := self._buffer.find(b"\n", searched)) < 0:
            searched = len(self._buffer)
            if searched > self._longest:
                raise BadLine(f"that is longer than {self._longest} bytes")
            remaining = give_up_at - time.monotonic()
            if remaining <= 0:
                raise BadLine("that takes too long")
            self._connection.settimeout(remaining)
            try:
                chunk = self._connection.recv(_CHUNK)
            except TimeoutError as exc:
                raise BadLine("that takes too long") from exc
            if not chunk:
                return None
            self._buffer += chunk
        line = bytes(self._buffer[:end])
        del self._buffer[: end + 1]
        if len(line) > self._longest:
            raise BadLine(f"that is longer than {self._longest} bytes")
        return line
