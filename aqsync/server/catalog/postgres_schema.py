"""Bringing a PostgreSQL database up to the format of this release."""

from __future__ import annotations

import logging
import time

import psycopg

from aqsync.server.catalog.schema import MIGRATIONS
from aqsync.server.errors import ServerStartError

_LOCK = 0x41514453  # "AQDS"
_OLDEST = 13
_log = logging.getLogger(__name__)


def bring_up_to_date(connection: psycopg.Connection, shown: str) -> None:
    """Run the migrations that a database has not seen: all of them or, after a crash, none.

    Several servers may start at once: one of them runs the migrations, the others wait.

    Args:
        connection: A connection of its own.
        shown: What the database is called in errors.

    Raises:
        ServerStartError: It is of another kind, or a newer release made it.
        psycopg.Error: It failed.
    """
    _check_engine(connection, shown)
    with connection.transaction():
        connection.execute("SELECT pg_advisory_xact_lock(%s)", (_LOCK,))
        done = _done(connection, shown)
        names = [step.name for step in MIGRATIONS]
        if len(done) > len(names):
            raise ServerStartError(
                f"the database {shown} was made by a newer release of aqsync", "Upgrade aqsync."
            )
        if done != names[: len(done)]:
            raise _of_others(shown)
        for step in MIGRATIONS[len(done) :]:
            connection.execute(step.postgres.encode())
            connection.execute(
                "INSERT INTO migration (name, applied_at) VALUES (%s, %s)",
                (step.name, time.time_ns() // 1000),
            )


def _check_engine(connection: psycopg.Connection, shown: str) -> None:
    version = connection.info.server_version // 10_000
    if version < _OLDEST:
        raise ServerStartError(
            f"the database {shown} is run by PostgreSQL {version}",
            f"Upgrade it to PostgreSQL {_OLDEST} or newer.",
        )
    encoding = connection.info.parameter_status("server_encoding")
    if encoding != "UTF8":
        raise ServerStartError(
            f"the database {shown} has the encoding {encoding}",
            "Create one by: createdb --encoding UTF8 --template template0 NAME",
        )
    ((ignores_case,),) = connection.execute("SELECT 'Ä' ILIKE 'ä'").fetchall()
    if not ignores_case:
        _log.warning(
            "searches in the database %s tell Ä from ä; one that is made with --locale C.UTF-8"
            " finds both",
            shown,
        )


def _done(connection: psycopg.Connection, shown: str) -> list[str]:
    """Return the migrations that have run; in a new database, make their table."""
    tables = {
        name
        for (name,) in connection.execute(
            "SELECT tablename FROM pg_tables WHERE schemaname = current_schema()"
        )
    }
    if "migration" not in tables:
        if tables:
            raise _of_others(shown)
        connection.execute(
            "CREATE TABLE migration (name text PRIMARY KEY, applied_at bigint NOT NULL)"
        )
        return []
    try:
        rows = connection.execute("SELECT name FROM migration ORDER BY name").fetchall()
    except psycopg.errors.UndefinedColumn:
        raise _of_others(shown) from None
    return [name for (name,) in rows]


def _of_others(shown: str) -> ServerStartError:
    return ServerStartError(
        f"{shown} is a database of another program", "Create a database for aqsync alone."
    )
