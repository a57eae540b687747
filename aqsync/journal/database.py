"""The SQLite file under the journal: opening, checking, setting aside, transactions, errors.

Only this package uses `sqlite3`. `translated` turns the errors of `sqlite3` into those of aqsync.
"""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from aqsync.errors import (
    JournalBroken,
    JournalDiskFull,
    JournalError,
    JournalInUse,
    JournalTooNew,
)
from aqsync.journal.checks import (
    damage_in_content,
    damage_in_pages,
    doubt_what_no_check_can_find,
    quick_verdict,
)
from aqsync.journal.lock import marks_a_journal
from aqsync.journal.schema import APPLICATION_ID, VERSION, migrate
from aqsync.journal.trusted import require_trusted

BUSY_TIMEOUT_S = 10.0
SQLITE_VERSION = sqlite3.sqlite_version

_HELD_BY_OTHERS = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}

Value = str | bytes | float | None
Values = Sequence[Value] | Mapping[str, Value]
Version = tuple[int, int]
"""Rows changed here, and a number that changes when another connection writes."""

_NOT_OURS_HINT = "give `journal` in the configuration another path"
_OF_OTHERS = (sqlite3.Error, UnicodeDecodeError, OSError)
_BAD_TEXT = "some of its text is not UTF-8"
_NOT_UTF8 = "Could not decode to UTF-8"
"""The words of the module `sqlite3`, which gives no code for this error."""
_BROKEN_HINT = "run `aqsync push`: it sets the journal aside and rebuilds it"


@contextmanager
def translated(path: Path) -> Iterator[None]:
    """Translate errors of SQLite and the file system into errors of this project."""
    try:
        yield
    except _OF_OTHERS as exc:
        raise _translation(exc, path) from exc


def _broken(path: Path, how: str) -> JournalBroken:
    return JournalBroken(f"the journal {path} is damaged: {how}", hint=_BROKEN_HINT)


def _translation(exc: sqlite3.Error | UnicodeDecodeError | OSError, path: Path) -> JournalError:
    if isinstance(exc, UnicodeDecodeError):
        return _broken(path, _BAD_TEXT)
    if isinstance(exc, OSError):
        return JournalError(
            f"the journal {path} cannot be opened: {exc.strerror or exc}",
            hint="check that its folder exists and may be written by this user",
        )
    primary = (getattr(exc, "sqlite_errorcode", None) or 0) & 0xFF
    if primary == sqlite3.SQLITE_FULL:
        return JournalDiskFull(
            f"the disk that holds the journal {path} is full",
            hint="free some space; nothing is lost, and the next run continues",
        )
    if primary in {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}:
        return _broken(path, str(exc))
    if str(exc).startswith(_NOT_UTF8):
        return _broken(path, _BAD_TEXT)
    if primary in _HELD_BY_OTHERS:
        return JournalInUse(
            f"the journal {path} is locked by another program",
            hint="close the program that has it open, such as an SQLite browser",
        )
    return JournalError(
        f"the journal {path} cannot be used: {exc}",
        hint="check that its folder exists, may be written by this user, and is on a local disk",
    )


@contextmanager
def _opening(path: Path) -> Iterator[None]:
    """A file that never was a journal is not a broken one, since a broken one is moved away."""
    try:
        with translated(path):
            yield
    except JournalBroken as exc:
        if _was_a_journal(path):
            raise
        raise JournalError(f"{path} is not a journal of aqsync", hint=_NOT_OURS_HINT) from exc


def _was_a_journal(path: Path) -> bool:
    """Whether the header or the lock file says so, or a power loss has left a header of zeros."""
    if marks_a_journal(path):
        return True
    with translated(path), path.open("rb") as file:
        header = file.read(100)
    identity = header[68:72]  # where an SQLite file keeps its application_id
    return identity == APPLICATION_ID.to_bytes(4, "big") or not header.strip(b"\0")


class _Guard:
    """Holds the connection's lock, translates errors, and remembers whether one was of damage.

    It is entered for every statement, so it is no generator: that would take twice as long.
    """

    __slots__ = ("_lock", "_path", "met_damage")

    def __init__(self, path: Path) -> None:
        self._lock = threading.RLock()
        self._path = path
        self.met_damage = False

    def __enter__(self) -> None:
        self._lock.acquire()

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        self._lock.release()
        if error is None:
            return
        meaning = _translation(error, self._path) if isinstance(error, _OF_OTHERS) else error
        if isinstance(meaning, JournalBroken):
            self.met_damage = True
        if meaning is not error:
            raise meaning from error


