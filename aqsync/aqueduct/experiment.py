"""One experiment, as people handle it in scripts and notebooks."""

from __future__ import annotations

import os
from datetime import datetime
from pathlib import Path
from uuid import UUID

from pydantic import BaseModel, PrivateAttr, validate_call

from aqsync.aqueduct.client import Client
from aqsync.aqueduct.local_files import (
    Progress,
    chunks_of,
    name_of,
    open_regular,
    watched,
    write_whole,
)
from aqsync.aqueduct.old_names import also_caught_as
from aqsync.aqueduct.records import ExperimentRef
from aqsync.aqueduct.typed import instant
from aqsync.errors import (
    BadAnswer,
    ExperimentNotFound,
    FileDownloadError,
    FileRemovalError,
    FileUploadError,
    NameNotSendable,
    ServerUnreachable,
)


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
    _server: Client = PrivateAttr()

    @classmethod
    def _of(cls, ref: ExperimentRef, server: Client) -> Experiment:
        experiment = cls(uuid=ref.uuid, eid=ref.eid, created_at=ref.created_at)
        experiment._server = server
        return experiment

    @property
    def title(self) -> str:
        """The title, at most 256 characters. Writing an empty one changes nothing.

        Server operation: ``experiment``, to write it ``updateExperiment``.
        """
        return self._server.experiment(self.uuid).title

    @title.setter
    @validate_call
    def title(self, value: str) -> None:
        self._server.update_experiment(self.uuid, title=value)

    @property
    def description(self) -> str:
        """The description, at most 5,000 characters. Writing an empty one changes nothing.

        Server operation: ``experiment``, to write it ``updateExperiment``.
        """
        return self._server.experiment(self.uuid).description

    @description.setter
    @validate_call
    def description(self, value: str) -> None:
        self._server.update_experiment(self.uuid, description=value)

    @property
    def updated_at(self) -> datetime:
        """When title or description last changed; files and tags do not move it.

        Server operation: ``experiment``.
        """
        return self._server.experiment(self.uuid).updated_at

    @property
    def tags(self) -> list[str]:
        """The tags.

        Server operation: ``experiment``.
        """
        return list(self._server.experiment(self.uuid).tags)

    @validate_call
    def add_tags(self, tags: list[str]) -> None:
        """Add tags; those already there, in whatever case, change nothing.

        Server operation: ``addTagsToExperiment``.

        Args:
            tags: Each 1 to 64 characters of ``A-Z a-z 0-9 - _ : /``.

        Raises:
            OperationFailed: A tag is not such a one, or stands twice in the list.
        """
        self._server.add_tags(self.uuid, tags)

    @validate_call
    def remove_tag(self, tag: str) -> None:
        """Remove a tag.

        Server operation: ``removeTagFromExperiment``.

        Args:
            tag: The tag, in any case.

        Raises:
            OperationFailed: The experiment does not have it.
        """
        self._server.remove_tag(self.uuid, tag)

    @property
    def files(self) -> list[tuple[str, datetime]]:
        """Each file's name and the time its upload finished, by the server's clock.

        Server operation: ``experiment``.
        """
        found = self._server.list_files([self.uuid])
        listed = found.files[self.uuid] if found is not None else None
        if listed is None:
            raise ExperimentNotFound(f"experiment {self.eid} does not exist for this user")
        try:
            return [(file.name, instant(file.modified_at)) for file in listed]
        except ValueError as exc:
            raise BadAnswer(f"the server gave a file of {self.eid} a strange time: {exc}") from exc

    @validate_call
    def upload_file(
        self, file: str | Path, *, name: str | None = None, progress: Progress | None = None
    ) -> None:
        """Upload a file; one of the same name in the experiment is replaced.

        It is streamed, whatever its size, and stored only if it came whole. It may take as long as
        it takes; only 60 s without any progress end it.

        Server operation: ``POST /api/files/UUID``.

        Args:
            file: The path of the file, at most 4 GiB unless the server is set otherwise.
            name: The file's name in the experiment; its own if left out. At most 255 bytes of
                UTF-8, without slashes, colons and the like.
            progress: Called with the bytes sent so far and the size in bytes.

        Raises:
            FileToUploadNotFoundError, FileUnreadable: The file cannot be read.
            FileChanged: It changed its size while it was read.
            NameNotSendable: The protocol cannot carry the name (characters outside Latin-1,
                control characters, blanks at an end).
            TransferRefused: The server refuses the name or the size.
            HeaderDropped: A proxy in front of the server drops the header with the name.
            FileUploadError: Together with `ServerUnreachable`.
        """
        path = Path(file)
        source, size = open_regular(path)
        with source, also_caught_as(FileUploadError, only=ServerUnreachable):
            chunks = watched(chunks_of(source, path), size, progress)
            self._server.upload(self.uuid, name_of(path) if name is None else name, chunks, size)

    @validate_call
    def download_file(
        self, file_name: str, destination_dir: str | Path, *, progress: Progress | None = None
    ) -> None:
        """Download a file into a directory, replacing one of the same name there.

        It is written under a temporary name and renamed once it is whole: a download that breaks
        off leaves nothing under the real name. It may take as long as it takes; only 60 s without
        any progress end it.

        Server operation: ``GET /api/files/UUID/NAME``.

        Args:
            file_name: The file's name in the experiment.
            destination_dir: A directory that exists.
            progress: Called with the bytes received so far and the size in bytes, None if the
                server did not tell.

        Raises:
            RemoteFileNotFound: The experiment has no such file.
            NameNotSendable: No file can have this name.
            LocalError: The file cannot be written there.
            FileDownloadError: Together with every error.
        """
        with also_caught_as(FileDownloadError):
            if file_name != os.path.basename(file_name) or file_name in {"", ".", ".."}:  # noqa: PTH119 - Path drops what this must see
                raise NameNotSendable(f"{file_name!r} is not the name of a file")
            target = Path(destination_dir) / file_name
            with self._server.download(self.uuid, file_name) as download:
                write_whole(target, watched(download.chunks(), download.length, progress))

    @validate_call
    def remove_files(self, files: list[str]) -> None:
        """Remove files from the experiment: all of them, or none if one is missing.

        Server operation: ``POST /api/files/UUID/delete_files``.

        Args:
            files: Their names, at least one.

        Raises:
            TransferRefused: With status 409 if a file is missing, 400 if none is named.
            FileRemovalError: Together with `ServerUnreachable`.
        """
        with also_caught_as(FileRemovalError, only=ServerUnreachable):
            self._server.remove_files(self.uuid, files)
