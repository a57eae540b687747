"""One experiment, as people handle it in scripts and notebooks."""

from __future__ import annotations

import contextlib
import io
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
from aqsync.aqueduct.experiment_tree import (
    file_in,
    find_tree,
    listed_files,
    listed_in,
    require_whole,
)
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
from aqsync.aqueduct.records import Expected, ExperimentRef
from aqsync.aqueduct.remote_reading import open_remote
from aqsync.aqueduct.tree_moves import TreeReport
from aqsync.aqueduct.typed import instant
from aqsync.aqueduct.whole_trees import download_tree, upload_tree
from aqsync.errors import (
    AlreadyThere,
    BadAnswer,
    FileDownloadError,
    FileRemovalError,
    FileUploadError,
    NameNotSendable,
    RemoteChanged,
    RemoteFileNotFound,
    ServerUnreachable,
)
from aqsync.layout.tree import Tree

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
    _seen: tuple[bytes | None, Tree | None] = PrivateAttr((None, None))
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
        listed = listed_files(self._server, self.uuid)
        try:
            return [
                ExperimentFile(file.name, instant(file.modified_at), self._size_of)
                for file in listed
            ]
        except ValueError as exc:
            raise BadAnswer(f"the server gave a file of {self.eid} a strange time: {exc}") from exc

    @property
    @brief
    def paths(self) -> dict[str, str]:
        """The files as the tree that they were: by path, the name in the experiment.

        A file has a path in folders where a manifest tells it, as aqsync and `upload_folder` write
        them; any other stands under its name. One prefix that they all have is left away.

        Server operation: ``experiment``, and ``GET /api/files/UUID/NAME`` for each manifest.
        """
        tree = self._tree()
        require_whole(tree)
        return tree.paths

    def _tree(self) -> Tree:
        """The tree; manifests are read again only when the list of files has changed."""
        digest, tree = self._seen
        found = self._server.list_files([self.uuid], known_digest=digest)
        if found is not None or tree is None:
            listed = listed_in(found, self.uuid)
            tree = find_tree(self._server, self.uuid, listed=listed).tree
            # What was not given now may be given the next time.
            self._seen = None if found is None or tree.unread else found.digest, tree
        return tree

    @checked
    def open(self, file: RemoteName) -> io.BufferedReader:
        """Open a file for reading, in binary, without a file on this machine.

        It comes as it is read, and can be gone back in (`seek`), so that ``numpy.load``,
        ``h5py.File``, ``json.load`` and ``zipfile.ZipFile`` take it. What has come is kept until it
        is closed: up to 64 MiB in memory, more in a temporary file without a name. Close it, or use
        it in a ``with``; that breaks off what has not come yet.

        Server operation: ``GET /api/files/UUID/NAME``, after those of `paths`.

        Args:
            file: The file's path as in `paths`, its name in the experiment, or an element of
                `files`.

        Returns:
            A file object. Reading may raise what this method raises, and `ContentDiffers` at the
            end if what came is not what a manifest says was sent.

        Raises:
            RemoteFileNotFound: The experiment has no such file.
        """
        return open_remote(self._server, self.uuid, file_in(self._tree(), name_in(file), self.eid))

    @checked
    def download_all(
        self,
        directory: str | Path,
        *,
        overwrite: bool = False,
        decode: bool = False,
        prefix: str | None = None,
        progress: bool = False,
    ) -> TreeReport:
        """Bring all files into a directory, as the tree that they were.

        Folders, empty ones and times of modification come back as far as manifests tell them, and
        the SHA-256 of what comes is compared with theirs. Each file is written under a temporary
        name and renamed once it is whole. What is there and equal is not fetched, so the same call
        goes on with what was broken off. Nothing outside the directory is written, whatever names
        and manifests say, and no symbolic link in it is followed.

        Server operation: ``GET /api/files/UUID/NAME`` for each file, after those of `paths`.

        Args:
            directory: It is made if it is missing.
            overwrite: Whether files that differ are replaced.
            decode: Whether names that no manifest tells of become paths too, where aqsync could
                have made them: ``a~b`` becomes ``a/b``.
            prefix: Only what came with this prefix, without it.
            progress: Whether to show a bar, on a terminal and in a notebook.

        Returns:
            The paths of what came and of what was there already, and notes.

        Raises:
            TreeIncomplete: Some files did not come, for reasons that it has; the others did. A file
                called ``aqsync.yaml`` is among them: it would become a configuration.
            LocalError: The directory cannot be made, or its disk is full.
            ConfigError: Nothing came with this prefix.
        """
        return download_tree(
            self._server,
            self._last,
            Path(directory),
            overwrite=overwrite,
            decode=decode,
            prefix=prefix,
            progress=progress,
        )

    @checked
    def upload_folder(
        self,
        directory: str | Path,
        *,
        prefix: str | None = None,
        overwrite: bool = False,
        progress: bool = False,
    ) -> TreeReport:
        """Put a directory into the experiment as it is, with all that is below it.

        Each file gets the name that aqsync gives its path; `paths`, `download_all` and ``aqsync
        pull`` give the tree back, by the manifest that is uploaded after the files. A second upload
        of the same directory sends what is new, and renews the manifest. Symbolic links, FIFOs,
        sockets and devices are left out, and the report names them.

        Server operation: ``POST /api/files/UUID`` for each file and for the manifest, after those
        of `paths`, and on other servers than the embedded one after ``GET /api/files/UUID/NAME``.

        Args:
            directory: The directory.
            prefix: What all names begin with, as with ``prefix`` in a mapping.
            overwrite: Whether other content in the experiment is replaced. If not, the embedded
                server makes sure of it; another server is asked just before each file.
            progress: Whether to show a bar, on a terminal and in a notebook.

        Returns:
            The paths of what was sent and of what was there already, and notes.

        Raises:
            TreeIncomplete: Some files were not sent, for reasons that it has; the others were.
            LocalError: The directory cannot be read.
            ConfigError: The prefix cannot be one.
        """
        return upload_tree(
            self._server,
            self._last,
            Path(directory),
            prefix=prefix,
            overwrite=overwrite,
            progress=progress,
        )

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
            if not overwrite and any(
                each.name == there for each in listed_files(self._server, self.uuid)
            ):
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