class Database:
    """One connection, shared between threads by a lock.

    Args:
        connection: Open, in autocommit mode.
        path: Where it lies, for messages.
    """

    def __init__(self, connection: sqlite3.Connection, path: Path) -> None:
        self._connection = connection
        self._guard = _Guard(path)
        self.path = path
        self._checkpoints = 0
        self._waits = False
        """A transaction is finished but still open; it is committed together with the next one."""

    @property
    def met_damage(self) -> bool:
        """Whether damage was found."""
        return self._guard.met_damage

    @contextmanager
    def writing(self, *, waits: bool = False) -> Iterator[sqlite3.Connection]:
        """One transaction that writes: all of it or nothing.

        Args:
            waits: Commit it together with the next transaction, or when `commit` is called. Until
                then only this process sees it, and a crash or an error in the next one undoes it.
        """
        with self._guard, self._undone_if_it_fails():
            if not waits:
                self._commit()
            if not self._waits:
                self._connection.execute("BEGIN IMMEDIATE")
            yield self._connection
            self._waits = True
            if not waits:
                self._commit()

    def write(self, statement: str, values: Values = ()) -> int:
        """One statement that writes, as its own transaction; a third of the calls of `writing`.

        It also commits a transaction that waits.

        Returns:
            How many rows it changed.
        """
        with self._guard:
            if not self._waits:
                return self._connection.execute(statement, values).rowcount
            with self._undone_if_it_fails():
                changed = self._connection.execute(statement, values).rowcount
                self._commit()
            return changed

    def write_each(self, statement: str, rows: Iterable[Sequence[Value]]) -> None:
        """One statement that writes, for each row of values, in one transaction."""
        with self.writing() as connection:
            connection.executemany(statement, rows)

    def commit(self) -> None:
        """Commit a transaction that waits for the next one."""
        if self._waits:
            with self._guard, self._undone_if_it_fails():
                self._commit()

    def _commit(self) -> None:
        if self._waits:
            self._connection.execute("COMMIT")
            self._waits = False

    @contextmanager
    def _undone_if_it_fails(self) -> Iterator[None]:
        try:
            yield
        except BaseException:
            self._waits = False
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            raise

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """The connection for a single statement that reads."""
        with self._guard:
            yield self._connection

    def rows(self, question: str, values: Values = ()) -> list[Any]:
        """All rows of an answer."""
        with self._guard:
            return self._connection.execute(question, values).fetchall()

    def row(self, question: str, values: Values = ()) -> tuple[Any, ...] | None:
        """The first row of an answer; None if it has none."""
        with self._guard:
            row: tuple[Any, ...] | None = self._connection.execute(question, values).fetchone()
        return row

    def value(self, question: str, values: Values = ()) -> Any:  # noqa: ANN401 - a column
        """The first column of the first row; None if there is no row."""
        row = self.row(question, values)
        return None if row is None else row[0]

    def damage(self) -> str | None:
        """What is wrong in the file, by every check; None: nothing."""
        with self.reading() as connection:
            return damage_in_pages(connection) or damage_in_content(connection)

    def version(self) -> Version:
        """A value that changes with every write of any process; call it inside `reading`."""
        theirs = self._connection.execute("PRAGMA data_version").fetchone()[0]
        return self._connection.total_changes, theirs

    @property
    def changes(self) -> int:
        """A count that grows with every write that may have reached the file itself."""
        return self._connection.total_changes + self._checkpoints

    def checkpoint(self) -> bool:
        """Move the write-ahead log into the file and empty it; false if a reader prevents it."""
        self.commit()
        with self._guard:
            self._checkpoints += 1
            # Other threads must not wait for the connection while this one waits for a reader.
            self._connection.execute("PRAGMA busy_timeout = 0")
            try:
                row = self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
            except sqlite3.OperationalError as exc:
                if exc.sqlite_errorcode & 0xFF not in _HELD_BY_OTHERS:
                    raise
                return False
            finally:
                self._connection.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_S * 1000:.0f}")
        return bool(row[0] == 0)

    def close(self) -> None:
        """Commit a waiting transaction, and close the connection."""
        try:
            self.commit()
        finally:
            with self._guard:
                self._connection.close()


