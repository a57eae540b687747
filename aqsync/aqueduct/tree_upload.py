"""A directory, put into an experiment as it is: every file, and a manifest of where each stood."""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime, timedelta
from threading import Event
from typing import BinaryIO, NamedTuple
from uuid import UUID

from aqsync.aqueduct.client import Client
from aqsync.aqueduct.experiment_tree import find_tree, listed_files
from aqsync.aqueduct.folder import Folder
from aqsync.aqueduct.folder_manifest import FolderManifest, Sent
from aqsync.aqueduct.records import Expected, ExperimentRef, UploadReceipt
from aqsync.aqueduct.side_by_side import side_by_side
from aqsync.aqueduct.tree_moves import Moved, of_one_file
from aqsync.aqueduct.typed import instant
from aqsync.errors import (
    AlreadyThere,
    ConfigError,
    FileChanged,
    FileUnreadable,
    Interrupted,
    LocalError,
    RemoteChanged,
    RemoteError,
)
from aqsync.layout.names import is_inside, remote_name
from aqsync.layout.own_files import is_own
from aqsync.layout.tree import Known

_READ_BYTES = 512 * 1024
_A_MOMENT = timedelta(seconds=2)
"""An upload's time is this much later than what its answer says, at most: that has seconds only."""


class Walk:
    """What is in a directory; links are not followed.

    Raises:
        LocalError: The directory itself cannot be looked at.
    """

    def __init__(self, folder: Folder) -> None:
        self._folder = folder
        self.files: list[str] = []
        self.empty: list[str] = []
        """Folders with nothing in them that can be uploaded."""
        self.skipped: list[str] = []
        """Links, FIFOs, sockets and devices."""
        self.closed: list[Moved] = []
        """Folders that cannot be looked at, each with its problem."""
        waiting = [""]
        while waiting:
            path = waiting.pop()
            try:
                waiting += self._look_at(path)
            except LocalError as exc:
                if not path:
                    raise
                self.closed.append(Moved(path, "", problem=exc))
        self.files.sort()

    def _look_at(self, path: str) -> list[str]:
        first = f"{path}/" if path else ""
        folders = []
        files = len(self.files)
        for entry in self._folder.list(path):
            if is_own(entry.name):
                continue
            if entry.is_folder:
                folders.append(first + entry.name)
            else:
                (self.files if entry.is_file else self.skipped).append(first + entry.name)
        if path and not folders and len(self.files) == files:
            self.empty.append(path)
        return folders


class TreeUpload:
    """Puts a directory into an experiment.

    What is there and equal is not sent. What differs is replaced only if that is asked for.

    Args:
        server: The server.
        found: The experiment.
        folder: The directory.
        prefix: What every name begins with, if anything.
        overwrite: Whether other content on the server is replaced.

    Raises:
        ConfigError: The prefix cannot be one.
        RemoteError: The experiment cannot be looked at.
    """

    def __init__(
        self,
        server: Client,
        found: ExperimentRef,
        folder: Folder,
        *,
        prefix: str | None,
        overwrite: bool,
    ) -> None:
        if prefix is not None and not is_inside(prefix):
            raise ConfigError(f"{prefix!r} cannot be a prefix: it must be a relative path")
        self._server = server
        self._uuid = found.uuid
        self._folder = folder
        self._prefix = prefix
        self._overwrite = overwrite
        self._progress: Callable[[int], object] = lambda _: None
        self._stop = Event()
        self._checks = False
        """Whether the server has said that it checks conditions."""
        self._there = _There(server, found.uuid)
        self._manifest = FolderManifest(server, found, folder.path, prefix)
        self._sent: list[_Sent] = []

    def all_of(
        self,
        walk: Walk,
        *,
        sent: Callable[[int], object] = lambda _: None,
        abort: Callable[[], object] = lambda: None,
    ) -> Iterator[Moved]:
        """Put everything there, four files at a time; one that cannot go stops no other.

        However it ends, what was put there is in the manifest.

        Args:
            walk: What to put there.
            sent: Called with the number of bytes that have been sent; from any thread.
            abort: Called if it ends early, before the threads are waited for.

        Yields:
            What became of each file, as it ends.

        Raises:
            AqsyncError: No file could go, or no other; or the manifest could not.
        """

        def put(path: str) -> Moved:
            name = remote_name(path, self._prefix)
            return of_one_file(lambda: self._put(path, name), path, name)

        self._progress = sent
        ended = False
        try:
            yield from side_by_side(walk.files, put, stop=self._stop, abort=abort)
            ended = True
        finally:
            try:
                self._write_down(walk)
            except RemoteError:
                if ended:
                    raise  # else what ended it says more

    def _write_down(self, walk: Walk) -> None:
        if self._sent or walk.empty:
            now = {file.name: file.modified_at for file in listed_files(self._server, self._uuid)}
            lines = (each.line._replace(modified_at=each.listed(now)) for each in self._sent)
            self._manifest.renew(lines, walk.empty, now)

    def _put(self, path: str, name: str) -> Moved:
        with self._folder.reading(path) as source:
            local = _Local(source, self._folder.shown(path), self._go_on)
            old = self._there.times.get(name)
            if old is not None:
                sha256 = self._equal(local, name)
                if sha256 is not None:
                    self._note(path, name, local, sha256, old, None)
                    return Moved(path, name, was_there=True)
                if not self._overwrite:
                    raise _already(name)
            digest = hashlib.sha256()
            self._require_free(name)
            try:
                receipt = self._server.upload(
                    self._uuid,
                    name,
                    self._counted(local.chunks(digest.update)),
                    local.size,
                    expected=None if self._overwrite else Expected(None),
                )
            except RemoteChanged as exc:
                raise _already(name) from exc
            self._checks = receipt.condition_checked
        self._note(path, name, local, digest.hexdigest(), old, receipt)
        return Moved(path, name, local.size)

    def _require_free(self, name: str) -> None:
        """The list may be hours old, and not every server checks that nothing is replaced.

        Raises:
            AlreadyThere: Somebody has stored a file of this name since.
        """
        if self._overwrite or self._checks:
            return
        if self._server.probe_file(self._uuid, name) is not None:
            raise _already(name)

    def _equal(self, local: _Local, name: str) -> str | None:
        """The SHA-256 of a file that stands on the server as it is here; None if it does not."""
        told = self._there.told(name)
        if told is not None:
            sha256 = local.sha256() if told.size == local.size else None
            return sha256 if sha256 == told.sha256 else None
        digest = hashlib.sha256()
        with self._server.download(self._uuid, name) as coming:
            if coming.length not in {None, local.size}:
                return None
            for chunk in coming.chunks():
                self._go_on()
                digest.update(chunk)
        sha256 = local.sha256()
        return sha256 if sha256 == digest.hexdigest() else None

    def _note(
        self,
        path: str,
        name: str,
        local: _Local,
        sha256: str,
        old: str | None,
        receipt: UploadReceipt | None,
    ) -> None:
        line = Sent(path, name, local.size, sha256, local.mtime_ns, "")
        self._sent.append(_Sent(line, old, receipt))  # of one thread at a time, as lists are

    def _counted(self, chunks: Iterable[bytes]) -> Iterator[bytes]:
        for chunk in chunks:
            yield chunk
            self._progress(len(chunk))

    def _go_on(self) -> None:
        if self._stop.is_set():
            raise Interrupted("the upload was broken off")


