"""The files of a server, with what every transfer of one needs."""

from __future__ import annotations

from concurrent.futures import Executor
from dataclasses import dataclass
from uuid import UUID

from aqsync.server.files.store import FileStore
from aqsync.server.rights.seen_files import SeenFiles
from aqsync.server.rights.who import Who
from aqsync.server.wire.streamed_file import StreamedFile


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

    def seen_by(self, who: Who) -> ClientFiles:
        """Return them as a client may see and change them."""
        return ClientFiles(SeenFiles(self.store, who), self.disk, self.max_file_bytes)


@dataclass(frozen=True, slots=True)
class ClientFiles:
    """The files as one client may see and change them, with what every transfer of one needs.

    Args:
        store: The files that exist for it.
        disk: The threads that wait for the disk.
        max_file_bytes: The largest file that is accepted, in bytes.
    """

    store: SeenFiles
    disk: Executor
    max_file_bytes: int

    def new_file(self, uuid: UUID, name: str, *, hashed: bool = False) -> StreamedFile:
        """Return a file for the bytes of an upload under a name.

        Args:
            uuid: The experiment.
            name: The name.
            hashed: Whether its SHA-256 will be asked for.

        Raises:
            FileRefused: The client may upload nothing of this name.
        """
        self.store.check_upload(uuid, name)
        return StreamedFile(self.store.new_file(hashed=hashed), self.disk, self.max_file_bytes)
