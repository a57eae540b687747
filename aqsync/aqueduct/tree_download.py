"""The files of an experiment, brought into a directory as the tree that they were."""

from __future__ import annotations

import hashlib
import stat
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from threading import BoundedSemaphore, Event
from typing import BinaryIO
from uuid import UUID

from aqsync.aqueduct.client import Client
from aqsync.aqueduct.download import Download
from aqsync.aqueduct.experiment_tree import listed_files
from aqsync.aqueduct.folder import Folder
from aqsync.aqueduct.hashing import Hashing
from aqsync.aqueduct.local_files import Progress, watched
from aqsync.aqueduct.partial_file import is_replaceable
from aqsync.aqueduct.side_by_side import THREADS, side_by_side
from aqsync.aqueduct.tree_moves import Moved, of_one_file
from aqsync.aqueduct.typed import instant
from aqsync.errors import (
    AlreadyThere,
    ContentDiffers,
    FileUnreadable,
    Interrupted,
    LocalError,
    ServerUnreachable,
)
from aqsync.layout.other_systems import spelled_otherwise
from aqsync.layout.tree import Known, Tree, TreeFile

CONFIGURATION = "aqsync.yaml"
"""A file of this name, in whatever case, would be the configuration of commands in its folder."""

_SYNCING = 4
"""Files that wait for the disk while four others come; more threads only get in their way."""
_READ_BYTES = 512 * 1024


def refuse_configuration(file: TreeFile, shown: str) -> None:
    """Refuse a file that nobody has asked for by its name, and that would be a configuration.

    Args:
        file: The file.
        shown: Where it would stand.

    Raises:
        LocalError: It is one.
    """
    if file.path.rpartition("/")[2].casefold() == CONFIGURATION:
        raise LocalError(
            f"{shown!r} was left out: commands in its folder would take it for their configuration",
            hint=f"to have it all the same, name it: aqsync files get EID {file.name}",
        )


class TreeDownload:
    """Brings files of one experiment into a directory; threads may share one.

    A file that is there and equal is not fetched. One that differs is replaced only if that is
    asked for. What comes is compared with the SHA-256 that is known of it.

    Args:
        server: The server.
        uuid: The experiment.
        folder: Where files are put.
        overwrite: Whether something else that is there is replaced.
        came: Called with the number of bytes that have come; from any thread.
    """

    def __init__(
        self,
        server: Client,
        uuid: UUID,
        folder: Folder,
        *,
        overwrite: bool,
        came: Callable[[int], object] = lambda _: None,
    ) -> None:
        self._server = server
        self._uuid = uuid
        self._folder = folder
        self._overwrite = overwrite
        self._came = came
        self._stop = Event()
        self._few = BoundedSemaphore(THREADS)

    def all_of(self, tree: Tree, *, abort: Callable[[], object] = lambda: None) -> Iterator[Moved]:
        """Bring a whole tree, four files at a time; one that cannot come stops no other.

        Args:
            tree: The tree.
            abort: Called if it ends early, before the threads are waited for.

        Yields:
            What became of each file, and of each empty folder that could not be made, as it ends.

        Raises:
            AqsyncError: No file could come, or no other.
        """
        alone = self._without_place(tree)
        for folder in tree.folders:
            made = of_one_file(lambda folder=folder: self._made(folder), folder, "")  # type: ignore[misc]
            if made.problem is not None:
                yield made

        def bring(file: TreeFile) -> Moved:
            return of_one_file(lambda: self._unasked(file, alone), file.path, file.name)

        # More threads than transfers: files that wait for the disk share its commits.
        yield from side_by_side(
            tree.files, bring, stop=self._stop, abort=abort, threads=_SYNCING + THREADS
        )
        self._folder.make_durable()

    def bring(self, file: TreeFile) -> Moved:
        """Bring one file.

        Raises:
            AlreadyThere: Something else is there.
            LocalError: It cannot be written.
            ContentDiffers: What came is not what was sent.
            RemoteError: It does not come.
        """
        there = self._folder.stat(file.path)
        if there is None:
            try:
                return self.fetch(file, replace=False)
            except LocalError as exc:
                there = self._folder.stat(file.path)
                if there is None or not isinstance(exc.__cause__, FileExistsError):
                    raise  # else another download into this directory was quicker
        if not is_replaceable(there):
            raise LocalError(
                f"{self._folder.shown(file.path)!r} is a folder, a pipe or a device, and was left"
                " as it is"
            )
        with self._few:
            is_equal = stat.S_ISREG(there.st_mode) and self._is_equal(file, there.st_size)
        if is_equal:
            self._folder.tidy(file.path)
            told = file.told
            if self._overwrite and told is not None and there.st_mtime_ns != told.mtime_ns:
                if there.st_nlink > 1:  # its other names may be somebody's backup
                    return self.fetch(file, replace=True)
                self._folder.touch(file.path, told.mtime_ns)
            return Moved(file.path, file.name, was_there=True)
        if not self._overwrite:
            raise AlreadyThere(
                f"{self._folder.shown(file.path)!r} is something else than in the experiment, and"
                " was left as it is"
            )
        return self.fetch(file, replace=True)

    def fetch(self, file: TreeFile, *, replace: bool, progress: Progress | None = None) -> Moved:
        """Bring one file, whatever is there.

        Args:
            file: The file.
            replace: Whether it takes the place of what is there.
            progress: Told how far it is.

        Raises:
            LocalError: It cannot be written.
            ContentDiffers: What came is not what was sent.
            RemoteError: It does not come.
        """
        with ExitStack() as stack:
            with self._few, arriving_file(self._server, self._uuid, file) as arriving:
                partial = stack.enter_context(self._folder.partial(file.path))
                chunks = self._counted(arriving.chunks())
                partial.fill(watched(chunks, arriving.length, progress))
            partial.finish(replace=replace, mtime_ns=arriving.mtime_ns)
        return Moved(file.path, file.name, arriving.size, note=arriving.note)

    def _unasked(self, file: TreeFile, alone: frozenset[str]) -> Moved:
        shown = self._folder.shown(file.path)
        refuse_configuration(file, shown)
        if file.path in alone:
            raise LocalError(
                f"{shown!r} was left out: the file system takes its name for that of another file"
                " of the experiment, whose letters have another case",
                hint="get it into another folder",
            )
        try:
            return self.bring(file)
        except ServerUnreachable:
            self._go_on()
            return self.bring(file)  # a connection may break: only twice is it the server

    def _without_place(self, tree: Tree) -> frozenset[str]:
        """Files whose place another has, on a file system that does not tell names apart."""
        others = spelled_otherwise(file.path for file in tree.files)
        return frozenset(others) if others and self._folder.folds_case() else frozenset()

    def _made(self, folder: str) -> Moved:
        self._folder.make(folder)
        return Moved(folder, "")

    def _is_equal(self, file: TreeFile, size: int) -> bool:
        with self._folder.reading(file.path) as here:
            if file.told is None:
                with self._server.download(self._uuid, file.name) as coming:
                    return coming.length in {None, size} and self._is_same(here, coming, file.path)
            if file.told.size != size:
                return False
            digest = hashlib.sha256()
            while chunk := self._read(here, _READ_BYTES, file.path):
                self._go_on()
                digest.update(chunk)
        return digest.hexdigest() == file.told.sha256

    def _is_same(self, here: BinaryIO, coming: Download, path: str) -> bool:
        for chunk in self._counted(coming.chunks()):
            there = memoryview(chunk)
            while there:
                ours = self._read(here, len(there), path)
                if not ours or ours != there[: len(ours)]:
                    return False
                there = there[len(ours) :]
        return not self._read(here, 1, path)

    def _read(self, source: BinaryIO, size: int, path: str) -> bytes:
        try:
            return source.read(size)
        except OSError as exc:
            shown = self._folder.shown(path)
            raise FileUnreadable(f"{shown!r} cannot be read: {exc.strerror}") from exc

    def _counted(self, chunks: Iterable[bytes]) -> Iterator[bytes]:
        for chunk in chunks:
            self._go_on()
            self._came(len(chunk))
            yield chunk

    def _go_on(self) -> None:
        if self._stop.is_set():
            raise Interrupted("the download was broken off")


