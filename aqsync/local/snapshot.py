"""A consistent copy of a database whose writer may be at work, as one file.

The copy is made from outside, without SQLite and without a lock, below the folder of the journal.
Database and log are copied one after the other, and are consistent by this rule: the header of the
log, with its two salts, is the same before the database is copied, in the copy of the log, and
after that. Then frames were only added to the log meanwhile: a checkpoint can only have written
frames into the database that the later copy of the log still has, and a log that was begun anew has
other salts. Without a log that holds anything, neither the database nor its journal may change
while they are copied. Otherwise it is tried again.

Then SQLite writes the log into the copy, or rolls a killed writer's journal back, and checks it.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from functools import partial
from pathlib import Path
from typing import IO

from aqsync.clock import Clock
from aqsync.errors import (
    DatabaseBusy,
    DatabaseDamaged,
    FileChanged,
    LocalError,
    NoRoomForSnapshot,
    SharedTransaction,
)
from aqsync.local.content import Content, Held
from aqsync.local.database_source import DatabaseSource, DatabaseState, GoesOn
from aqsync.local.disk import Disk
from aqsync.local.private_copy import made_whole
from aqsync.local.reader import CHUNK, GuardedFile
from aqsync.local.sqlite_files import (
    FILE_HEADER,
    HEADER,
    JOURNAL,
    LOG,
    LOG_HEADER,
    begins_journal,
    change_counter,
    log_header,
    names_other_journal,
)
from aqsync.model import SECOND_NS, Signature
from aqsync.timestamps import granularity_ns

ATTEMPTS = 5
"""How often a copy is tried in one job; of a busy writer, one in five has to be repeated."""
LONGEST_S = 300.0
"""No attempt begins after so many seconds."""
SPARE_BYTES, SPARE_SHARE = 1 << 30, 0.05
"""So much of the journal's disk stays free: the smaller of the two."""
TICK_NS = 50_000_000
"""Kernels keep times in steps of up to 10 ms: two writes within one step look like one."""


class Snapshots:
    """Makes snapshots; usable from several threads.

    Args:
        folder: A folder of its own beside the journal; it is made when it is needed.
        clock: The time.
    """

    def __init__(self, folder: Path, clock: Clock) -> None:
        self._folder = folder
        self.clock = clock
        self._guard = threading.Lock()
        self._promised = 0
        """Bytes of the disk that snapshots under way may need."""

    def clear(self) -> None:
        """Remove what a process that was killed has left."""
        shutil.rmtree(self._folder, ignore_errors=True)

    @contextmanager
    def of(
        self, disk: Disk, root: Path, path: str, expected: Signature | None, goes_on: GoesOn
    ) -> Iterator[Held]:
        """A snapshot of a database, held until the end of the context.

        Args:
            disk: Where the database is.
            root: The mapping's directory.
            path: The database's path below it.
            expected: Its signature when it was decided on; None: whatever it is now.
            goes_on: Called often.

        Raises:
            FileChanged: It is another version than the expected one.
            FileVanished: It is not there.
            FileUnreadable: It cannot be read.
            SnapshotFailed: No consistent copy could be made.
        """
        source = DatabaseSource(disk, root, path, goes_on)
        with self._room() as room:
            taken = _Attempts(source, room, self.clock, expected).taken()
            if isinstance(taken, Signature):
                at_rest = partial(_AtRest, source, root, path, taken, disk)
                yield Held(at_rest, taken.size, room.damage)
            else:
                copy: Content = taken
                modified_ns = taken.state.committed_ns
                yield Held(lambda: nullcontext(copy), copy.size, room.damage, modified_ns)

    @contextmanager
    def _room(self) -> Iterator[_Room]:
        try:
            with suppress(FileExistsError):
                self._folder.mkdir(mode=0o700)
            place = Path(tempfile.mkdtemp(dir=self._folder))
        except OSError as exc:
            raise _disk_failed(exc) from exc
        room = _Room(place, self)
        try:
            yield room
        finally:
            room.close()

    @contextmanager
    def scratch(self, size: int) -> Iterator[IO[bytes]]:
        """A file for so many bytes, gone at the end of the context.

        Raises:
            NoRoomForSnapshot: There is no room for them.
        """
        self.promise(size)
        try:
            with tempfile.NamedTemporaryFile(dir=self._folder) as file:
                yield file
        finally:
            self.give_back(size)

    def promise(self, size: int) -> None:
        """So many bytes more are about to be written.

        Raises:
            NoRoomForSnapshot: There is no room for them.
        """
        usage = shutil.disk_usage(self._folder)
        spare = min(SPARE_BYTES, int(SPARE_SHARE * usage.total))
        with self._guard:
            if usage.free - self._promised - size < spare:
                raise NoRoomForSnapshot(
                    f"a snapshot needs {size} bytes in {self._folder}, and {usage.free} are free",
                    hint="make room on that disk, or give `journal` a place on a larger one",
                )
            self._promised += size

    def give_back(self, size: int) -> None:
        """So many bytes are no longer needed."""
        with self._guard:
            self._promised -= size


