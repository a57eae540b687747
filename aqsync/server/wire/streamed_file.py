"""A file whose bytes come in pieces from a client and go to the disk in larger ones."""

from __future__ import annotations

from asyncio import wrap_future
from collections.abc import Callable, Sequence
from concurrent.futures import Executor, Future, wait
from typing import Any, TypeVar

from aqsync.server.errors import FileRefused
from aqsync.server.files.store import Incoming

Kept = TypeVar("Kept")

_PIECE = 1024 * 1024
"""Bytes gathered before they are written: a small file needs one call on a thread."""


class StreamedFile:
    """Writes a file at the pace of client and disk: one piece is written while the next comes.

    Call `keep` in the end; call `discard` instead of it, or after it has failed.

    Args:
        incoming: Where the bytes go.
        disk: The threads that wait for the disk.
        max_bytes: The largest file that is accepted.
    """

    def __init__(self, incoming: Incoming, disk: Executor, max_bytes: int) -> None:
        self._incoming = incoming
        self._disk = disk
        self._max_bytes = max_bytes
        self._bytes = 0
        self._gathered: list[bytes] = []
        self._gathered_bytes = 0
        self._work: Future[Any] | None = None

    def add(self, data: bytes) -> None:
        """Take the next bytes.

        Raises:
            FileRefused: They make the file too large.
        """
        self._bytes += len(data)
        if self._bytes > self._max_bytes:
            raise FileRefused(413, f"Maximum file size limit ({self._max_bytes} bytes) exceeded.")
        self._gathered.append(data)
        self._gathered_bytes += len(data)

    async def write_on(self) -> None:
        """Begin to write what was gathered, once it is a piece and the one before is written.

        Raises:
            OSError: The disk failed.
        """
        if self._gathered_bytes >= _PIECE:
            if self._work is not None:
                await wrap_future(self._work)
            self._work = self._disk.submit(self._incoming.write, self._pop_gathered())

    async def keep(self, keep: Callable[[Incoming], Kept]) -> Kept:
        """Write the rest.

        Args:
            keep: Called in the same thread once the last byte is written.

        Returns:
            What `keep` returned.

        Raises:
            OSError: The disk failed.
        """
        if self._work is not None:
            await wrap_future(self._work)
        work = self._disk.submit(_finish, self._incoming, self._pop_gathered(), keep)
        self._work = work
        return await wrap_future(work)

    async def discard(self) -> None:
        """Leave nothing behind of a file that was not kept."""
        await wrap_future(self._disk.submit(_discard, self._incoming, self._work))

    def _pop_gathered(self) -> list[bytes]:
        gathered, self._gathered, self._gathered_bytes = self._gathered, [], 0
        return gathered


def _finish(incoming: Incoming, rest: Sequence[bytes], keep: Callable[[Incoming], Kept]) -> Kept:
    incoming.write(rest)
    return keep(incoming)


def _discard(incoming: Incoming, work: Future[Any] | None) -> None:
    if work is not None:
        # A thread may still work on the file of a request that was cancelled. It took that work
        # from the queue before this call was taken, so the wait ends.
        wait([work])
    incoming.discard()
