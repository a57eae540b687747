"""The files of a server, with what every transfer of one needs."""

from __future__ import annotations

from concurrent.futures import Executor
from dataclasses import dataclass

from aqsync.server.files.store import FileStore
from aqsync.server.files.streamed_file import StreamedFile


@dataclass(frozen=True, slots=True)
class ServedFiles:
    """The files of a server, with what every transfer of one needs.

    Args:
        store: The files.
        disk: The threads that wait for the disk.
        max_file_bytes: The largest file that is accepted, in bytes.
    """

    store: FileStore
    disk: Executor
    max_file_bytes: int

    def new_file(self) -> StreamedFile:
        """Return a file for the bytes of an upload."""
        return StreamedFile(self.store.new_file(), self.disk, self.max_file_bytes)