class _Room:
    """A private folder for one snapshot."""

    def __init__(self, place: Path, snapshots: Snapshots) -> None:
        self._place, self._snapshots = place, snapshots
        self._promised = 0
        self.damage: str | None = None
        self.stayed = False
        """Nothing of the database has changed while it was copied."""

    def file(self, part: str = "") -> Path:
        """Where the copy of the database, or of a part of it, is."""
        return self._place / f"database{part}"

    def promise(self, size: int) -> None:
        """See `Snapshots.promise`."""
        self._snapshots.promise(size)
        self._promised += size

    def empty(self) -> None:
        """Remove an attempt that failed."""
        for file in self._place.iterdir():
            file.unlink()
        self._snapshots.give_back(self._promised)
        self._promised = 0

    def close(self) -> None:
        """Remove all of it."""
        shutil.rmtree(self._place, ignore_errors=True)
        self._snapshots.give_back(self._promised)


class _Attempts:
    """Copies a database until a copy is consistent."""

    def __init__(
        self, source: DatabaseSource, room: _Room, clock: Clock, expected: Signature | None
    ) -> None:
        self._source = source
        self._room = room
        self._clock = clock
        self._expected = expected

    def taken(self) -> _Copy | Signature:
        """The snapshot; or the signature of the file, where it is to be sent as it is."""
        began, damage = self._clock.monotonic(), None
        state = self._begin()
        for _ in range(ATTEMPTS):
            try:
                consistent = self._copy(state)
            except NoRoomForSnapshot:
                if self._is_at_rest(state):
                    return state.signature  # whole as it is; only SQLite's check is left out
                raise
            except OSError as exc:
                raise _disk_failed(exc) from exc
            if consistent and (found := self._made_whole(state, damage)) is not None:
                return found
            damage = self._room.damage
            if self._clock.monotonic() - began > LONGEST_S:
                break
            state = self._old_enough(self._source.look())
        if self._source.in_the_midst():
            raise DatabaseBusy(
                f"a program is in the midst of a transaction in {self._source.place}, and keeps"
                " nothing on the disk by which it could be undone (the journal modes MEMORY and"
                " OFF)",
                hint="it is tried again; it succeeds once the transaction has ended",
            )
        raise DatabaseBusy(
            f"each time while {self._source.place} was copied, its log was begun anew or the file"
            " itself was written to",
            hint="it is tried again; it succeeds once its writer leaves a few seconds between two"
            " checkpoints",
        )

    def _begin(self) -> DatabaseState:
        state = self._old_enough(self._source.look())
        if self._expected is not None and state.signature != self._expected:
            raise FileChanged(f"{self._source.place} changed while it was about to be sent")
        return state

    def _old_enough(self, state: DatabaseState) -> DatabaseState:
        """The state once its times can tell it from the next one."""
        if not (young_ns := self._young_ns(state)):
            return state
        self._clock.wait(threading.Event(), young_ns / SECOND_NS)
        return self._source.look()

    def _young_ns(self, state: DatabaseState) -> int:
        """For how long the times do not tell a state from the next; 0: they do.

        A time in the future is none of this clock; what is written now gets another one.
        """
        step_ns = max(TICK_NS, 2 * granularity_ns(state.signature))
        age_ns = self._clock.now_ns() - state.newest_ns
        return step_ns - age_ns if 0 <= age_ns < step_ns else 0

    def _is_at_rest(self, state: DatabaseState) -> bool:
        return state.signature.log == 0 and not self._young_ns(state)

    def _copy(self, before: DatabaseState) -> bool:
        """Copy all of it; whether the copy is consistent."""
        source, room = self._source, self._room
        room.empty()
        if source.in_the_midst():  # what begins or ends after `before` changes the file
            self._clock.wait(threading.Event(), TICK_NS / SECOND_NS)  # most soon end
            return False
        has_log = before.log is not None
        header = log_header(source.first_bytes(LOG, LOG_HEADER)) if has_log else b""
        hot = self._has_hot_journal()
        copied = source.copy("", room.file(), room.promise)
        if has_log:
            # Up to as many bytes as the log has may be added to the database.
            copied &= source.copy(LOG, room.file(LOG), lambda size: room.promise(2 * size))
        if hot:
            copied &= source.copy(JOURNAL, room.file(JOURNAL), room.promise)
        after = source.look()
        room.stayed = after.signature == before.signature and not self._young_ns(before)
        if not copied:
            return False
        if after.database[4] != before.database[4] or hot != self._has_hot_journal():
            return False
        if header and not hot:
            in_copy = _first_bytes(room.file(LOG), LOG_HEADER)
            return header == in_copy == log_header(source.first_bytes(LOG, LOG_HEADER))
        if not room.stayed:
            return False
        if hot and names_other_journal(_last_bytes(room.file(JOURNAL), HEADER)):
            raise SharedTransaction(
                f"a program was killed while it wrote to {source.place} and other databases in one"
                " transaction",
                hint="open them with the program that writes them: it undoes what was not finished",
            )
        counter = change_counter(_first_bytes(room.file(), FILE_HEADER))
        return counter == change_counter(source.first_bytes("", FILE_HEADER))

    def _has_hot_journal(self) -> bool:
        return begins_journal(self._source.first_bytes(JOURNAL, HEADER))

    def _made_whole(self, state: DatabaseState, damage: str | None) -> _Copy | Signature | None:
        """The snapshot, or the file's signature if it is to be sent as it is; None: try again.

        What is found damaged twice in the same way is so on the user's disk, and is sent as it is.
        """
        room, whole = self._room, True
        try:
            room.damage = made_whole(room.file(), self._clock, self._source.goes_on)
        except DatabaseDamaged as exc:
            room.damage, whole = exc.message, False
        if room.damage is not None and room.damage != damage:
            return None
        if whole:
            return _Copy(room.file(), self._source, state, stayed=room.stayed)
        if self._is_at_rest(state):
            return state.signature
        raise DatabaseDamaged(
            f"{self._source.place} is damaged, and its log cannot be written into it:"
            f" {room.damage}",
            hint="repair it with the program that writes it; `.recover` of sqlite3 saves most",
        )


