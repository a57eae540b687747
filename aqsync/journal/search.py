"""Finds files by parts of their paths: those that are known now, and those that were once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from aqsync.journal.database import Database, Value
from aqsync.journal.history import HistoryKind
from aqsync.journal.rows import loaded, marks, split, stored

_PATH = "CASE WHEN f.directory = '' THEN f.name ELSE f.directory || '/' || f.name END"
_ESCAPE = "\\"
_OF_FILES = (
    HistoryKind.UPLOADED,
    HistoryKind.ADOPTED,
    HistoryKind.REMOVED,
    HistoryKind.FAILED,
    HistoryKind.FOUND_CHANGED,
    HistoryKind.FREED,
)


class Place(NamedTuple):
    """Where a file is, or was."""

    mapping: str
    path: str


class Search:
    """Questions for files whose path holds some words; ASCII letters match in either case."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def known(self, words: Sequence[str], after: Place | None, most: int) -> list[Place]:
        """Files that are known, also those that are gone and not forgotten, in order.

        Args:
            words: All of them stand in the path; at least one, and none with a zero byte.
            after: Only those after this place; None: from the first.
            most: How many.
        """
        condition, values = _having(_PATH, words)
        if after is not None:
            condition += " AND (m.name, f.directory, f.name) > (?, ?, ?)"
            values += [after.mapping, *split(after.path)]
        rows = self._database.rows(
            f"SELECT m.name, CAST({_PATH} AS BLOB)"
            " FROM mapping m JOIN file f ON f.mapping_id = m.id"
            f" WHERE f.kind = 0 AND {condition} ORDER BY m.name, f.directory, f.name LIMIT ?",
            (*values, most),
        )
        return [Place(mapping, loaded(path)) for mapping, path in rows]

    def forgotten(self, words: Sequence[str], most: int) -> list[Place]:
        """Files of which only the history tells, in no order.

        Args:
            words: All of them stand in the path; at least one, and none with a zero byte.
            most: How many.
        """
        in_history, values = _having("h.path", words)
        in_files, again = _having(_PATH, words)
        rows = self._database.rows(
            f"SELECT DISTINCT h.mapping, CAST(h.path AS BLOB) FROM history h WHERE {in_history}"
            f" AND h.kind IN ({marks(_OF_FILES)}) AND (h.mapping, CAST(h.path AS BLOB)) NOT IN"
            f" (SELECT m.name, CAST({_PATH} AS BLOB) FROM mapping m"
            f" JOIN file f ON f.mapping_id = m.id WHERE {in_files}) LIMIT ?",
            (*values, *(kind.value for kind in _OF_FILES), *again, most),
        )
        return [Place(mapping, loaded(path)) for mapping, path in rows]


def _having(column: str, words: Sequence[str]) -> tuple[str, list[Value]]:
    """In SQL, with its values."""
    # Some builds of SQLite find nothing in blobs, and names that are no UTF-8 are blobs.
    one = f"CAST({column} AS TEXT) LIKE CAST(? AS TEXT) ESCAPE '{_ESCAPE}'"
    return " AND ".join([one] * len(words)), [stored(f"%{_escaped(word)}%") for word in words]


def _escaped(word: str) -> str:
    for special in (_ESCAPE, "%", "_"):
        word = word.replace(special, _ESCAPE + special)
    return word
