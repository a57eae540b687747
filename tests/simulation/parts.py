"""Parts of the daemon and of the world around it that tell the world when something happens.

Between any two things that aqsync does, a *moment* passes: there the world may let others act,
let another of aqsync's threads run, or kill the process.
"""

from __future__ import annotations

import errno
import os
import sqlite3
from collections.abc import Callable, Collection, Generator, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any, NamedTuple, Protocol
from uuid import UUID

from aqsync.aqueduct.download import Download
from aqsync.aqueduct.multipart import Throttle
from aqsync.aqueduct.records import (
    Expected,
    ExperimentRef,
    FileLists,
    RemoteProbe,
    RemovalReceipt,
    UploadReceipt,
)
from aqsync.errors import EventsUnavailable
from aqsync.journal import Journal
from aqsync.journal.mappings import RootIdentity
from aqsync.local.hints import Hints
from tests.simulation.fake_disk import FakeDisk
from tests.simulation.fake_server import Event, SimulatedServer
from tests.support.fake_clock import FakeClock

Moment = Callable[[str, str], None]
"""Called with what happens, and where."""


class Crash(BaseException):
    """The process is killed here."""


class Told(Protocol):
    """Called about answers that have arrived."""

    def listed(self, seconds: float) -> None:
        """A list took this many seconds."""

    def answered(self, *, checked: bool) -> None:
        """Whether the condition of a request was checked."""


class MomentServer(SimulatedServer):
    """A server whose answers take a moment to arrive.

    Args:
        clock: The time.
        moment: Told of requests, pieces and answers.
        stored: Called with each change of a file on the server.
        told: Told what the answers say.
        token: A secret that nobody may ever read anywhere.
    """

    def __init__(
        self,
        clock: FakeClock,
        moment: Moment,
        stored: Callable[[Event], None],
        told: Told,
        token: str,
    ) -> None:
        super().__init__(clock)
        self._told = told
        self.token = token
        self._moment = moment
        self._stored = stored

    def resolve(self, eids: Sequence[str]) -> dict[str, ExperimentRef | None]:
        self._moment("request", "resolve")
        answer = super().resolve(eids)
        self._moment("answer", "resolve")
        return answer

    def list_files(
        self, uuids: Sequence[UUID], *, known_digest: bytes | None = None
    ) -> FileLists | None:
        began = self._clock.monotonic()
        self._moment("request", "list_files")
        answer = super().list_files(uuids, known_digest=known_digest)
        self._moment("answer", "list_files")
        self._told.listed(self._clock.monotonic() - began)
        return answer

    def upload(
        self,
        uuid: UUID,
        name: str,
        chunks: Iterable[bytes],
        length: int,
        throttle: Throttle | None = None,
        *,
        expected: Expected | None = None,
    ) -> UploadReceipt:
        self._moment("request", "upload")
        passing = self._passing(chunks)
        receipt = super().upload(uuid, name, passing, length, throttle, expected=expected)
        self._moment("answer", "upload")
        if expected is not None:
            self._told.answered(checked=receipt.condition_checked)
        return receipt

    def _passing(self, chunks: Iterable[bytes]) -> Iterator[bytes]:
        for chunk in chunks:
            self._moment("chunk", "upload")
            yield chunk
        self._moment("chunk", "upload")

    @contextmanager
    def download(self, uuid: UUID, name: str, *, digest: bool = False) -> Iterator[Download]:
        self._moment("request", "download")
        with super().download(uuid, name, digest=digest) as download:
            self._moment("chunk", "download")
            yield download

    def probe_file(self, uuid: UUID, name: str) -> RemoteProbe | None:
        self._moment("request", "probe_file")
        found = super().probe_file(uuid, name)
        self._moment("answer", "probe_file")
        return found

    def remove_files(
        self, uuid: UUID, names: Sequence[str], *, expected: Expected | None = None
    ) -> RemovalReceipt:
        self._moment("request", "remove_files")
        receipt = super().remove_files(uuid, names, expected=expected)
        self._moment("answer", "remove_files")
        if expected is not None:
            self._told.answered(checked=receipt.condition_checked)
        return receipt

    def add_tags(self, uuid: UUID, tags: Sequence[str]) -> None:
        self._moment("request", "add_tags")
        super().add_tags(uuid, tags)
        self._moment("answer", "add_tags")

    def check_file_name_header(self) -> None:
        self._moment("request", "check")
        super().check_file_name_header()
        self._moment("answer", "check")

    def _became(self, event: Event) -> None:
        super()._became(event)
        self._stored(event)


def attend_to_writes(journal: Journal, moment: Moment, is_full: Callable[[], bool]) -> None:
    """Let a moment pass around each of a journal's transactions, and fail it on a full disk."""
    database = journal._database
    writing, write = database.writing, database.write

    @contextmanager
    def attended(*, waits: bool = False) -> Iterator[sqlite3.Connection]:
        moment("journal", "begin")
        with writing(waits=waits) as connection:
            yield connection
            moment("journal", "commit")
            if is_full():
                raise _full()
        moment("journal", "committed")

    def attended_write(statement: str, values: Sequence[str | bytes | float | None]) -> int:
        moment("journal", "begin")
        if is_full():
            with database._guard, database._undone_if_it_fails():
                raise _full()
        changed = write(statement, values)
        moment("journal", "committed")
        return changed

    replaced: Any = database
    replaced.writing, replaced.write = attended, attended_write


