"""The database of a server that shares it with others: PostgreSQL.

A transaction begins again if others were in its way (`transaction`), or if its connection was lost
before it ended.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import lru_cache

import psycopg
from psycopg import errors
from psycopg.pq import TransactionStatus
from psycopg_pool import ConnectionPool, PoolTimeout

from aqsync.server.catalog.database import (
    UNSTORABLE,
    Connection,
    Cursor,
    Database,
    DatabaseAway,
    Dialect,
    TransactionLost,
    transaction,
)
from aqsync.server.catalog.postgres_address import PostgresAddress
from aqsync.server.catalog.postgres_schema import bring_up_to_date
from aqsync.server.catalog.shared_clock import SharedClock
from aqsync.server.errors import OperationRefused, ServerStartError

_CONNECTIONS = 10
"""Of each process, at most. PostgreSQL allows a hundred in all by default."""
_RECONNECT_SECONDS = 1.0
"""How long the pool tries to connect. After that, requests are refused: the database is away."""
_ASKED_AGAIN_SECONDS = 0.25
_PATIENCE_SECONDS = 30.0
"""How long a request waits for a connection while all of them are busy."""
_SETTINGS = """
SET lock_timeout = '20s';
SET idle_in_transaction_session_timeout = '60s';
SELECT set_config('synchronous_commit', 'on', false)
    WHERE current_setting('synchronous_commit') = 'off';
