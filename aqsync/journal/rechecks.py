"""Versions that are in sync, and are hashed again because they were very young when read."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from aqsync.journal.database import Database
from aqsync.journal.history import Event, HistoryKind, note
from aqsync.journal.outcomes import AT, at
from aqsync.journal.rows import AT_PATH, NO_FAILURE, SQLITE, UNCHANGED, split
from aqsync.model import FileRecord, SyncedVersion

_PAGE = 500
"""Ids asked for at once."""


class Pending(NamedTuple):
    """Files of a mapping that are to be hashed again."""

    files: int
    bytes: int
    last_ns: int | None
    """When the last of them is due; None: there are none."""


class Rechecks:
    """The column that says when a synced version must be hashed again."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def due(self, mapping_id: int, now_ns: int) -> Iterator[list[int]]:
        """The ids of files that are as they were synced and due, the longest due first, in pages.

        Some of them may need another decision first, for example if others have changed them on
        the server.
        """
        after = (-1, 0)
        while True:
            rows = self._database.rows(
                "SELECT f.recheck_at_ns, f.id FROM file f WHERE f.mapping_id = ?"
                " AND f.recheck_at_ns BETWEEN ? AND ? AND (f.recheck_at_ns, f.id) > (?, ?)"
                f" AND f.kind = 0 AND {UNCHANGED} ORDER BY f.recheck_at_ns, f.id LIMIT {_PAGE}",
                (mapping_id, after[0], now_ns, *after),
            )
            if rows:
                after = rows[-1]
                yield [identity for _, identity in rows]
            if len(rows) < _PAGE:
                return

    def next_ns(self, mapping_id: int, now_ns: int) -> int | None:
        """When the next file that is not due yet will be; None: there is none."""
        next_ns: int | None = self._database.value(
            "SELECT min(recheck_at_ns) FROM file WHERE mapping_id = ? AND recheck_at_ns > ?",
            (mapping_id, now_ns),
        )
        return next_ns

    def pending(self, mapping_id: int, until_ns: int | None = None) -> Pending:
        """How many files are as they were synced, and are to be hashed again.

        Args:
            mapping_id: Whose.
            until_ns: Only those that are due by then; None: all.
        """
        until = "" if until_ns is None else " AND f.recheck_at_ns <= ?"
        [row] = self._database.rows(
            "SELECT count(*), coalesce(sum(f.size), 0), max(f.recheck_at_ns) FROM file f"
            f" WHERE f.mapping_id = ? AND f.recheck_at_ns IS NOT NULL{until}"
            f" AND f.kind = 0 AND {UNCHANGED}",
            (mapping_id,) if until_ns is None else (mapping_id, until_ns),
        )
        return Pending(*row)

    def closed(self, mapping_id: int, paths: Iterable[str], at_ns: int) -> None:
        """Programs that could write have closed these files: they may have changed without a sign.

        A planned hashing is not delayed by it, as it reads what was written before the close. But
        a hashing that is under way does not count any more.
        """
        self._database.write_each(
            "UPDATE file AS f SET recheck_at_ns = coalesce(recheck_at_ns + 1, ?)"
            f" WHERE {AT_PATH} AND {UNCHANGED} AND format IS NOT '{SQLITE}'",
            ((at_ns, mapping_id, *split(path)) for path in paths),
        )

    def clock_ahead_ns(self) -> int | None:
        """By how much the wall clock was ahead of the monotonic one when last noted."""
        row = self._database.row("SELECT ahead_ns FROM clock")
        return None if row is None else int(row[0])

    def note_clock_ahead(self, ahead_ns: int) -> None:
        """Remember it, so that a later process can find out that the clock was set in between."""
        with self._database.writing() as connection:
            connection.execute("DELETE FROM clock")
            connection.execute("INSERT INTO clock VALUES (?)", (ahead_ns,))

    def put_off(self, at_ns: int) -> None:
        """The wall clock was set, so planned times mean nothing: all of them are due at `at_ns`."""
        self._database.write(
            "UPDATE file SET recheck_at_ns = ? WHERE recheck_at_ns IS NOT NULL", (at_ns,)
        )

    def passed(self, files: Iterable[FileRecord], again_ns: int) -> None:
        """These files were read, and their content is the synced one.

        Args:
            files: As they were when their reading began.
            again_ns: When to read those again that were closed by a writer meanwhile.
        """
        self._database.write_each(
            "UPDATE file AS f SET recheck_at_ns ="
            " CASE WHEN recheck_at_ns = ? THEN NULL ELSE max(recheck_at_ns, ?) END,"
            f" {NO_FAILURE}"
            f" WHERE {AT} AND synced_sha256 = ? AND {UNCHANGED}"
            " AND recheck_at_ns IS NOT NULL",
            (
                (version.recheck_at_ns, again_ns, *at(file), version.sha256)
                for file in files
                if (version := file.synced) is not None
            ),
        )

    def found_changed(self, file: FileRecord, synced: SyncedVersion, now_ns: int) -> bool:
        """The file has other content than its synced version, under the same signature.

        The synced version loses its signature, so the file counts as changed. It stays planned for
        hashing, since a file that was written to without a sign may be again.

        Returns:
            Whether that is news: the file may have changed since, or been sent.
        """
        with self._database.writing() as connection:
            news = connection.execute(
                "UPDATE file AS f SET synced_mtime_ns = 0, synced_ctime_ns = 0, synced_inode = 0,"
                f" synced_log = 0, {NO_FAILURE}"
                f" WHERE {AT} AND synced_sha256 = ? AND {UNCHANGED}",
                (*at(file), synced.sha256),
            ).rowcount
            if news:
                text = "its content changed with the same size and times"
                event = Event(now_ns, HistoryKind.FOUND_CHANGED, file.mapping, file.path, text)
                note(connection, event)
        return news > 0
