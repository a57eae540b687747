"""What is observed of folders whose files belong together."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from typing import Any, NamedTuple

from aqsync.journal.database import Database
from aqsync.journal.history import Event, HistoryKind, note
from aqsync.journal.rows import (
    FREED,
    JOINED,
    LISTED,
    QUIET,
    SQLITE,
    UNSYNCED,
    below,
    joined,
    loaded,
    marks,
    split,
    stored,
)
from aqsync.model import EntryKind, MeasurementState

# A file that is here and not on the server with this content, as far as known: the planner calls no
# such file in sync, and a test compares the two.
NOT_THERE = f"""(
    f.kind = 0 AND f.size IS NOT NULL AND (
        {UNSYNCED} OR f.failure_message IS NOT NULL
        OR f.eid IS NULL OR e.problem_message IS NOT NULL
        OR ({LISTED} > f.synced_sequence
            AND (r.modified_at IS NULL OR r.modified_at IS NOT f.synced_modified_at))
    )
)"""

_SHOWN = f"({QUIET} AND f.failure_message IS NULL AND NOT f.synced_provisional)"
"""The server was seen to have a file as it is here."""

_IS_FREED = """EXISTS (SELECT 1 FROM experiment e
    JOIN freed d ON d.uuid = e.uuid AND d.name = f.remote_name WHERE e.eid = f.eid)"""

_SENT = {True: "f.kind = 0", False: f"f.kind = 0 AND f.format IS NOT '{SQLITE}'"}
"""Which entries are sent, by whether databases are."""

_Values = list[int | str | bytes]


# From each directory to the next one by the index, where DISTINCT would read every file.
_DIRECTORIES = """
WITH RECURSIVE place(directory) AS (
    SELECT min(directory) FROM file WHERE mapping_id = :mapping AND {inside}
    UNION ALL
    SELECT (SELECT min(directory) FROM file
            WHERE mapping_id = :mapping AND directory > place.directory AND {inside})
    FROM place WHERE place.directory IS NOT NULL
)
SELECT directory FROM place WHERE EXISTS (
    SELECT 1 FROM file f WHERE f.mapping_id = :mapping AND f.directory = place.directory
        AND f.kind = 0 AND f.size IS NOT NULL
)
"""


class Changes(NamedTuple):
    """When the files that lie in one directory changed last."""

    directory: str
    changed_ns: int
    """Of the last change. A time that lies ahead of the clock does not count, unless nothing else
    is known."""
    newest: int
    """The id of the file that was noted last."""


class Counts(NamedTuple):
    """How many files lie in one directory."""

    directory: str
    files: int
    bytes: int
    not_there: int
    """How many are not on the server as they are here."""


class Arrivals(NamedTuple):
    """How many files lie in one directory, and what of them a list has shown."""

    directory: str
    files: int
    not_shown: int
    """How many are not on the server as they are here, or no list has shown them yet."""
    last_sent: int
    """When the last of them was sent, as a sequence."""


class Arrived(NamedTuple):
    """A file whose version from here a list shows."""

    path: str
    eid: str
    uuid: str
    remote_name: str
    sha256: bytes
    modified_at: str
    """When it was stored, by the server's clock, letter for letter."""


class MissingFile(NamedTuple):
    """A file that is not on the server as it is here."""

    id: int
    path: str
    size: int
    failure: str
    """Why it failed; empty where nothing has."""


class Told(NamedTuple):
    """How a measurement stands, as it is told."""

    folder: str
    state: MeasurementState
    text: str
    """For the history."""


_KINDS = {
    MeasurementState.ON_ITS_WAY: HistoryKind.MEASUREMENT_COMPLETE,
    MeasurementState.ON_SERVER: HistoryKind.MEASUREMENT_ON_SERVER,
}


class OpenFiles(NamedTuple):
    """Which files of a mapping were open for writing when the system was last asked."""

    asked_ns: int
    newest: int
    """The id of the last file that was known by then."""
    paths: frozenset[str] | None
    """None: the system does not tell."""
    locked: frozenset[int] = frozenset()
    """Inodes of what is locked for writing on the root's device. Whose they are is looked up when
    it matters: a file may be seen only after the question."""