class Room:
    """The room for snapshots on the journal's disk.

    Args:
        folder: Tells where snapshots are made.
        is_full: Whether the disk is full.
        overfilled: Called when more is written than was free, but for what must stay free.
    """

    TOTAL, SPARE, PLENTY = 1_000_000, 50_000, 900_000

    def __init__(
        self,
        folder: Callable[[], Path],
        is_full: Callable[[], bool],
        overfilled: Callable[[], None],
    ) -> None:
        self._folder = folder
        self._is_full = is_full
        self._overfilled = overfilled
        self._free = self._promised_under = self.PLENTY

    def become(self, free: int, *, meanwhile: bool) -> None:
        """Others write to the disk, or make room.

        Args:
            free: Bytes that are free now.
            meanwhile: A snapshot may be under way, which was promised what was free before.
        """
        self._promised_under = max(free, self._free if meanwhile else 0)
        self._free = free

    def usage(self, _folder: Path) -> Usage:
        """See `shutil.disk_usage`."""
        free = 0 if self._is_full() else max(0, self._free - self._used())
        return Usage(self.TOTAL, self.TOTAL - free, free)

    def write(self, copy: int, piece: bytes) -> None:
        """Write a piece of a snapshot, if there is room.

        Raises:
            OSError: There is none.
        """
        used = self._used() + len(piece)
        if used > self._promised_under - self.SPARE:
            self._overfilled()
        if self._is_full() or used > self._free:
            raise OSError(errno.ENOSPC, "No space left on device")
        os.write(copy, piece)

    def _used(self) -> int:
        return sum(part.stat().st_size for part in self._folder().glob("*/*"))


class Usage(NamedTuple):
    """Bytes of a disk."""

    total: int
    used: int
    free: int


def _full() -> sqlite3.OperationalError:
    error = sqlite3.OperationalError("database or disk is full")
    error.sqlite_errorcode = sqlite3.SQLITE_FULL
    return error


class SimulatedWatch:
    """A watcher that hears what the world lets it hear.

    Args:
        disk: Where the root is.
        root: The root.
        health: What is wrong with watchers now.
    """

    def __init__(self, disk: FakeDisk, root: Path, health: WatchHealth) -> None:
        self._disk = disk
        self._root = root
        self._health = health
        self._started_on: RootIdentity | None = None
        self._paths: set[str] = set()
        self._closed: set[str] = set()
        self._lost: str | None = None

    def start(self) -> None:
        if self._health.cannot_start:
            raise EventsUnavailable("no more watches", hint="raise the limit")
        try:
            self._started_on = self._disk.identity(self._root)
        except OSError as exc:
            raise EventsUnavailable("the directory is gone") from exc

    def stop(self) -> None:
        self._started_on = None

    def hear(self, path: str, *, closed: bool = False) -> bool:
        """An event arrives; false if nobody listens there.

        Args:
            path: Where.
            closed: A program that could write has closed the file.
        """
        if self._started_on is None or self._started_on != self._now():
            return False
        self._paths.add(path)
        if closed:
            self._closed.add(path)
        return True

    def overflow(self) -> None:
        """Events were thrown away."""
        self._lost = "events were lost"

    def _now(self) -> RootIdentity | None:
        with self._health.unattended():
            try:
                return self._disk.identity(self._root)
            except OSError:
                return None

    def take(self) -> Hints:
        hints = Hints(frozenset(self._paths), self._lost, frozenset(self._closed))
        self._paths, self._closed, self._lost = set(), set(), None
        return hints

    def ailment(self) -> str | None:
        return "its thread has died" if self._health.ill else None

    def reach(self, path: str) -> bool:
        """It hears of every directory, barred or not, as far as events go."""
        del path
        return False

    def blind(self, directories: Collection[int]) -> int:
        return min(self._health.blind_to, len(directories))

    def proves(self, timeout_s: float) -> bool:
        assert timeout_s > 0
        return not self._health.deaf


class WatchHealth:
    """What is wrong with the system's events now.

    Args:
        unattended: Within it no moment passes.
    """

    def __init__(self, unattended: Callable[[], AbstractContextManager[None]]) -> None:
        self.unattended = unattended
        self.heal()

    def heal(self) -> None:
        """All is well."""
        self.cannot_start = self.ill = self.deaf = False
        self.blind_to = 0


def eager_read_ahead(chunks: Iterator[bytes]) -> Generator[bytes]:
    """`aqsync.local.read_ahead` on one thread: the next chunk is ready before this one is used."""
    coming = _next_of(chunks)
    while True:
        if isinstance(coming, BaseException):
            raise coming
        if coming is None:
            return
        chunk, coming = coming, _next_of(chunks)
        yield chunk


def lazy_read_ahead(chunks: Iterator[bytes]) -> Generator[bytes]:
    """The same, with a helper that is always slow."""
    yield from chunks


def _next_of(chunks: Iterator[bytes]) -> bytes | BaseException | None:
    try:
        return next(chunks, None)
    except BaseException as exc:  # noqa: BLE001 - comes out where its chunk would have
        return exc