"""
"""A server that stands still in a transaction holds the others up no longer than this; and what a
client was told of is on the disk, whatever the database is set to."""

_IN_THE_WAY = (
    errors.SerializationFailure,
    errors.DeadlockDetected,
    # Another one has just made what this one was to make, or removed what it was to refer to.
    errors.UniqueViolation,
    errors.ForeignKeyViolation,
)
_AWAY = "The server's database cannot be reached for now."
_BUSY = "Too many others change the same in the server's database."
_log = logging.getLogger(__name__)


class PostgresDatabase(Database):
    """A few connections, lent to one thread at a time.

    Args:
        address: Where it is.

    Attributes:
        address: The same.

    Raises:
        ServerStartError: It cannot be reached or used, or a newer release made it.
    """

    dialect = Dialect(fits="{column} ILIKE ?", locked=" FOR NO KEY UPDATE")

    def __init__(self, address: PostgresAddress) -> None:
        self.address = address
        self.name = str(address)
        self._conninfo = address.conninfo()
        try:
            with psycopg.connect(self._conninfo, autocommit=True) as connection:
                bring_up_to_date(connection, self.name)
        except psycopg.Error as exc:
            raise ServerStartError(
                f"the database {self.name} cannot be used: {address.without_secrets(str(exc))}",
                "Start it, or look at the address, the user and the password (~/.pgpass).",
            ) from None
        # What the pool says of failures is said here, once.
        logging.getLogger("psycopg.pool").setLevel(logging.CRITICAL)
        self._is_away = False
        self._clock = SharedClock(self._time)
        self._pool = ConnectionPool(
            self._conninfo,
            kwargs={"autocommit": True},
            min_size=1,
            max_size=_CONNECTIONS,
            open=True,
            configure=self._connected,
            reconnect_timeout=_RECONNECT_SECONDS,
            reconnect_failed=self._not_connected,
            num_workers=1,
        )

    def close(self) -> None:
        """Close all connections."""
        self._pool.close()

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """Lend a connection whose questions all see the same state."""
        with self._lent() as connection:
            connection.execute("BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            yield Statements(connection)
            connection.execute("COMMIT")

    @contextmanager
    def changing(self) -> Iterator[Connection]:
        """Lend a connection for one transaction, which lasts once the block has ended."""
        with self._lent() as connection:
            connection.execute("BEGIN")
            yield Statements(connection)
            try:
                ended = connection.execute("COMMIT").statusmessage
            except psycopg.OperationalError as exc:
                if not connection.closed:
                    raise
                raise DatabaseAway(
                    "The connection to the server's database was lost: look whether this was done."
                ) from exc
            if ended != "COMMIT":
                # Somebody within the block went on after an error: nothing was done.
                raise TransactionLost(_BUSY)

    def now(self) -> int:
        """Return the time by the clock of PostgreSQL."""
        return self._clock.now()

    @contextmanager
    def held(self, tables: Iterable[str]) -> Iterator[None]:
        """Lock the tables, in a transaction of its own that may last for hours."""
        try:
            with psycopg.connect(self._conninfo) as connection:
                connection.execute("SET idle_in_transaction_session_timeout = 0")
                connection.execute(f"LOCK TABLE {', '.join(tables)} IN SHARE MODE".encode())
                yield
                connection.execute("SELECT 1")
        except psycopg.OperationalError as exc:
            raise _away() from exc

    def number_on(self, table: str) -> None:
        """Set the sequence to the largest number."""
        with self.changing() as connection:
            connection.execute(
                "SELECT setval(pg_get_serial_sequence(?, 'number'), max(number))"
                f" FROM {table} HAVING max(number) IS NOT NULL",
                (table,),
            )

    @transaction
    def _time(self) -> int:
        with self._lent() as connection:
            ((time,),) = connection.execute(
                "SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint"
            )
        return int(time)

    @contextmanager
    def _lent(self) -> Iterator[psycopg.Connection]:
        connection = self._take()
        try:
            yield connection
        except psycopg.Error as exc:
            raise self._translated(exc, connection) from exc
        finally:
            self._give_back(connection)

    def _take(self) -> psycopg.Connection:
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while True:
            try:
                return self._pool.getconn(_ASKED_AGAIN_SECONDS)
            except PoolTimeout:
                if self._is_away or time.monotonic() > deadline:
                    raise _away() from None
            except psycopg.OperationalError as exc:
                raise _away() from exc  # the server ends

    def _give_back(self, connection: psycopg.Connection) -> None:
        if connection.pgconn.transaction_status != TransactionStatus.IDLE:
            with suppress(psycopg.Error):
                connection.rollback()
        self._pool.putconn(connection)

    def _connected(self, connection: psycopg.Connection) -> None:
        connection.execute(_SETTINGS)
        if self._is_away:
            self._is_away = False
            _log.warning("the database %s is there again", self.name)

    def _not_connected(self, _: object) -> None:
        if not self._is_away:
            self._is_away = True
            _log.error("the database %s cannot be reached", self.name)

    def _translated(self, exc: psycopg.Error, connection: psycopg.Connection) -> Exception:
        """Return what an error of the engine means to those who work with the database."""
        if isinstance(exc, _IN_THE_WAY):
            return TransactionLost(_BUSY)
        if connection.closed:
            # The others may be broken as well, and to try each could take long.
            self._pool.drain()
            return TransactionLost(_AWAY)
        if isinstance(exc, psycopg.OperationalError | errors.ReadOnlySqlTransaction):
            _log.error("the database %s failed: %s", self.name, exc)
            return _away()
        if isinstance(exc, psycopg.DataError):
            return OperationRefused(UNSTORABLE)
        return exc


class Statements:
    """A connection that takes statements with ``?`` for each value.

    Args:
        connection: The one that runs them.

    Attributes:
        raw: The same.
    """

    def __init__(self, connection: psycopg.Connection) -> None:
        self.raw = connection

    def execute(self, sql: str, values: Sequence[object] = (), /) -> Cursor:
        """Run a statement."""
        return self.raw.execute(_with_other_marks(sql), values)

    def executemany(self, sql: str, rows: Iterable[Sequence[object]], /) -> None:
        """Run a statement that gives no rows once for each row of values."""
        with self.raw.cursor() as cursor:
            cursor.executemany(_with_other_marks(sql), rows)


@lru_cache(maxsize=1024)
def _with_other_marks(sql: str) -> bytes:
    """Return a statement as psycopg wants it; no text within one has a question mark."""
    return sql.replace("%", "%%").replace("?", "%s").encode()


def _away() -> DatabaseAway:
    return DatabaseAway(_AWAY)
