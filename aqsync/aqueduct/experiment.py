"""One experiment, as people handle it in scripts and notebooks."""

from __future__ import annotations

import os
import secrets
import stat
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import BinaryIO
from uuid import UUID

from pydantic import BaseModel, PrivateAttr, validate_call

from aqsync.aqueduct.records import ExperimentRef
from aqsync.aqueduct.server import Server
from aqsync.errors import (
    BadAnswer,
    ExperimentNotFound,
    FileUnreadable,
    FileVanished,
    LocalError,
    NameNotSendable,
)

_CHUNK_BYTES = 512 * 1024


class Experiment(BaseModel):
    """An experiment on the server. What may change there is asked for at each access.

    Every method and property talks to the server and may raise, beside what it names,
    `ExperimentNotFound`, `ServerUnreachable`, `ServerFailed`, `BadAnswer`, `TokenRefused` and
    `Forbidden`, all below `aqsync.errors.RemoteError`.
    """

    uuid: UUID
    """The server's own identifier of the experiment."""
    eid: str
    """The identifier that people use, such as ``20261123-1``; unique on one server."""
    created_at: datetime
    """When it was created, with the offset from UTC."""
    _server: Server = PrivateAttr()

    @classmethod
    def _of(cls, ref: ExperimentRef, server: Server) -> Experiment:
        experiment = cls(uuid=ref.uuid, eid=ref.eid, created_at=ref.created_at)
        experiment._server = server
        return experiment

    @property
    def title(self) -> str:
        """The title, at most 256 characters; writable (an empty one changes nothing)."""
        return self._server.experiment(self.uuid).title

    @title.setter
    @validate_call
    def title(self, value: str) -> None:
        self._server.update_experiment(self.uuid, title=value)

    @property
    def description(self) -> str:
        """The description, at most 5,000 characters; writable (an empty one changes nothing)."""
        return self._server.experiment(self.uuid).description

    @description.setter
    @validate_call
    def description(self, value: str) -> None:
        self._server.update_experiment(self.uuid, description=value)

    @property
    def updated_at(self) -> datetime:
        """When title or description last changed; files and tags do not move it."""
        return self._server.experiment(self.uuid).updated_at

    @property
    def tags(self) -> list[str]:
        """The tags."""
        return list(self._server.experiment(self.uuid).tags)

    @validate_call
    def add_tags(self, tags: list[str]) -> None:
        """Add tags; those already there, in whatever case, change nothing.

        Args:
            tags: Each 1 to 64 characters of ``A-Z a-z 0-9 - _ : /``.

        Raises:
            OperationFailed: A tag is not such a one, or stands twice in the list.
        """
        self._server.add_tags(self.uuid, tags)

    @validate_call
    def remove_tag(self, tag: str) -> None:
        """Remove a tag.

        Args:
            tag: The tag, in any case.

        Raises:
            OperationFailed: The experiment does not have it.
        """
        self._server.remove_tag(self.uuid, tag)

    @property
    def files(self) -> list[tuple[str, datetime]]:
        """Each file's name and the time its upload finished, by the server's clock."""
        found = self._server.list_files([self.uuid])
        listed = found.files[self.uuid] if found is not None else None
        if listed is None:
            raise ExperimentNotFound(f"experiment {self.eid} does not exist for this user")
        try:
            return [(file.name, datetime.fromisoformat(file.modified_at)) for file in listed]
        except ValueError as exc:
            raise BadAnswer(f"the server gave a file of {self.eid} a strange time: {exc}") from exc

    @validate_call
    def upload_file(self, file: str | Path) -> None:
        """Upload a file under its own name; one of the same name is replaced.

        Args:
            file: The path of the file. It is streamed, whatever its size; its bytes count as
                stored only if they came whole.

        Raises:
            FileVanished, FileUnreadable: The file cannot be read.
            FileChanged: It changed its size while it was read.
            NameNotSendable: The protocol cannot carry its name (characters outside Latin-1,
                control characters, blanks at an end).
            TransferRefused: The server refuses its name or size.
        """
        path = Path(file)
        source, size = _open_regular(path)
        with source:
            self._server.upload(self.uuid, path.name, _chunks(source, path), size)

    @validate_call
    def download_file(self, file_name: str, destination_dir: str | Path) -> None:
        """Download a file into a directory, replacing one of the same name there.

        It is written under a temporary name and renamed once it is whole: a download that breaks
        off leaves nothing under the real name.

        Args:
            file_name: The file's name in the experiment.
            destination_dir: A directory that exists.

        Raises:
            RemoteFileNotFound: The experiment has no such file.
            LocalError: The file cannot be written there.
        """
        if file_name != os.path.basename(file_name) or file_name in {"", ".", ".."}:  # noqa: PTH119 - Path drops what this must see
            raise NameNotSendable(f"{file_name!r} is not the name of a file")
        target = Path(destination_dir) / file_name
        with self._server.download(self.uuid, file_name) as download:
            _write_whole(target, download.chunks())

    @validate_call
    def remove_files(self, files: list[str]) -> None:
        """Remove files from the experiment: all of them, or none if one is missing.

        Args:
            files: Their names, at least one.

        Raises:
            TransferRefused: With status 409 if a file is missing, 400 if none is named.
        """
        self._server.remove_files(self.uuid, files)


def _open_regular(path: Path) -> tuple[BinaryIO, int]:
    """Open a file for reading and return it with its size; never wait for one that is a FIFO."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    except FileNotFoundError as exc:
        raise FileVanished(f"there is no file {str(path)!r}") from exc
    except OSError as exc:
        raise FileUnreadable(f"{str(path)!r} cannot be read: {exc.strerror}") from exc
    status = os.fstat(descriptor)
    if not stat.S_ISREG(status.st_mode):
        os.close(descriptor)
        raise FileUnreadable(f"{str(path)!r} is not a regular file")
    return os.fdopen(descriptor, "rb", buffering=0), status.st_size


def _chunks(source: BinaryIO, path: Path) -> Iterator[bytes]:
    try:
        while chunk := source.read(_CHUNK_BYTES):
            yield chunk
    except OSError as exc:
        raise FileUnreadable(f"{str(path)!r} cannot be read: {exc.strerror}") from exc


def _write_whole(target: Path, chunks: Iterator[bytes]) -> None:
    """Write a file that stands under its name only when it is whole and on the disk."""
    partial = target.with_name(f".aqsync-{secrets.token_hex(8)}.part")
    try:
        try:
            with partial.open("xb") as file:
                for chunk in chunks:
                    file.write(chunk)
                file.flush()
                os.fsync(file.fileno())
            partial.replace(target)
        finally:
            partial.unlink(missing_ok=True)
    except OSError as exc:
        raise LocalError(f"{str(target)!r} cannot be written: {exc.strerror}") from exc
