"""The tables of the shared queue, which its library brings along."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

import psycopg
from procrastinate.schema import SchemaManager

from aqsync.server.catalog.postgres_address import PostgresAddress
from aqsync.server.errors import ServerStartError

_LOCK = 0x41514451  # "AQDQ"


def bring_up_to_date(address: PostgresAddress) -> None:
    """Make the tables, or change them as the installed release of the library wants them.

    Several servers may start at once: one of them does it, the others wait.

    Args:
        address: Where the database is.

    Raises:
        ServerStartError: It failed; then nothing was done.
    """
    try:
        _take_steps(address)
    except psycopg.Error as exc:
        raise ServerStartError(
            f"the queue of tasks cannot be made in {address}: {address.without_secrets(str(exc))}",
            "Look whether the database answers, and whether its user may create tables there.",
        ) from None


def _take_steps(address: PostgresAddress) -> None:
    steps = sorted(path.name for path in Path(SchemaManager.get_migrations_path()).glob("*.sql"))
    with (
        psycopg.connect(address.conninfo(), autocommit=True) as connection,
        connection.transaction(),
    ):
        connection.execute("SELECT pg_advisory_xact_lock(%s)", (_LOCK,))
        connection.execute("CREATE TABLE IF NOT EXISTS queue_step (name text PRIMARY KEY)")
        done = {name for (name,) in connection.execute("SELECT name FROM queue_step")}
        folder = files("procrastinate.sql")
        if not done:
            connection.execute((folder / "schema.sql").read_bytes())
        else:
            for step in steps:
                if step not in done:
                    connection.execute((folder / "migrations" / step).read_bytes())
        with connection.cursor() as cursor:
            cursor.executemany(
                "INSERT INTO queue_step VALUES (%s) ON CONFLICT DO NOTHING",
                [(step,) for step in steps],
            )
