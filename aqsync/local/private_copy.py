"""A private copy of a database, which SQLite makes whole and checks.

Only here SQLite opens what a user's program wrote, and only as a copy: opening a database changes
its files, even for reading.
"""

from __future__ import annotations

import re
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from queue import Empty, SimpleQueue

from aqsync.clock import Clock
from aqsync.errors import DatabaseDamaged, LocalError

CHECK_S = 60.0
"""SQLite's check ends after so many seconds; what it has not looked at is sent unchecked."""
TICK_S = 1.0
"""How often the caller is asked whether to go on, and whether the check has taken too long."""
_OPERATIONS = 20_000
"""Of SQLite's virtual machine, between two looks at the clock."""

_AGAIN_S = 0.1
"""Seconds after which what still runs is interrupted once more."""

_COMPUTES = re.compile(
    r"(?!CREATE (UNIQUE )?(VIRTUAL|VIEW|INDEX|TRIGGER)\b).*\bAS\b", re.IGNORECASE | re.DOTALL
)
"""What SQLite keeps as the definition of a table with generated columns. The check evaluates
these, and a single function of SQLite can take days, and any memory, and cannot be interrupted."""

_PRAGMAS = (
    "locking_mode = EXCLUSIVE",  # then no index of the log is needed
    "synchronous = OFF",
    "trusted_schema = OFF",
    "cell_size_check = ON",
    "ignore_check_constraints = ON",
)


def made_whole(place: Path, clock: Clock, goes_on: Callable[[], None]) -> str | None:
    """Write what its log holds into a database, or roll its journal back; then check it.

    Args:
        place: The copy; its log or journal lies beside it, and is gone afterwards.
        clock: Limits the check.
        goes_on: Called about once a second; it raises to break off.

    Returns:
        What is wrong in the database, in SQLite's words; None: nothing, as far as was checked.

    Raises:
        DatabaseDamaged: So much is wrong that the log cannot be written into it.
        LocalError: The copy's own disk failed.
    """
    with closing(_Work(place, clock)) as work:
        return work.waited_for(goes_on)


class _Work:
    """SQLite's work on the copy, on a thread of its own: one step of it may take minutes."""

    def __init__(self, place: Path, clock: Clock) -> None:
        self._clock = clock
        self._check_until: float | None = None
        # Only the thread uses it; this one may interrupt it, and closes it when that has ended.
        self._connection = sqlite3.connect(place, isolation_level=None, check_same_thread=False)
        self._ended: SimpleQueue[str | BaseException | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="snapshot", daemon=True)
        self._thread.start()

    def waited_for(self, goes_on: Callable[[], None]) -> str | None:
        """The result; breaks off when `goes_on` raises."""
        while True:
            try:
                found = self._ended.get(timeout=TICK_S)
            except Empty:
                self._end_long_check()
                goes_on()
                continue
            if isinstance(found, BaseException):
                raise found
            return found

    def _end_long_check(self) -> None:
        """SQLite's operations look whether they are interrupted; one may go through a table."""
        if self._is_late():
            self._connection.interrupt()

    def _is_late(self) -> bool:
        until = self._check_until
        return until is not None and self._clock.monotonic() > until

    def close(self) -> None:
        """End it."""
        while self._thread.is_alive():
            self._connection.interrupt()  # of what runs now; not of what is about to begin
            self._thread.join(_AGAIN_S)
        self._connection.close()

    def _run(self) -> None:
        try:
            self._ended.put(self._made_whole())
        except BaseException as exc:  # noqa: BLE001 - carried to the thread that waits for it
            self._ended.put(exc)

    def _made_whole(self) -> str | None:
        with _translated():
            for pragma in _PRAGMAS:
                self._connection.execute(f"PRAGMA {pragma}").fetchall()
            busy = self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
            if busy:
                raise LocalError("another program has opened the private copy of a database")
            self._connection.execute("PRAGMA user_version").fetchall()  # rolls a journal back
        return self._damage()

    def _damage(self) -> str | None:
        try:
            with _translated():
                if self._computes():
                    return None
                self._check_until = self._clock.monotonic() + CHECK_S
                self._connection.set_progress_handler(self._is_late, _OPERATIONS)
                verdict = str(self._connection.execute("PRAGMA quick_check(1)").fetchone()[0])
        except DatabaseDamaged as exc:
            return exc.message
        except _NotChecked:
            return None
        return None if verdict == "ok" else verdict

    def _computes(self) -> bool:
        definitions = self._connection.execute(
            "SELECT sql FROM sqlite_master WHERE sql LIKE '%as%'"
        )
        return any(_COMPUTES.match(str(sql)) for (sql,) in definitions)


class _NotChecked(LocalError):
    """It took too long, or a part of the program that writes the database is needed for it."""


_DAMAGE = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_FORMAT}
_NO_CHECK = {sqlite3.SQLITE_ERROR, sqlite3.SQLITE_INTERRUPT, sqlite3.SQLITE_TOOBIG}
"""A collation or a module is missing, the time is over, or a row is too long for this SQLite."""


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as exc:
        code = getattr(exc, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF
        if code in _DAMAGE:
            raise DatabaseDamaged(str(exc)) from exc
        if code in _NO_CHECK:
            raise _NotChecked(str(exc)) from exc
        raise LocalError(
            f"a snapshot could not be made in the folder of the journal: {exc}",
            hint="check that disk",
        ) from exc
