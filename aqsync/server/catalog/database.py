"""What all that keep something in the server's database work with, whichever engine it is.

The SQL is written once, with ``?`` for each value. What engines say differently is in `Dialect`.
"""

from __future__ import annotations

import random
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence, Sized
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import wraps
from typing import Any, ParamSpec, Protocol, TypeVar

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")
Row = tuple[Any, ...]

UNSTORABLE = "A text has a character that cannot be stored."
"""Why a statement is refused that has NUL in a value: PostgreSQL takes it in no text."""

_ATTEMPTS = 20
_LONGEST_PAUSE_SECONDS = 0.05


class Cursor(Protocol):
    """What a statement gave."""

    @property
    def rowcount(self) -> int:
        """How many rows it changed."""

    def fetchone(self) -> Row | None:
        """Return the next row; None after the last one."""

    def fetchall(self) -> list[Row]:
        """Return all rows that are left."""

    def __iter__(self) -> Iterator[Row]:
        """Give one row after the other."""


class Connection(Protocol):
    """A connection within its transaction; one thread at a time may call."""

    def execute(self, sql: str, values: Sequence[object] = (), /) -> Cursor:
        """Run a statement with ``?`` for each value.

        Raises:
            OperationRefused: A text has a character that cannot be stored.
        """

    def executemany(self, sql: str, rows: Iterable[Sequence[object]], /) -> object:
        """Run a statement that gives no rows once for each row of values."""


@dataclass(frozen=True, slots=True)
class Dialect:
    """What the engines say differently.

    Args:
        fits: The condition that the text of ``{column}`` fits a pattern, as of PostgreSQL's ILIKE.
        locked: What a SELECT ends with that holds other changes of its rows off until the
            transaction ends.
    """

    fits: str
    locked: str


class Database(ABC):
    """Where the server keeps all but the contents of files. Any thread may call.

    Attributes:
        dialect: What its engine says differently.
        name: What it is called in messages.
    """

    dialect: Dialect
    name: str

    @abstractmethod
    def reading(self) -> AbstractContextManager[Connection]:
        """Lend a connection for questions, which all see the same state.

        Raises:
            DatabaseAway: It cannot be reached.
            TransactionLost: See `transaction`.
        """

    @abstractmethod
    def changing(self) -> AbstractContextManager[Connection]:
        """Lend a connection for one transaction, which lasts once the block has ended.

        Raises:
            DatabaseAway: It cannot be reached, or was lost while the transaction ended: whether
                the change was made is not known.
            TransactionLost: See `transaction`.
        """

    @abstractmethod
    def now(self) -> int:
        """Return the time by the clock that all its servers share, in microseconds since 1970.

        Raises:
            DatabaseAway: It cannot be reached, and never was.
        """

    @abstractmethod
    def held(self, tables: Iterable[str]) -> AbstractContextManager[None]:
        """Let nobody change these tables while the block lasts; others may read them.

        Raises:
            DatabaseAway: It cannot be reached, or was lost meanwhile: others may have changed them.
        """

    @abstractmethod
    def number_on(self, table: str) -> None:
        """Number new rows of a table on after those that came with numbers of their own."""

    @abstractmethod
    def close(self) -> None:
        """Close it; nobody may use it afterwards."""


class DatabaseAway(Exception):
    """The database cannot be reached for now. Its text is for people, and has no secrets."""


class TransactionLost(DatabaseAway):
    """Nothing of a transaction was done, as another was in its way; again, it may succeed."""


def marks(values: Sized) -> str:
    """Return what stands between the brackets of ``IN (...)`` or ``VALUES (...)`` for some values.

    PostgreSQL takes no empty list; NULL is one that no value fits.
    """
    return ", ".join("?" * len(values)) or "NULL"


def transaction(method: Callable[Arguments, Result]) -> Callable[Arguments, Result]:
    """Let a method that is one transaction begin again, as long as others are in its way.

    What it does besides must be harmless if it is done again.
    """

    @wraps(method)
    def run(*args: Arguments.args, **kwargs: Arguments.kwargs) -> Result:
        for _ in range(_ATTEMPTS - 1):
            try:
                return method(*args, **kwargs)
            except TransactionLost:
                time.sleep(random.uniform(0, _LONGEST_PAUSE_SECONDS))  # noqa: S311 - no secret
        return method(*args, **kwargs)

    return run
