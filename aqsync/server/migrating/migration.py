"""Moving a whole storage into an empty one, so that it can be broken off and go on later."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field
from uuid import UUID

from aqsync.server.catalog.database import Database
from aqsync.server.catalog.task_records import TaskStatus
from aqsync.server.extensions.opening import enqueuer
from aqsync.server.extensions.task_queue import SERVER_DIED
from aqsync.server.files.expected import ABSENT
from aqsync.server.files.store import By, FileFacts, FileStore, OpenFile, listed_time
from aqsync.server.migrating.rows import Content, contents, copy, moved_tables
from aqsync.server.migrating.source import Source
from aqsync.server.migrating.target import Target
from aqsync.server.moving.moved import MoveRefused

_THREADS = 8
_MOST_SAID = 20


@dataclass(slots=True)
class Moved:
    """What was moved.

    Args:
        rows: How many rows each table has, by its name.
        files: How many files there are.
        bytes: How many bytes these have.
    """

    rows: dict[str, int] = field(default_factory=dict)
    files: int = 0
    bytes: int = 0


class Migration:
    """Moves a storage.

    Args:
        source: What is moved; nobody changes it meanwhile.
        target: Where it is moved.
        came: Told how many bytes more have come.
        file: Called for each file that is there and was compared, now or before.
    """

    def __init__(
        self,
        source: Source,
        target: Target,
        came: Callable[[int], object] = lambda _: None,
        file: Callable[[], object] = lambda: None,
    ) -> None:
        self._source = source
        self._target = target.storage
        self._is_empty = target.is_empty
        self._came = came
        self._file = file

    def run(self) -> Moved:
        """Move everything, compare everything, and let servers start on the target.

        Raises:
            MoveRefused: The target has something else, or is not equal to the source.
            DatabaseAway: A database cannot be reached.
            FileRefused: A store of files refuses.
            OSError: A disk failed.
        """
        self._begin()
        for table in moved_tables():
            copy(table, self._source.database, self._target.database)
        # Before the files, which take long: a source that has changed since is found at once.
        moved = Moved(self._compared_rows())
        experiments = self._source.experiments()
        self._target.files.create_missing(experiments)
        for uuid in experiments:
            self._move_files(uuid, moved)
        self._compared_rows()
        self._end()
        return moved

    def _begin(self) -> None:
        target = self._target.database
        noted = _noted(target)
        if noted == (self._source.name, None):
            return
        if noted is None and self._is_empty():
            with target.changing() as connection:
                connection.execute("INSERT INTO move VALUES (1, ?, NULL)", (self._source.name,))
            return
        if noted is not None and noted[1] is None:
            raise MoveRefused(
                f"the move of another storage into this one is not finished: {noted[0]}",
                "Go on with that one, or move into an empty storage.",
            )
        raise MoveRefused(
            "the storage that everything is to be moved into is not empty",
            "Name an empty one; `aqsync serve import` brings experiments into one that is in use.",
        )

    def _compared_rows(self) -> dict[str, int]:
        here, there = contents(self._source.database), contents(self._target.database)
        differing = [name for name in here if here[name] != there[name]]
        if differing:
            raise MoveRefused(
                "what was moved is not equal to what is here, or that has changed since",
                "Move into an empty storage, and let no server use this one meanwhile.",
                tuple(_difference(name, here[name], there[name]) for name in differing),
            )
        return {name: found.rows for name, found in here.items()}

    def _move_files(self, uuid: UUID, moved: Moved) -> None:
        """Move an experiment's files; those of one that was finished before are only listed."""
        source, target = self._source.files, self._target.files
        columns = source.listing(uuid).columns()
        sizes = source.sizes(uuid, columns.names)
        if self._is_done(uuid):
            for _ in columns.names:
                self._file()
        else:
            owners = _owners(self._source.database, uuid)
            with ThreadPoolExecutor(_THREADS, thread_name_prefix="move") as threads:
                jobs = [threads.submit(self._move, uuid, name, owners) for name in columns.names]
                try:
                    problems = [problem for job in jobs if (problem := job.result())]
                except BaseException:
                    threads.shutdown(cancel_futures=True)
                    raise
            if problems:
                raise MoveRefused(
                    f"files of {uuid} did not arrive as they are here",
                    "Look at the disks; the same command goes on with what is left.",
                    tuple(problems[:_MOST_SAID]),
                )
        there = target.listing(uuid).columns()
        if there != columns or target.sizes(uuid, there.names) != sizes:
            raise MoveRefused(
                f"the experiment {uuid} has other files than here",
                "Move into an empty storage, and let no server use either meanwhile.",
            )
        with self._target.database.changing() as connection:
            connection.execute(
                "INSERT INTO moved_experiment VALUES (?) ON CONFLICT DO NOTHING", (str(uuid),)
            )
        moved.files += len(sizes)
        moved.bytes += sum(size or 0 for size in sizes)

    def _move(self, uuid: UUID, name: str, owners: dict[tuple[str, int], str | None]) -> str:
        """Move a file unless it is there already, and compare it; return what is wrong."""
        try:
            wrong = self._moved(uuid, name, owners)
        except _Unreadable as exc:
            wrong = f"{name}: {exc}"
        if not wrong:
            self._file()
        return wrong

    def _moved(self, uuid: UUID, name: str, owners: dict[tuple[str, int], str | None]) -> str:
        target = self._target.files
        wrong = ""
        if target.has_file(uuid, name):
            # From before it was broken off.
            wrong = self._wrong(uuid, name, self._here(uuid, name))
            if wrong:
                target.delete(uuid, [name])
        if wrong or not target.has_file(uuid, name):
            with closing(_opened(self._source.files, uuid, name)) as opened:
                by = By(owners.get((name, opened.facts.stored_at)))
                here = (opened.facts, self._bring(opened, uuid, name, by))
            wrong = self._wrong(uuid, name, here)
        return wrong

    def _here(self, uuid: UUID, name: str) -> tuple[FileFacts, bytes]:
        with closing(_opened(self._source.files, uuid, name)) as opened:
            return opened.facts, _digest_of(opened, "here")

    def _wrong(self, uuid: UUID, name: str, here: tuple[FileFacts, bytes]) -> str:
        """Read a file where it was moved, and return how it differs."""
        facts, digest = here
        with closing(self._target.files.open_for_reading(uuid, name)) as there:
            if (there.facts.size, there.facts.stored_at) != (facts.size, facts.stored_at):
                return f"{name}: {_said(there.facts)} there, {_said(facts)} here"
            try:
                is_equal = _digest_of(there, "there") == digest
            except _Unreadable as exc:
                return f"{name}: {exc}"
        return "" if is_equal else f"{name}: its SHA-256 there is not the one here"

    def _bring(self, opened: OpenFile, uuid: UUID, name: str, by: By) -> bytes:
        """Store a file, and return the SHA-256 of what was read."""
        digest = hashlib.sha256()
        incoming = self._target.files.new_file(hashed=True)
        try:
            for piece in _pieces(opened, "here"):
                digest.update(piece)
                incoming.write([piece])
                self._came(len(piece))
            self._target.files.keep(
                incoming, uuid, name, ABSENT, by=by, time=opened.facts.stored_at
            )
        finally:
            incoming.discard()
        return digest.digest()

    def _is_done(self, uuid: UUID) -> bool:
        with self._target.database.reading() as connection:
            return bool(
                connection.execute(
                    "SELECT 1 FROM moved_experiment WHERE uuid = ?", (str(uuid),)
                ).fetchone()
            )

    def _end(self) -> None:
        """Let servers start, and tasks run: those that wait, and none that a server left behind."""
        enqueue = enqueuer(self._target.database)
        now = time.time_ns() // 1000
        with self._target.database.changing() as connection:
            connection.execute(
                "UPDATE task SET status = ?, ended_at = ?, std_err = ?"
                " WHERE status = 'STARTED' AND ended_at IS NULL",
                (TaskStatus.FAILURE.value, now, SERVER_DIED),
            )
            for (uuid,) in connection.execute(
                "SELECT uuid FROM task WHERE status = 'PENDING' AND ended_at IS NULL"
                " ORDER BY number"
            ).fetchall():
                enqueue(connection, UUID(uuid))
            connection.execute("UPDATE move SET done_at = ?", (now,))
            connection.execute("DELETE FROM moved_experiment")


