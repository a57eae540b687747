"""One experiment, as people handle it in scripts and notebooks."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID

from pydantic import PrivateAttr

from aqsync.aqueduct.checked import brief, checked
from aqsync.aqueduct.client import Client
from aqsync.aqueduct.experiment_file import ExperimentFile, RemoteName, name_in
from aqsync.aqueduct.handle import Handle
from aqsync.aqueduct.local_files import (
    Progress,
    chunks_of,
    name_of,
    open_regular,
    watched,
    write_whole,
)
from aqsync.aqueduct.old_names import also_caught_as
from aqsync.aqueduct.records import Expected, ExperimentRef, RemoteFile
from aqsync.aqueduct.typed import instant
from aqsync.errors import (
    AlreadyThere,
    BadAnswer,
    ExperimentNotFound,
    FileDownloadError,
    FileRemovalError,
    FileUploadError,
    NameNotSendable,
    RemoteChanged,
    RemoteFileNotFound,
    ServerUnreachable,
)

_REPLACE = "overwrite=True replaces it"


class Experiment(Handle):
    """An experiment on the server. What may change there is asked for at each access.

    Its `repr` and ``dict`` have what the server told last. Two are equal if they stand for the
    same experiment of the same server.

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
    _last: ExperimentRef = PrivateAttr()
    _shown = ("eid", "title")

    @classmethod
    def _of(cls, ref: ExperimentRef, server: Client) -> Experiment:
        experiment = cls(uuid=ref.uuid, eid=ref.eid, created_at=ref.created_at)
        experiment._server = server
        experiment._last = ref
        return experiment

    def _told(self) -> dict[str, Any]:
        last = self._last
        return {
            "eid": last.eid,
            "title": last.title,
            "tags": list(last.tags),
            "created_at": last.created_at,
            "updated_at": last.updated_at,
            "description": last.description,
            "uuid": last.uuid,
        }

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, Experiment)
            and self.uuid == other.uuid
            and self._server.url == other._server.url
        )

    def __hash__(self) -> int:
        return hash(self.uuid)

    def _now(self) -> ExperimentRef:
        self._last = self._server.experiment(self.uuid)
        return self._last

    @property
    @brief
    def title(self) -> str:
        """The title, at most 256 characters. Writing an empty one changes nothing.

        Server operation: ``experiment``, to write it ``updateExperiment``.
        """
        return self._now().title

    @title.setter
    @checked
    def title(self, title: str) -> None:
        self._last = self._server.update_experiment(self.uuid, title=title)

    @property
    @brief
    def description(self) -> str:
        """The description, at most 5,000 characters. Writing an empty one changes nothing.

        Server operation: ``experiment``, to write it ``updateExperiment``.
        """
        return self._now().description

    @description.setter
    @checked
    def description(self, description: str) -> None:
        self._last = self._server.update_experiment(self.uuid, description=description)

    @property
    @brief
    def updated_at(self) -> datetime:
        """When title or description last changed; files and tags do not move it.

        Server operation: ``experiment``.
        """
        return self._now().updated_at

    @property
    @brief
    def tags(self) -> list[str]:
        """The tags.

        Server operation: ``experiment``.
        """
        return list(self._now().tags)

    @checked
    def add_tags(self, tags: list[str]) -> None:
        """Add tags; those already there, in whatever case, change nothing.

        Server operation: ``addTagsToExperiment``.

        Args:
            tags: Each 1 to 64 characters of ``A-Z a-z 0-9 - _ : /``.

        Raises:
            OperationFailed: A tag is not such a one, or stands twice in the list.
        """
        self._server.add_tags(self.uuid, tags)

    @checked
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
    @brief
    def files(self) -> list[ExperimentFile]:
        """Each file: a tuple of its name and the time its upload finished, by the server's clock.

        An element has these as `name` and `uploaded_at` too, and its `size`; `download_file` and
        `remove_files` take it for the name.

        Server operation: ``experiment``.
        """
        listed = self._listed()
        try:
            return [
                ExperimentFile(file.name, instant(file.modified_at), self._size_of)
                for file in listed
            ]
        except ValueError as exc:
            raise BadAnswer(f"the server gave a file of {self.eid} a strange time: {exc}") from exc

    def _listed(self) -> list[RemoteFile]:
        found = self._server.list_files([self.uuid])
        listed = found.files[self.uuid] if found is not None else None
        if listed is None:
            raise ExperimentNotFound(f"experiment {self.eid} does not exist for this user")
        return listed

    @brief
    def _size_of(self, name: str) -> int | None:
        found = self._server.probe_file(self.uuid, name)
        if found is None:
            raise RemoteFileNotFound(
                f"experiment {self.eid} has no file {name!r} any more", status=404
            )
        return found.size

    @checked
    def upload_file(
        self,
        file: str | Path,
        *,
        name: str | None = None,
        overwrite: bool = True,
        progress: Progress | bool | None = None,
    ) -> None:
        """Upload a file; one of the same name in the experiment is replaced, as by pyaqueduct.

        It is streamed, whatever its size, and stored only if it came whole. It may take as long as
        it takes; only 60 s without any progress end it.

        Server operation: ``POST /api/files/UUID``, after ``experiment`` if nothing may be replaced.

        Args:
            file: The path of the file, at most 4 GiB unless the server is set otherwise.
            name: The file's name in the experiment; its own if left out. At most 255 bytes of
                UTF-8, without slashes, colons and the like.
            overwrite: False lets a file that is there stay as it is. The embedded server makes
                sure of that; another server only if nobody else uploads it at the same time.
            progress: True shows a bar, on a terminal and in a notebook. Or a function, called with
                the bytes sent so far and the size in bytes.

        Raises:
            FileToUploadNotFoundError, FileUnreadable: The file cannot be read.
            FileChanged: It changed its size while it was read.
            AlreadyThere: It is there, and ``overwrite`` is False.
            NameNotSendable: The protocol cannot carry the name (characters outside Latin-1,
                control characters, blanks at an end).
            TransferRefused: The server refuses the name or the size.
            HeaderDropped: A proxy in front of the server drops the header with the name.
            FileUploadError: Together with `ServerUnreachable`.
        """
        path = Path(file)
        there = name_of(path) if name is None else name
        source, size = open_regular(path)
        with source, also_caught_as(FileUploadError, only=ServerUnreachable):
            if not overwrite and any(each.name == there for each in self._listed()):
                raise self._already(there)
            with _bar(there, progress=progress) as moved:
                chunks = watched(chunks_of(source, path), size, moved)
                expected = None if overwrite else Expected(None)
                try:
                    self._server.upload(self.uuid, there, chunks, size, expected=expected)
                except RemoteChanged as exc:
                    raise self._already(there) from exc

    def _already(self, name: str) -> AlreadyThere:
        return AlreadyThere(
            f"{name!r} is in {self.eid} already, and was left as it is", hint=_REPLACE
        )

    @checked
    def download_file(
        self,
        file_name: RemoteName,
        destination_dir: str | Path,
        *,
        overwrite: bool = True,
        progress: Progress | bool | None = None,
    ) -> None:
        """Download a file into a directory, replacing one of the same name there, as by pyaqueduct.

        It is written under a temporary name and renamed once it is whole: a download that breaks
        off leaves nothing under the real name. It may take as long as it takes; only 60 s without
        any progress end it.

        Server operation: ``GET /api/files/UUID/NAME``.

        Args:
            file_name: The file's name in the experiment, or an element of `files`.
            destination_dir: A directory that exists.
            overwrite: False lets a file that is there stay as it is.
            progress: True shows a bar, on a terminal and in a notebook. Or a function, called with
                the bytes received so far and the size in bytes, None if the server did not tell.

        Raises:
            RemoteFileNotFound: The experiment has no such file.
            AlreadyThere: It is there, and ``overwrite`` is False.
            NameNotSendable: No file can have this name.
            LocalError: The file cannot be written there.
            FileDownloadError: Together with every error.
        """
        name = name_in(file_name)
        with also_caught_as(FileDownloadError):
            if name != os.path.basename(name) or name in {"", ".", ".."}:  # noqa: PTH119 - Path drops what this must see
                raise NameNotSendable(f"{name!r} is not the name of a file")
            target = Path(destination_dir) / name
            if not overwrite and os.path.lexists(target):
                raise AlreadyThere(
                    f"{str(target)!r} exists already, and was left as it is", hint=_REPLACE
                )
            with (
                self._server.download(self.uuid, name) as coming,
                _bar(name, progress=progress) as moved,
            ):
                chunks = watched(coming.chunks(), coming.length, moved)
                write_whole(target, chunks, replace=overwrite)

    @checked
    def remove_files(self, files: list[RemoteName]) -> None:
        """Remove files from the experiment: all of them, or none if one is missing.

        Server operation: ``POST /api/files/UUID/delete_files``.

        Args:
            files: Their names, or elements of `files`; at least one.

        Raises:
            TransferRefused: With status 409 if a file is missing, 400 if none is named.
            FileRemovalError: Together with `ServerUnreachable`.
        """
        with also_caught_as(FileRemovalError, only=ServerUnreachable):
            self._server.remove_files(self.uuid, [name_in(each) for each in files])


@contextlib.contextmanager
def _bar(name: str, *, progress: Progress | bool | None) -> Iterator[Progress | None]:
    """Give the function to be called with how far a transfer is, if there is to be one."""
    if progress is not True:
        yield progress or None
        return
    from aqsync.aqueduct.transfer_bar import transfer_bar  # noqa: PLC0415 - rich is slow to import

    with transfer_bar(name, stays=True) as moved:
        yield moved