@contextmanager
def arriving_file(server: Client, uuid: UUID, file: TreeFile) -> Iterator[Arriving]:
    """Open a file of an experiment for reading, to be compared with what is known of it.

    Raises:
        RemoteError: It does not come.
    """
    with server.download(uuid, file.name) as coming:

        def was_replaced() -> bool:
            second = coming.modified_second
            with suppress(ValueError):
                if second not in {None, int(instant(file.modified_at).timestamp())}:
                    return True
            now = {each.name: each.modified_at for each in listed_files(server, uuid)}
            return now.get(file.name) != file.modified_at

        yield Arriving(file, coming, was_replaced)


class Arriving:
    """A file that comes, and is compared with what is known of it.

    Args:
        file: The file.
        coming: Its download.
        was_replaced: Asked whether the server has another version by now than it listed.
    """

    def __init__(self, file: TreeFile, coming: Download, was_replaced: Callable[[], bool]) -> None:
        self._file = file
        self._coming = coming
        self._was_replaced = was_replaced
        self.length = coming.length
        """The file's size in bytes; None if the server did not tell."""
        self.size = 0
        """The bytes that have come."""
        self.mtime_ns: int | None = None
        """When it was last modified where it came from; None until it has come whole, and if what
        is known of it is of another version."""
        self.note = ""
        """That what came could not be compared, and why."""

    def chunks(self) -> Iterator[bytes]:
        """Give its bytes.

        Raises:
            ContentDiffers: After the last: they are not what is known to have been sent.
        """
        known = self._file.known
        with Hashing(self.length if known is not None else None) as digest:
            for chunk in self._coming.chunks():
                if known is not None:
                    digest.update(chunk)
                self.size += len(chunk)
                yield chunk
            if known is not None:
                self._judge(known, digest.hexdigest())

    def _judge(self, known: Known, sha256: str) -> None:
        if sha256 == known.sha256:
            self.mtime_ns = known.mtime_ns
        elif self._file.told is None or self._was_replaced():
            self.note = (
                "it is another version than the one that is known of, as if it was replaced on the"
                " server since: its time is not known, and its content was compared with nothing"
            )
        else:
            raise ContentDiffers(
                f"{self._file.name!r} was left out: its bytes on the server are not those that"
                f" were sent (SHA-256 {sha256} in place of {known.sha256})",
                hint="get it by its name on the server to look at it",
            )
