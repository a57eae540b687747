"""A file whose bytes come in pieces from a client and go to the disk in larger ones."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from functools import partial
from typing import Any

from aqsync.server.errors import FileRefused
from aqsync.server.filestore import IncomingFile

_PIECE = 1024 * 1024
"""Bytes gathered before they are written: a small file needs one call on a thread."""


class StreamedFile:
    """Writes a file at the pace of client and disk: one piece is written while the next comes.

    It ends with `keep`, or with `discard`, also after a `keep` that failed.

    Args:
        incoming: Where the bytes go.
        disk: The threads that wait for the disk.
        max_bytes: The largest file that is accepted.
    """

    def __init__(self, incoming: IncomingFile, disk: Executor, max_bytes: int) -> None:
        self._incoming = incoming
        self._disk = disk
        self._max_bytes = max_bytes
        self._bytes = 0
        self._gathered: list[bytes] = []
        self._gathered_bytes = 0
        self._writing: asyncio.Future[Any] | None = None

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
            await self._wait()
            self._begin(self._incoming.write, self._pop_gathered())

    async def keep(self, keep: Callable[[IncomingFile], str]) -> str:
        """Write the rest.

        Args:
            keep: Called in the same thread once the last byte is written.

        Returns:
            What `keep` returned.

        Raises:
            OSError: The disk failed.
        """
        await self._wait()
        self._begin(_finish, self._incoming, self._pop_gathered(), keep)
        kept: str = await self._wait()
        return kept

    async def discard(self) -> None:
        """Leave nothing behind of a file that was not kept."""
        if self._writing is not None:
            await asyncio.wait([self._writing])
            self._writing.exception()  # whoever was to be told has been, or has gone
        self._gathered = []
        self._begin(self._incoming.discard)
        await self._wait()

    def _begin(self, work: Callable[..., Any], *arguments: object) -> None:
        loop = asyncio.get_running_loop()
        self._writing = loop.run_in_executor(self._disk, partial(work, *arguments))

    async def _wait(self) -> Any:  # noqa: ANN401 - what the work returned
        # Shielded: a request that is cancelled must still wait for the thread before it discards.
        return None if self._writing is None else await asyncio.shield(self._writing)

    def _pop_gathered(self) -> list[bytes]:
        gathered, self._gathered, self._gathered_bytes = self._gathered, [], 0
        return gathered


def _finish(
    incoming: IncomingFile, rest: Sequence[bytes], keep: Callable[[IncomingFile], str]
) -> str:
    incoming.write(rest)
    return keep(incoming)
