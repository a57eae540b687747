"""The rows that are moved as they are, in pages, so that memory stays flat."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass

from aqsync.server.catalog.database import Database, Row, marks
from aqsync.server.catalog.tables import Table, tables_in_order

_PAGE = 100
"""The outputs of tasks may have two MiB each."""

_NOT_MOVED = frozenset(
    {
        # Files are moved with their bytes; who put them there goes with them.
        *("file", "file_note", "removed_blob", "blob_lease", "sweep", "place_of_files"),
        # Leftovers of the source alone.
        *("removed", "task_token", "session"),
        *("move", "moved_experiment"),
    }
)
_NOT_COMPARED = frozenset({"had_files"})
"""The files that are moved add rows to it, where it is used."""


@dataclass(frozen=True, slots=True)
class Content:
    """What a table has.

    Args:
        rows: How many rows.
        sha256: Of all of them, in any order.
    """

    rows: int
    sha256: bytes


def moved_tables() -> list[Table]:
    """Return the tables whose rows are moved, in an order in which they can be entered."""
    return [table for table in tables_in_order() if table.name not in _NOT_MOVED]


def contents(database: Database) -> dict[str, Content]:
    """Return what each table has whose rows are equal in both, by its name."""
    return {
        table.name: content(table, database)
        for table in moved_tables()
        if table.name not in _NOT_COMPARED
    }


def has_no_rows(database: Database) -> bool:
    """Tell whether there is no row in any of the tables, nor a file."""
    names = [*(table.name for table in moved_tables()), "file"]
    with database.reading() as connection:
        return not any(
            connection.execute(f"SELECT 1 FROM {name} LIMIT 1").fetchone() for name in names
        )


def copy(table: Table, source: Database, target: Database) -> None:
    """Enter the rows of a table that are not there yet, as far as the engine can hold them."""
    insert = (
        f"INSERT INTO {table.name} ({', '.join(table.columns)}) VALUES ({marks(table.columns)})"
        " ON CONFLICT DO NOTHING"
    )
    for page in _pages(table, source):
        with target.changing() as connection:
            connection.executemany(insert, map(_storable, page))
    if "number" in table.key:
        target.number_on(table.name)


def content(table: Table, database: Database) -> Content:
    """Return what a table has, as all engines can hold it."""
    digests = sorted(_digest(_storable(row)) for page in _pages(table, database) for row in page)
    return Content(len(digests), hashlib.sha256(b"".join(digests)).digest())


def _pages(table: Table, database: Database) -> Iterator[list[Row]]:
    columns, key = ", ".join(table.columns), ", ".join(table.key)
    at = [table.columns.index(column) for column in table.key]
    after: tuple[object, ...] | None = None
    while True:
        condition = "TRUE" if after is None else f"({key}) > ({marks(table.key)})"
        with database.reading() as connection:
            page = connection.execute(
                f"SELECT {columns} FROM {table.name} WHERE {condition} ORDER BY {key} LIMIT ?",
                (*(after or ()), _PAGE),
            ).fetchall()
        if not page:
            return
        yield page
        after = tuple(page[-1][index] for index in at)


def _storable(row: Row) -> Row:
    """No engine of a newer release holds NUL in a text; an earlier one let it into its file."""
    return tuple(
        value.replace("\0", "\ufffd") if isinstance(value, str) else value for value in row
    )


def _digest(row: Row) -> bytes:
    return hashlib.sha256(json.dumps(row, default=bytes.hex).encode()).digest()
