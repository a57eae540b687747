"""A disk whose calls are timed: if one does not answer, its errand is given up."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Iterator
from contextlib import ExitStack, contextmanager
from itertools import islice
from pathlib import Path
from typing import TypeVar, TypeVarTuple

from aqsync.journal.mappings import RootIdentity
from aqsync.local.disk import Disk, Listing, OpenFile, Seen
from aqsync.local.errands import current, timed
from aqsync.local.open_files import OpenForWriting

_T = TypeVar("_T")
_Given = TypeVarTuple("_Given")

AT_ONCE = 256
"""Entries of a directory that are timed together."""


class AttendedDisk:
    """A disk whose calls are timed for the errand of the calling thread.

    Args:
        disk: The disk itself.
    """

    def __init__(self, disk: Disk) -> None:
        self._disk = disk

    @contextmanager
    def holding(self, root: Path, owners: Collection[int] = ()) -> Iterator[Disk]:
        """The same disk, with what stands at a root now."""
        with ExitStack() as stack:
            with timed(""):
                held = stack.enter_context(self._disk.holding(root, owners))
            yield AttendedDisk(held)

    def identity(self, root: Path, path: str = "") -> RootIdentity:
        """Which directory this is."""
        with timed(path):
            return self._disk.identity(root, path)

    def mounts_below(self, root: Path) -> frozenset[str]:
        """Where something is mounted below the root."""
        with timed(""):
            return self._disk.mounts_below(root)

    def open_for_writing(self, root: Path) -> OpenForWriting | None:
        """The files below a root that are open for writing."""
        with timed(""):
            return self._disk.open_for_writing(root)

    def write_back_ns(self) -> int:
        """Nanoseconds for which a page that was written to may change again without a sign."""
        return self._disk.write_back_ns()

    @contextmanager
    def listing(self, root: Path, path: str) -> Iterator[Listing]:
        """A directory's entries."""
        listing = self._disk.listing(root, path)
        opened: Listing | None = None
        try:
            with timed(path):
                opened = listing.__enter__()  # by hand, as an ExitStack takes longer
            yield Listing(opened.identity, _in_batches(path, opened.entries))
        finally:
            if opened is not None:
                listing.__exit__(None, None, None)

    def look(self, root: Path, path: str) -> Seen:
        """What is at a path below the root."""
        with timed(path):
            return self._disk.look(root, path)

    def open(self, root: Path, path: str) -> OpenFile:
        """Open what is at a path below the root."""
        opened: OpenFile | None = None
        try:
            with timed(path):
                opened = self._disk.open(root, path)
        except BaseException:
            if opened is not None:  # the errand was given up in the meantime
                opened.close()
            raise
        return _AttendedFile(opened, path)


def _in_batches(
    path: str, entries: Iterator[tuple[str, Seen | OSError]]
) -> Iterator[tuple[str, Seen | OSError]]:
    failed: OSError | None = None
    while failed is None:
        batch: list[tuple[str, Seen | OSError]] = []
        with timed(path):
            try:
                batch.extend(islice(entries, AT_ONCE))
            except OSError as exc:
                failed = exc  # entries before it still count
        yield from batch
        if len(batch) < AT_ONCE and failed is None:
            return
    raise failed


class _AttendedFile:
    """An open file that may be closed while another thread hangs in a read of it.

    Closing can hang as well, so the thread that already hangs does it then.
    """

    def __init__(self, file: OpenFile, path: str) -> None:
        self._file = file
        self._path = path
        self._lock = threading.Lock()
        self._in_use = False
        self._closed = False

    def look(self) -> Seen:
        """What it is now."""
        return self._ask(self._file.look)

    def read(self, size: int) -> bytes:
        """The next bytes."""
        return self._ask(self._file.read, size)

    def read_at(self, offset: int, size: int) -> bytes:
        """The bytes there."""
        return self._ask(self._file.read_at, offset, size)

    def locked_for_writing(self) -> bool:
        """Whether a program holds a lock for writing on it."""
        return self._ask(self._file.locked_for_writing)

    def cloned_into(self, descriptor: int) -> bool:
        """Let another file share its bytes."""
        return self._ask(self._file.cloned_into, descriptor)

    def fileno(self) -> int:
        """Its descriptor."""
        return self._file.fileno()

    def _ask(self, call: Callable[[*_Given], _T], *given: *_Given) -> _T:
        self._in_use = True
        try:
            with timed(self._path):
                return call(*given)
        finally:
            with self._lock:
                self._in_use = False
                closed = self._closed
            if closed:
                self._file.close()

    def close(self) -> None:
        """Read no more."""
        with self._lock:
            self._closed = True
            if self._in_use:
                return
        errand = current()
        if errand is None or errand.hang is not None:
            self._file.close()
        else:
            with errand.call(self._path):
                self._file.close()
