"""The tables of this release: their columns and keys, as its migrations make them."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import dataclass

from aqsync.server.catalog.schema import MIGRATIONS


@dataclass(frozen=True, slots=True)
class Table:
    """One table.

    Args:
        name: Its name.
        columns: The names of its columns.
        key: Those that tell its rows from each other.
        needs: The tables whose rows its rows refer to.
    """

    name: str
    columns: tuple[str, ...]
    key: tuple[str, ...]
    needs: frozenset[str]


def tables_in_order() -> list[Table]:
    """Return the tables; each comes after those that its rows refer to."""
    with closing(sqlite3.connect(":memory:")) as database:
        for step in MIGRATIONS:
            database.executescript(step.sqlite)
        names = database.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY 1")
        waiting = [_table(database, name) for (name,) in names.fetchall()]
    ordered: list[Table] = []
    while waiting:
        known = {table.name for table in ordered}
        ready = [table for table in waiting if table.needs <= known]
        ordered += ready
        waiting = [table for table in waiting if table not in ready]
    return ordered


def _table(database: sqlite3.Connection, name: str) -> Table:
    facts = database.execute(f"PRAGMA table_info({name})").fetchall()
    keyed = [column for _, column in sorted((row[5], row[1]) for row in facts if row[5])]
    needed = database.execute(f"PRAGMA foreign_key_list({name})").fetchall()
    return Table(
        name,
        tuple(column for _, column, *_ in facts),
        tuple(keyed or _unique(database, name)),
        frozenset(row[2] for row in needed),
    )


def _unique(database: sqlite3.Connection, name: str) -> list[str]:
    """Return the columns of an index of which no two rows have the same."""
    (index, *_) = (
        row[1] for row in database.execute(f"PRAGMA index_list({name})") if row[2] and not row[4]
    )
    return [row[2] for row in database.execute(f"PRAGMA index_info({index})")]
