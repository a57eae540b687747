"""A file of an experiment, read from Python without a file on this machine."""

from __future__ import annotations

import contextlib
import io
from tempfile import SpooledTemporaryFile
from typing import Any
from uuid import UUID

from aqsync.aqueduct.client import Client
from aqsync.aqueduct.tree_download import arriving_file
from aqsync.errors import Interrupted
from aqsync.layout.tree import TreeFile

_IN_MEMORY = 64 * 1024 * 1024
"""What has come of a larger file lies in a temporary file without a name."""
_AT_ONCE = 512 * 1024


def open_remote(server: Client, uuid: UUID, file: TreeFile) -> io.BufferedReader:
    """Open a file for reading in binary; see `Experiment.open`."""
    return io.BufferedReader(_Coming(server, uuid, file), _AT_ONCE)


class _Coming(io.RawIOBase):
    """What comes is kept, so that libraries can go back; what they do not ask for does not come."""

    def __init__(self, server: Client, uuid: UUID, file: TreeFile) -> None:
        super().__init__()
        self.name = file.path
        self._stack = contextlib.ExitStack()  # `close` is called even if nothing comes
        self._came = 0
        self._at = 0
        self._whole = False
        self._broken: Exception | None = None
        """What has broken it off: a second attempt to read must not meet the end of a file."""
        with contextlib.ExitStack() as stack:
            self._kept = stack.enter_context(SpooledTemporaryFile(_IN_MEMORY))
            arriving = stack.enter_context(arriving_file(server, uuid, file))
            self._chunks = arriving.chunks()
            self._stack = stack.pop_all()

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        if whence == io.SEEK_END:
            self._fetch(None)
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._came}[whence]
        if start + offset < 0:
            raise ValueError("a position before the file's beginning")
        self._at = start + offset
        return self._at

    def readinto(self, buffer: Any, /) -> int:  # noqa: ANN401 - whatever has a buffer
        view = memoryview(buffer).cast("B")
        self._fetch(self._at + len(view))
        self._kept.seek(self._at)
        found = self._kept.read(len(view))
        view[: len(found)] = found
        self._at += len(found)
        return len(found)

    def close(self) -> None:
        if not self.closed:
            self._stack.close()
        super().close()

    def _fetch(self, until: int | None) -> None:
        """Let it come up to a position, or to its end."""
        if self._broken is not None:
            raise self._broken
        try:
            self._kept.seek(self._came)
            while not self._whole and (until is None or self._came < until):
                chunk = next(self._chunks, None)
                if chunk is None:
                    self._whole = True
                else:
                    self._kept.write(chunk)  # on a full disk the chunk would be missing later
                    self._came += len(chunk)
        except BaseException as exc:
            again = Interrupted("reading it was broken off", hint="open it again")
            self._broken = exc if isinstance(exc, Exception) else again
            raise