class _Copy:
    """A copy that was made whole."""

    def __init__(
        self, place: Path, source: DatabaseSource, state: DatabaseState, *, stayed: bool
    ) -> None:
        self._place, self._source, self.state = place, source, state
        self._size = place.stat().st_size
        self._stayed = stayed

    @property
    def size(self) -> int:
        """Bytes."""
        return self._size

    @property
    def signature(self) -> Signature:
        """See `Content.signature`."""
        return self.state.signature if self._stayed else Signature.unknown(self._size)

    def chunks(self, size: int = CHUNK) -> Iterator[bytes]:
        """See `Content.chunks`; this may be called again and again.

        Raises:
            FileChanged: Another file has taken the database's place.
            FileVanished: It is gone.
        """
        remaining = self._size
        try:
            with self._place.open("rb") as file:
                while remaining:
                    chunk = file.read(min(size, remaining))
                    if not chunk:
                        raise LocalError(f"{self._place} became shorter")
                    remaining -= len(chunk)
                    if not remaining:
                        self._check()
                    yield chunk
        except OSError as exc:
            raise _disk_failed(exc) from exc

    def _check(self) -> None:
        now = self._source.look()
        if now.database[4] != self.state.database[4]:
            raise FileChanged(f"another file has taken the place of {self._source.place}")
        self._stayed = self._stayed and now.signature == self.state.signature


class _AtRest(GuardedFile):
    """A database that no program is writing to, as it is."""

    def __init__(
        self, source: DatabaseSource, root: Path, path: str, expected: Signature, disk: Disk
    ) -> None:
        super().__init__(root, path, expected, disk)
        self._source = source

    def _check_again(self) -> None:
        super()._check_again()
        if self._source.look().signature != self._expected:
            raise FileChanged(f"{self._source.place} was written to while it was read")


def _first_bytes(place: Path, size: int) -> bytes:
    with place.open("rb") as file:
        return file.read(size)


def _last_bytes(place: Path, size: int) -> bytes:
    with place.open("rb") as file:
        file.seek(-min(size, place.stat().st_size), os.SEEK_END)
        return file.read()


def _disk_failed(exc: OSError) -> LocalError:
    return LocalError(
        f"a snapshot could not be made beside the journal: {exc.strerror or exc}",
        hint="check the disk of the journal",
    )