class _There:
    """What is in the experiment before anything is sent."""

    def __init__(self, server: Client, uuid: UUID) -> None:
        tree = find_tree(server, uuid).tree
        self.times = {file.name: file.modified_at for file in tree.files}
        self._told = {file.name: file.told for file in tree.files}

    def told(self, name: str) -> Known | None:
        return self._told[name]


class _Sent(NamedTuple):
    """A file that is on the server."""

    line: Sent
    old: str | None
    """The time of what was listed under its name before."""
    receipt: UploadReceipt | None
    """None: it was there already."""

    def listed(self, now: dict[str, str]) -> str:
        """The listed time of this very version; empty if that cannot be told."""
        at = now.get(self.line.name, "")
        if self.receipt is None:
            return at if at == self.old else ""
        if self.receipt.modified_at is not None:
            return at if at == self.receipt.modified_at else ""
        return at if at != self.old and _is_from(at, self.receipt.server_date) else ""


class _Local:
    """A file here that must not change while it is read.

    Args:
        source: The file.
        shown: Its path, for errors.
        go_on: Called before each piece is read; may raise.
    """

    def __init__(self, source: BinaryIO, shown: str, go_on: Callable[[], None]) -> None:
        self._source = source
        self._shown = shown
        self._go_on = go_on
        self._seen = self._look()
        self.size, self.mtime_ns = self._seen[:2]

    def chunks(self, see: Callable[[bytes], object]) -> Iterator[bytes]:
        """Give it from its beginning; the last piece only if it has not changed meanwhile.

        Raises:
            FileChanged: It has.
            FileUnreadable: It cannot be read.
        """
        with self._translated():
            self._source.seek(0)
            chunk = self._source.read(_READ_BYTES)
        while chunk:
            self._go_on()
            with self._translated():
                after = self._source.read(_READ_BYTES)
            if not after and self._look() != self._seen:
                raise FileChanged(f"{self._shown!r} changed while it was read")
            see(chunk)
            yield chunk
            chunk = after

    def sha256(self) -> str:
        """The digest of its content; raises as `chunks` does."""
        digest = hashlib.sha256()
        for _ in self.chunks(digest.update):
            pass
        return digest.hexdigest()

    def _look(self) -> tuple[int, int, int]:
        with self._translated():
            status = os.fstat(self._source.fileno())
        return status.st_size, status.st_mtime_ns, status.st_ctime_ns

    @contextlib.contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except OSError as exc:
            raise FileUnreadable(f"{self._shown!r} cannot be read: {exc.strerror}") from exc


def _already(name: str) -> AlreadyThere:
    return AlreadyThere(
        f"{name!r} is in the experiment already, with other content, and was left as it is"
    )


def _is_from(listed: str, answered: datetime | None) -> bool:
    """Whether a listed time is that of an upload which was answered at this time."""
    with contextlib.suppress(ValueError):
        return answered is not None and instant(listed) <= answered + _A_MOMENT
    return False