def _noted(database: Database) -> tuple[str, int | None] | None:
    with database.reading() as connection:
        row = connection.execute("SELECT source, done_at FROM move").fetchone()
    return None if row is None else (row[0], row[1])


def _owners(database: Database, uuid: UUID) -> dict[tuple[str, int], str | None]:
    """Return whose each version of an experiment's files is, by name and time."""
    versions = " UNION ALL ".join(
        f"SELECT {table}.name, stored_at, owner FROM {table} JOIN experiment"
        f" ON experiment.number = {table}.experiment WHERE uuid = ?"
        for table in ("file", "file_note")
    )
    with database.reading() as connection:
        rows = connection.execute(versions, (str(uuid), str(uuid))).fetchall()
    return {(name, stored_at): owner for name, stored_at, owner in rows}


def _difference(table: str, here: Content, there: Content) -> str:
    if here.rows != there.rows:
        return f"the table {table}: {there.rows} rows there, {here.rows} here"
    return f"the table {table}: some of {here.rows} rows differ"


def _said(facts: FileFacts) -> str:
    return f"{facts.size} bytes of {listed_time(facts.stored_at)}"


class _Unreadable(Exception):
    """A file cannot be read, or has other bytes than were stored; the text says where."""


def _opened(files: FileStore, uuid: UUID, name: str) -> OpenFile:
    try:
        return files.open_for_reading(uuid, name)
    except OSError as exc:
        raise _Unreadable(f"it cannot be read here: {exc.strerror or exc}") from exc


def _pieces(opened: OpenFile, where: str) -> Iterator[bytes]:
    while True:
        try:
            piece = opened.next_piece()
        except OSError as exc:
            raise _Unreadable(f"it cannot be read {where}: {exc.strerror or exc}") from exc
        if not piece:
            return
        yield piece


def _digest_of(opened: OpenFile, where: str) -> bytes:
    digest = hashlib.sha256()
    for piece in _pieces(opened, where):
        digest.update(piece)
    return digest.digest()
