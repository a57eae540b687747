"""How damage in a journal is found: by SQLite's own checks, and by checks of our own.

The whole journal is read if it was not closed in good order, or was changed since. A journal with
changed bytes must not be used: a name that is missing in the mirror would count as free, and a file
of others under that name would be replaced.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from functools import cache

from aqsync.journal.schema import migrate

_UUID = "-".join("[0-9a-f]" * digits for digits in (8, 4, 4, 4, 12))


def quick_verdict(connection: sqlite3.Connection) -> str | None:
    """What is wrong with the file's structure, in SQLite's words; None: nothing.

    Fast, for a reader beside the writer.
    """
    return _verdict(connection, "quick_check")


def damage_in_pages(connection: sqlite3.Connection) -> str | None:
    """The same, and whether each index agrees with its table.

    Takes half a second for 100,000 files.
    """
    return _verdict(connection, "integrity_check")


def _verdict(connection: sqlite3.Connection, check: str) -> str | None:
    verdict = str(connection.execute(f"PRAGMA {check}(1)").fetchone()[0])
    return None if verdict == "ok" else verdict


def damage_in_content(connection: sqlite3.Connection) -> str | None:
    """What is wrong within an intact file, once all migrations have run; None: nothing."""
    if strange := _schema(connection) ^ _made_by_migrations():
        return f"{min(str(name) for name, _ in strange)} is described in another way"
    for table in _tables(connection):
        if _has_strange_types(connection, table):
            return f"a value in the table {table} is of another type"
    if _is_out_of_order(connection):
        return "the list of remote files is out of order"
    return None


def doubt_what_no_check_can_find(connection: sqlite3.Connection) -> None:
    """A changed letter in a list or a UUID shows in no check, so the server is asked again."""
    connection.execute("DELETE FROM listing")
    connection.execute("UPDATE experiment SET uuid = NULL WHERE uuid NOT GLOB ?", (_UUID,))


def _schema(connection: sqlite3.Connection) -> frozenset[tuple[str, str]]:
    """The descriptions of tables and indexes, which SQLite stores as text and does not check."""
    return frozenset(
        connection.execute("SELECT name, sql FROM sqlite_schema WHERE sql IS NOT NULL")
    )


@cache
def _made_by_migrations() -> frozenset[tuple[str, str]]:
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
        migrate(connection, 0)
        return _schema(connection)


def _tables(connection: sqlite3.Connection) -> list[str]:
    rows = connection.execute(
        "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT GLOB 'sqlite_*'"
    )
    return [name for (name,) in rows]


def _has_strange_types(connection: sqlite3.Connection, table: str) -> bool:
    """Whether a value is of another type than its column: SQLite stores anything anywhere."""
    columns = connection.execute(
        "SELECT name, lower(type) FROM pragma_table_info(?) WHERE type <> ''", (table,)
    ).fetchall()
    strange = " OR ".join(f"typeof({name}) NOT IN ('{of}', 'null')" for name, of in columns)
    question = f"SELECT EXISTS (SELECT 1 FROM {table} WHERE {strange})"
    return bool(connection.execute(question).fetchone()[0])


def _is_out_of_order(connection: sqlite3.Connection) -> bool:
    """Whether the mirror is not in the order in which it is searched."""
    row = connection.execute(
        "SELECT EXISTS (SELECT 1 FROM"
        " (SELECT eid, name, lag(eid) OVER () AS e, lag(name) OVER () AS n FROM remote_file)"
        " WHERE (e, n) >= (eid, name))"
    ).fetchone()
    return bool(row[0])