def connect(path: Path, now_ns: int, *, known_good: bool) -> Database:
    """Open the journal for writing; create or migrate it if needed.

    Args:
        path: Where it lies.
        now_ns: The wall clock, nanoseconds since 1970.
        known_good: It was closed in good order and not touched since, so reading it through to
            find damage is not needed.

    Raises:
        JournalBroken: It is damaged.
        JournalTooNew: A newer release wrote it.
        JournalDiskFull: There is no room.
        JournalError: It cannot be opened, or is not a journal of aqsync.
    """
    with _opening(path):
        _make_private(path)
        connection = sqlite3.connect(
            path, timeout=BUSY_TIMEOUT_S, isolation_level=None, check_same_thread=False
        )
        try:
            _check_identity(connection, path)
            if not known_good:
                _refuse_damage(path, damage_in_pages(connection))
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = NORMAL")
            connection.execute("PRAGMA foreign_keys = ON")
            connection.execute("PRAGMA cache_size = -4000")
            migrate(connection, now_ns)
            if not known_good:
                _refuse_damage(path, damage_in_content(connection))
                doubt_what_no_check_can_find(connection)
        except BaseException:
            connection.close()
            raise
    return Database(connection, path)


def _make_private(path: Path) -> None:
    """Make a new file with mode 0600; SQLite gives the files beside it the same mode.

    One that is there is not opened: to close it would drop the locks of this process on it.
    """
    with suppress(FileExistsError):
        os.close(os.open(os.path.realpath(path), os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))


def _check_identity(connection: sqlite3.Connection, path: Path, oldest: int = 0) -> None:
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    identity = connection.execute("PRAGMA application_id").fetchone()[0]
    if identity != APPLICATION_ID:
        if connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0] or version:
            raise JournalError(
                f"{path} is another program's database, not a journal of aqsync",
                hint=_NOT_OURS_HINT,
            )
        return
    if version < oldest:
        raise JournalError(
            f"the journal {path} was written by an older aqsync",
            hint="run `aqsync push` once: it brings the journal up to date",
        )
    if version > VERSION:
        raise JournalTooNew(
            f"the journal {path} was written by a newer aqsync "
            f"(format {version}, this one knows {VERSION})",
            hint="install the newer aqsync again, or give `journal` another path",
        )


def _refuse_damage(path: Path, found: str | None) -> None:
    if found is not None:
        raise _broken(path, found)


def connect_read_only(path: Path, *, oldest: int = VERSION) -> Database:
    """Open an existing journal for reading; another process may write it meanwhile.

    Args:
        path: Where it lies.
        oldest: The oldest format that is accepted.

    Raises:
        JournalError: There is none, it cannot be read, other users could have changed it, or its
            format is older than `oldest`.
    """
    with _opening(path):
        if not path.exists():
            raise JournalError(f"there is no journal at {path} yet", hint="run `aqsync push` once")
        require_trusted(path)
        connection = _read_only(path)
        try:
            _check_identity(connection, path, oldest)
            _refuse_damage(path, quick_verdict(connection))
        except BaseException:
            connection.close()
            raise
    return Database(connection, path)


def connect_beside(path: Path) -> Database:
    """A second connection to a journal that this process has open; it only reads.

    Raises:
        JournalError: It cannot be opened.
    """
    with translated(path):
        return Database(_read_only(path), path)


def _read_only(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(
        f"{path.absolute().as_uri()}?mode=ro",
        uri=True,
        timeout=BUSY_TIMEOUT_S,
        isolation_level=None,
        check_same_thread=False,
    )


def connect_to_copy(path: Path, now_ns: int) -> Database:
    """A private copy of the journal in memory; an empty journal if there is none."""
    with translated(path):
        copy = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
        try:
            if path.exists():
                original = connect_read_only(path, oldest=0)
                with closing(original), original.reading() as connection:
                    connection.backup(copy)
            migrate(copy, now_ns)
        except BaseException:
            copy.close()
            raise
    return Database(copy, path)


def set_aside(path: Path, now_ns: int) -> Path:
    """Move a damaged journal away to a name with the date and time; returns the new path."""
    when = datetime.fromtimestamp(now_ns / 1e9, UTC).strftime("%Y%m%d-%H%M%S-%f")
    aside = path.with_name(f"{path.name}.broken-{when}")
    with translated(path):
        for suffix in ("-wal", "-shm", ""):
            part = path.with_name(path.name + suffix)
            if part.exists():
                part.replace(aside.with_name(aside.name + suffix))
    return aside