class Measurements:
    """Questions about folders; none of them reads more than it must."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def changes(self, mapping_id: int, now_ns: int, folder: str = "") -> list[Changes]:
        """When the files of each directory at and below a folder changed last.

        Args:
            mapping_id: Whose.
            now_ns: The wall clock, nanoseconds since 1970.
            folder: Which; empty: everywhere.
        """
        rows = self._ask(
            f"SELECT f.directory, max(CASE WHEN f.ctime_ns BETWEEN f.since_ns AND {now_ns:d}"
            " THEN f.ctime_ns ELSE f.since_ns END), max(f.id) FROM file f",
            mapping_id,
            folder,
            "f.kind = 0 AND f.size IS NOT NULL GROUP BY f.directory",
        )
        return [Changes(loaded(directory), *rest) for directory, *rest in rows]

    def counts(self, mapping_id: int, folder: str = "", *, databases: bool = True) -> list[Counts]:
        """How many files each directory at and below a folder has, and what is to come.

        Args:
            mapping_id: Whose.
            folder: Which; empty: everywhere.
            databases: False: they are left out, as they are never sent.
        """
        rows = self._ask(
            f"SELECT f.directory, count(*), sum(f.size), sum({NOT_THERE}) FROM {JOINED}",
            mapping_id,
            folder,
            f"{_SENT[databases]} AND f.size IS NOT NULL GROUP BY f.directory",
        )
        return [Counts(loaded(directory), *rest) for directory, *rest in rows]

    def arrivals(self, mapping_id: int, folder: str = "", *, databases: bool) -> list[Arrivals]:
        """How far the files of each directory at and below a folder have arrived.

        What a person has freed counts as if it were here.

        Args:
            mapping_id: Whose.
            folder: Which; empty: everywhere.
            databases: As for `counts`.
        """
        rows = self._ask(
            f"SELECT f.directory, count(*), sum(NOT coalesce({_SHOWN} OR {FREED}, 0)),"
            f" coalesce(max(f.synced_sequence), 0) FROM {JOINED}",
            mapping_id,
            folder,
            f"{_SENT[databases]} AND (f.size IS NOT NULL OR d.at_ns IS NOT NULL)"
            " GROUP BY f.directory",
        )
        return [Arrivals(loaded(directory), *rest) for directory, *rest in rows]

    def arrived(self, mapping_id: int, folder: str) -> list[Arrived]:
        """What stands on the server of a folder, those files included that are gone here.

        Of what is gone nothing newer was sent from here: another time there says nothing, as a
        backup that is restored changes them all.
        """
        rows = self._ask(
            "SELECT f.directory, f.name, f.eid, e.uuid, f.remote_name, f.synced_sha256,"
            f" r.modified_at FROM {JOINED}",
            mapping_id,
            folder,
            "f.kind = 0 AND f.synced_sha256 IS NOT NULL AND NOT f.synced_provisional"
            " AND e.uuid IS NOT NULL AND (r.modified_at = f.synced_modified_at"
            " OR f.size IS NULL AND r.modified_at IS NOT NULL)",
        )
        return [Arrived(joined(directory, name), *rest) for directory, name, *rest in rows]

    def directories(self, mapping_id: int, folder: str = "") -> list[str]:
        """Every directory below a folder that has files; the cost grows with their number alone.

        Args:
            mapping_id: Whose.
            folder: Which; empty: everywhere.
        """
        inside, ranges = "directory > :first AND directory < :last", below(folder)
        if not folder:
            inside, ranges = "TRUE", ranges[:1]
        question = _DIRECTORIES.format(inside=inside)
        return [
            loaded(directory)
            for first, last in ranges
            for (directory,) in self._database.rows(
                question, {"mapping": mapping_id, "first": first, "last": last}
            )
        ]

    def changed_since(self, mapping_id: int, since_ns: int) -> list[tuple[str, int]]:
        """The directories with files that have changed since then, and when each was last changed.

        It costs little while they are few, however many files there are.
        """
        rows = self._database.rows(
            "SELECT directory, max(since_ns) FROM file INDEXED BY file_by_age"
            " WHERE mapping_id = ? AND since_ns > ? AND size IS NOT NULL AND kind = 0"
            " GROUP BY directory",
            (mapping_id, since_ns),
        )
        return [(loaded(directory), changed_ns) for directory, changed_ns in rows]

    def entries(
        self, mapping_id: int, folder: str = "", names: Collection[str] | None = None
    ) -> Iterator[tuple[str, EntryKind]]:
        """All that is at and below a folder, but for parts of databases: the paths, and what it is.

        What a person has freed counts as if it were here.

        Args:
            mapping_id: Whose.
            folder: Which; empty: everywhere.
            names: Only those with these names; None: all.
        """
        here = f"(f.size IS NOT NULL OR {_IS_FREED})"
        condition = f"{here} AND f.kind <> {EntryKind.DATABASE_PART:d}"
        values = _Values()
        if names is not None:
            condition += f" AND f.name IN ({marks(names)})"
            values += [stored(name) for name in names]
        question = "SELECT f.directory, f.name, f.kind FROM file f"
        rows = self._ask(question, mapping_id, folder, condition, values)
        return ((joined(directory, name), EntryKind(kind)) for directory, name, kind in rows)

    def not_there(
        self, mapping_id: int, folder: str, *, databases: bool = True
    ) -> list[MissingFile]:
        """The files of a folder that are not on the server as they are here, failed ones first.

        Args:
            mapping_id: Whose.
            folder: Which.
            databases: As for `counts`.
        """
        rows = self._ask(
            "SELECT f.id, f.directory, f.name, f.size, coalesce(f.failure_message, '')"
            f" FROM {JOINED}",
            mapping_id,
            folder,
            f"{_SENT[databases]} AND {NOT_THERE}",
        )
        found = [MissingFile(row[0], joined(row[1], row[2]), *row[3:]) for row in rows]
        return sorted(found, key=lambda each: (not each.failure, each.path))

    def open_files(self, mapping_id: int) -> OpenFiles | None:
        """Which files were open for writing; None: the system was never asked."""
        asked_ns, newest, told = self._database.row(
            "SELECT open_asked_ns, open_asked_newest, open_told FROM mapping WHERE id = ?",
            (mapping_id,),
        ) or (None, 0, 0)
        if asked_ns is None:
            return None
        rows = self._database.rows(
            "SELECT directory, name FROM open_file WHERE mapping_id = ?", (mapping_id,)
        )
        paths = frozenset(joined(directory, name) for directory, name in rows)
        inodes = self._database.rows(
            "SELECT inode FROM locked_inode WHERE mapping_id = ?", (mapping_id,)
        )
        locked = frozenset(inode for (inode,) in inodes)
        return OpenFiles(asked_ns, newest, paths if told else None, locked)

    def set_open_files(self, mapping_id: int, found: OpenFiles) -> None:
        """The system was asked which files are open for writing."""
        with self._database.writing() as connection:
            for table in ("open_file", "locked_inode"):
                connection.execute(f"DELETE FROM {table} WHERE mapping_id = ?", (mapping_id,))
            connection.execute(
                "UPDATE mapping SET open_asked_ns = ?, open_asked_newest = ?, open_told = ?"
                " WHERE id = ?",
                (found.asked_ns, found.newest, found.paths is not None, mapping_id),
            )
            connection.executemany(
                "INSERT INTO open_file (mapping_id, directory, name) VALUES (?, ?, ?)",
                ((mapping_id, *split(path)) for path in found.paths or ()),
            )
            connection.executemany(
                "INSERT INTO locked_inode (mapping_id, inode) VALUES (?, ?)",
                ((mapping_id, inode) for inode in found.locked),
            )

    def paths_of(self, mapping_id: int, folder: str, inodes: Collection[int]) -> list[str]:
        """The files at and below a folder that have one of these inodes."""
        if not inodes:
            return []
        rows = self._ask(
            "SELECT f.directory, f.name FROM file f",
            mapping_id,
            folder,
            f"f.size IS NOT NULL AND f.inode IN ({marks(inodes)})",
            inodes,
        )
        return [joined(directory, name) for directory, name in rows]

    def told(self, mapping: str) -> dict[str, MeasurementState]:
        """How each measurement of a mapping stood when that was last told, by folder."""
        rows = self._database.rows(
            "SELECT folder, state FROM measurement"
            " WHERE mapping_id = (SELECT id FROM mapping WHERE name = ?)",
            (mapping,),
        )
        return {loaded(folder): MeasurementState(state) for folder, state in rows}

    def tell(self, mapping: str, news: Iterable[Told], gone: Iterable[str], now_ns: int) -> None:
        """Write down how measurements stand; the history gets those that are complete.

        Args:
            mapping: Its name.
            news: What stands otherwise than before.
            gone: Folders that hold no file any more.
            now_ns: The wall clock, nanoseconds since 1970.
        """
        of = "mapping_id = (SELECT id FROM mapping WHERE name = ?) AND folder = ?"
        with self._database.writing() as connection:
            connection.executemany(
                f"DELETE FROM measurement WHERE {of}", ((mapping, stored(each)) for each in gone)
            )
            for folder, state, text in news:
                connection.execute(
                    "INSERT OR REPLACE INTO measurement (mapping_id, folder, state, since_ns)"
                    " SELECT id, ?, ?, ? FROM mapping WHERE name = ?",
                    (stored(folder), state.value, now_ns, mapping),
                )
                if (kind := _KINDS.get(state)) is not None:
                    note(connection, Event(now_ns, kind, mapping, folder, text))

    def _ask(
        self,
        question: str,
        mapping_id: int,
        folder: str,
        condition: str,
        values: Iterable[int | str | bytes] = (),
    ) -> Iterator[Any]:
        """The rows of a question about the files at and below a folder.

        Each part is a range of one index; SQLite would not use the index for an OR.
        """
        ranges = [("TRUE", _Values())]
        if folder:
            between = "f.directory > ? AND f.directory < ?"
            ranges = [("f.directory = ?", [stored(folder)])]
            ranges += [(between, [*bounds]) for bounds in below(folder)]
        for place, bounds in ranges:
            yield from self._database.rows(
                f"{question} WHERE f.mapping_id = ? AND {place} AND {condition}",
                (mapping_id, *bounds, *values),
            )
