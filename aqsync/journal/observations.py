"""What the scanner saw of local files, and the records that decisions are made from."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from aqsync.journal.database import Database, Version
from aqsync.journal.freed import note_gone
from aqsync.journal.rows import (
    AT_PATH,
    FINISHED,
    FREED,
    JOINED,
    LISTED,
    NO_FAILURE,
    NOT_COMPARED,
    NOT_READ,
    NOT_RESENT,
    NOT_SENT,
    OTHER_FORMAT,
    QUIET,
    RECORD,
    SQLITE,
    UNCHANGED,
    below,
    file_record,
    joined,
    loaded,
    marks,
    split,
    stored,
)
from aqsync.model import SECOND_NS, EntryKind, FileRecord, Signature
from aqsync.paths import parents

KnownEntry = tuple[int, int | None, int, int, int]
"""Kind, size (None: gone), mtime_ns, ctime_ns, inode: what the scanner compares."""


class KnownVersion(NamedTuple):
    """What a directory must hold of a file to count as the known one."""

    here: bool
    """It was there when last looked at."""
    sent: Signature | None
    """Of the version that the server has, or may have; None: it has none."""


class Observed(NamedTuple):
    """An entry that is new, or no longer as it was."""

    path: str
    kind: EntryKind
    signature: Signature
    since_ns: int
    eid: str | None
    remote_name: str
    is_database: bool | None = None
    """Whether it is a SQLite database; None: it was not looked into."""


class Retargeted(NamedTuple):
    """A known path that the rules now lead elsewhere."""

    path: str
    eid: str | None
    remote_name: str


class Waiting(NamedTuple):
    """A file that needs a decision."""

    id: int
    size: int
    """Bytes; 0 for one that is gone."""

    @classmethod
    def of(cls, file: FileRecord) -> Waiting:
        """A file that is to be decided on again."""
        return cls(file.id, file.size)


class SentUnfinished(NamedTuple):
    """A file that was sent although its own format said that its writer had not closed it."""

    path: str
    format: str


class Quiet(NamedTuple):
    """Files that are in sync without a closer look."""

    files: int
    bytes: int
    kept: int
    """Gone here and kept on the server; not among the files."""
    freed: int
    """Removed here by a person to free space, and on the server; not among the files."""


ONE_CHANGE_NS = 120 * SECOND_NS
"""Changes that follow each other within this time are one that goes on; where no events tell of
them, a file is looked at once a minute."""

# A file keeps changing while its changes follow each other soon: within the time in ?14. It has
# only grown if its size was larger after each of them; a new name or owner leaves size and mtime as
# they are.
_STOOD_STILL = "(changing_since_ns IS NULL OR excluded.since_ns - since_ns > ?14)"
_OBSERVE = f"""
INSERT INTO file (mapping_id, directory, name, kind, size, mtime_ns, ctime_ns, inode, log,
                  since_ns, eid, remote_name, format)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (mapping_id, directory, name) DO UPDATE SET
    kind = excluded.kind, size = excluded.size, mtime_ns = excluded.mtime_ns,
    ctime_ns = excluded.ctime_ns, inode = excluded.inode, log = excluded.log,
    since_ns = excluded.since_ns, format = coalesce(excluded.format, format),
    eid = coalesce(eid, excluded.eid),
    remote_name = CASE remote_name WHEN '' THEN excluded.remote_name ELSE remote_name END,
    insisted = CASE WHEN excluded.size = 0 OR excluded.kind <> kind THEN 0 ELSE insisted END,
    changing_since_ns = CASE WHEN kind = 0 AND excluded.kind = 0 AND size IS NOT NULL
        THEN CASE WHEN {_STOOD_STILL}
            THEN max(CASE WHEN excluded.since_ns - since_ns > ?14
                THEN excluded.since_ns ELSE since_ns END, coalesce(synced_at_ns, since_ns))
            ELSE changing_since_ns END END,
    only_grown = CASE WHEN kind = 0 AND excluded.kind = 0 AND size IS NOT NULL
        THEN ({_STOOD_STILL} OR only_grown) AND excluded.inode = inode
            AND (excluded.size > size OR excluded.size = size AND excluded.mtime_ns = mtime_ns)
        ELSE 1 END,
    {NOT_COMPARED}, {NO_FAILURE}, {FINISHED}
"""

FORGET_REMOTE_SIDE = f"""
    synced_size = NULL, synced_mtime_ns = NULL, synced_ctime_ns = NULL, synced_inode = NULL,
    synced_log = 0, synced_bytes = NULL, synced_damage = NULL, synced_content_ns = NULL,
    synced_claimed = 0,
    synced_sha256 = NULL, synced_at_ns = NULL, synced_sequence = NULL,
    synced_modified_at = NULL, synced_not_before = NULL, synced_not_after = NULL,
    {NOT_SENT}, {NOT_COMPARED}, {NOT_RESENT},
    synced_listed = 1, synced_replaced = NULL, unanswered_ns = NULL,
    {NO_FAILURE}, removed_at_ns = NULL, insisted = 0,
    may_replace = NULL, removing = 0, recheck_at_ns = NULL, synced_unfinished = NULL,
    {NOT_READ}, spent_bytes = 0, synced_provisional = 0
"""
"""Assignments that forget all but what was seen on this disk."""

_HERE_OR_TIDIED = f"(f.size IS NOT NULL OR f.kind = {EntryKind.DATABASE_PART:d} AND f.insisted)"
"""What is here, and what a person wants removed from the server."""

_ONLY_COPY = f"""(({UNCHANGED}) IS NOT TRUE AND EXISTS (SELECT 1 FROM experiment e
    JOIN freed d ON d.uuid = e.uuid AND d.name = f.remote_name WHERE e.eid = f.eid))
"""
"""What a person has freed at this path is not here: the row tells of the only copy that is left."""

_GONE = f"size = NULL, insisted = 0, changing_since_ns = NULL, {NO_FAILURE}, {FINISHED}"
"""Assignments that forget what was seen on this disk."""

_MOST_PATHS = 100
"""Paths in one question: SQLite limits how many parts one may have."""
_PATHS_AT_ONCE = 5_000
_MOST_NAMES = 500
"""Names in one question: SQLite limits how many values one may have."""

_Value = int | str | bytes


class Observations:
    """The local side of the table of files."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._unquiet: dict[tuple[int | str, ...], list[Waiting]] = {}
        self._unquiet_version: Version | None = None
        """What `unquiet` found is good until something is written."""

    def known_in(self, mapping_id: int, directory: str) -> dict[str, KnownEntry]:
        """The entries last seen in one directory, by name."""
        rows = self._database.rows(
            "SELECT name, kind, size, mtime_ns, ctime_ns, inode FROM file"
            " WHERE mapping_id = ? AND directory = ?",
            (mapping_id, stored(directory)),
        )
        # Tuples straight from SQLite: this runs for every directory of every scan.
        return {loaded(row[0]): row[1:] for row in rows}

    def known_at(
        self, mapping_id: int, directory: str, names: Collection[str]
    ) -> dict[str, KnownEntry]:
        """Of these names in one directory, those known, as last seen."""
        asked = [stored(name) for name in names]
        found: dict[str, KnownEntry] = {}
        for start in range(0, len(asked), _MOST_NAMES):
            some = asked[start : start + _MOST_NAMES]
            rows = self._database.rows(
                "SELECT name, kind, size, mtime_ns, ctime_ns, inode FROM file"
                f" WHERE mapping_id = ? AND directory = ? AND name IN ({marks(some)})",
                (mapping_id, stored(directory), *some),
            )
            found.update((loaded(row[0]), row[1:]) for row in rows)
        return found

    def versions_in(self, mapping_id: int, directory: str) -> dict[str, KnownVersion]:
        """The files known in one directory, by name, with what of them is on the server."""
        rows = self._database.rows(
            "SELECT name, size IS NOT NULL, synced_at_ns IS NOT NULL, synced_size,"
            " synced_mtime_ns, synced_ctime_ns, synced_inode, sent_sha256 IS NOT NULL, size,"
            " mtime_ns, ctime_ns, inode FROM file WHERE mapping_id = ? AND directory = ?",
            (mapping_id, stored(directory)),
        )
        found: dict[str, KnownVersion] = {}
        for name, here, synced, *rest in rows:
            sent, *seen = rest[4:]
            of = rest[:4] if synced else seen if sent and here else None
            found[loaded(name)] = KnownVersion(bool(here), None if of is None else Signature(*of))
        return found

    def directories(self, mapping_id: int, top: str = "") -> list[str]:
        """The directories that held files when last seen, `top` and those below it."""
        places, values = "f.mapping_id = ?", list[_Value]((mapping_id,))
        if top:
            question, values = _in_or_below(mapping_id, top)
            places = f"f.id IN ({question})"
        rows = self._database.rows(
            f"SELECT DISTINCT f.directory FROM file f WHERE {places}", values
        )
        return [loaded(directory) for (directory,) in rows]

    def observe(
        self, mapping_id: int, entries: Iterable[Observed], soon_ns: int = ONE_CHANGE_NS
    ) -> None:
        """Write what was seen; a known path keeps its target and what is known of its remote.

        An entry that was no file before, such as a link, had no target and gets one now. A person's
        wish to send a file as it is ends when the file becomes empty, or something else.

        Args:
            mapping_id: Whose.
            entries: What was seen.
            soon_ns: A file that changes again within this time keeps changing.
        """
        self._database.write_each(
            _OBSERVE,
            (
                (
                    mapping_id,
                    *split(e.path),
                    int(e.kind),
                    *e.signature,
                    e.since_ns,
                    e.eid,
                    e.remote_name,
                    None if e.is_database is None else SQLITE if e.is_database else OTHER_FORMAT,
                    soon_ns,
                )
                for e in entries
            ),
        )

    def databases(self, mapping_id: int) -> dict[str, dict[str, int]]:
        """By directory, the names of the databases that are here, with their `Signature.log`."""
        found: dict[str, dict[str, int]] = {}
        rows = self._database.rows(
            "SELECT directory, name, log FROM file"
            f" WHERE mapping_id = ? AND format = '{SQLITE}' AND size IS NOT NULL",
            (mapping_id,),
        )
        for directory, name, log in rows:
            found.setdefault(loaded(directory), {})[loaded(name)] = log
        return found

    def found_database(self, mapping_id: int, path: str) -> None:
        """A file that has not changed was looked into, and is a database."""
        self._database.write(
            f"UPDATE file SET format = '{SQLITE}', recheck_at_ns = NULL WHERE {AT_PATH}",
            (mapping_id, *split(path)),
        )

    def found_part(self, mapping_id: int, path: str) -> None:
        """What is gone was a part of a database."""
        self._database.write(
            f"UPDATE file SET kind = {EntryKind.DATABASE_PART:d}, insisted = 0 WHERE {AT_PATH}",
            (mapping_id, *split(path)),
        )

    def damaged(self, mapping_id: int) -> dict[str, str]:
        """By path of a database that is as it was sent, what SQLite found wrong in it then."""
        rows = self._database.rows(
            "SELECT f.directory, f.name, f.synced_damage FROM file f WHERE f.mapping_id = ?"
            f" AND f.format = '{SQLITE}' AND f.synced_damage IS NOT NULL AND {UNCHANGED}",
            (mapping_id,),
        )
        # Were SQLite asked to sort them, it would go through all files; so it is below.
        return dict(sorted((joined(directory, name), said) for directory, name, said in rows))

    def leftovers(self, mapping_id: int) -> list[int]:
        """The ids of parts of databases whose copies stand on the server as they were sent."""
        rows = self._database.rows(
            f"SELECT f.id FROM {JOINED} WHERE f.mapping_id = ? AND"
            f" f.kind = {EntryKind.DATABASE_PART:d} AND f.synced_modified_at = r.modified_at",
            (mapping_id,),
        )
        return [identity for (identity,) in rows]

    def gone(self, mapping_id: int, paths: Iterable[str], now_ns: int) -> None:
        """Files that are no longer there; those of which nothing stands there are forgotten."""
        with self._database.writing() as connection:
            (any_freed,) = connection.execute("SELECT EXISTS (SELECT 1 FROM freed)").fetchone()
            for path in paths:
                at = (mapping_id, *split(path))
                if any_freed:
                    note_gone(connection, mapping_id, path, now_ns)
                connection.execute(
                    f"DELETE FROM file AS f WHERE {AT_PATH}"
                    f" AND synced_at_ns IS NULL AND sent_sha256 IS NULL AND NOT {_ONLY_COPY}",
                    at,
                )
                connection.execute(
                    f"UPDATE file SET since_ns = ?, {_GONE} WHERE {AT_PATH} AND size IS NOT NULL",
                    (now_ns, *at),
                )

    def newest(self) -> int:
        """The id of the last file that was noted, or of one before if that is forgotten."""
        return int(self._database.value("SELECT coalesce(max(id), 0) FROM file"))

    def forget_newer(self, mapping_id: int, paths: Iterable[str], newest: int) -> None:
        """Of these paths, forget those that were noted after the file with this id."""
        self._database.write_each(
            f"DELETE FROM file AS f WHERE {AT_PATH} AND id > ? AND NOT {_ONLY_COPY}",
            ((mapping_id, *split(path), newest) for path in paths),
        )

    def forget(self, mapping_id: int, paths: Iterable[str]) -> None:
        """Forget paths that the rules no longer select; of a freed file, only what is there now."""
        left_out = [(mapping_id, *split(path)) for path in paths]
        with self._database.writing() as connection:
            connection.executemany(
                f"DELETE FROM file AS f WHERE {AT_PATH} AND NOT {_ONLY_COPY}", left_out
            )
            connection.executemany(
                f"UPDATE file SET {_GONE} WHERE {AT_PATH} AND size IS NOT NULL", left_out
            )

    def retarget(self, mapping_id: int, moved: Iterable[Retargeted]) -> None:
        """Paths that now have another experiment or name, where nothing of them was sent yet.

        A freed file keeps its own, whatever is at its path now: the copy there is the only one.
        """
        self._database.write_each(
            f"UPDATE file AS f SET eid = ?, remote_name = ?, {FORGET_REMOTE_SIDE}"
            f" WHERE {AT_PATH} AND NOT {_ONLY_COPY}",
            ((m.eid, m.remote_name, mapping_id, *split(m.path)) for m in moved),
        )

    def targets(self, mapping_id: int) -> list[Retargeted]:
        """Every known path with its present target."""
        rows = self._database.rows(
            "SELECT directory, name, eid, remote_name FROM file WHERE mapping_id = ?",
            (mapping_id,),
        )
        return [Retargeted(joined(d, n), eid, remote_name) for d, n, eid, remote_name in rows]

    def clock_set_back(self, mapping_id: int, now_ns: int) -> None:
        """The clock was set back: states that were first seen in the future count from now."""
        self._database.write(
            "UPDATE file SET since_ns = ? WHERE mapping_id = ? AND since_ns > ?",
            (now_ns, mapping_id, now_ns),
        )

    def here(self, mapping_id: int) -> Iterator[int]:
        """The ids of the entries that are here, by path."""
        rows = self._database.rows(
            "SELECT id FROM file WHERE mapping_id = ? AND size IS NOT NULL"
            " ORDER BY directory, name",
            (mapping_id,),
        )
        return (identity for (identity,) in rows)

    def unquiet(
        self, mapping_id: int, within: Sequence[str] = (), *, keep: bool = False
    ) -> list[Waiting]:
        """The files that need a decision, longest-standing first.

        Args:
            mapping_id: Whose.
            within: Only those at and below these paths; none: all.
            keep: Files that are gone are kept on the server: nothing is to be decided on them.
        """
        asked: tuple[int | str, ...] = (mapping_id, keep, *within)
        # A quiet file with a failure could not be read again, so it is not in sync.
        loud = f"({QUIET} AND f.failure_message IS NULL) IS NOT TRUE AND {FREED} IS NOT TRUE"
        if keep:
            loud += f" AND ({_HERE_OR_TIDIED} OR d.name IS NOT NULL)"
        with self._database.reading() as connection:
            version = self._database.version()
            if version != self._unquiet_version:
                self._unquiet_version = version
                self._unquiet.clear()
            if asked in self._unquiet:
                return self._unquiet[asked]
            rows: list[tuple[int, int, int]] = []
            for places, values in _batches(mapping_id, within):
                rows += connection.execute(
                    f"SELECT f.since_ns, f.id, coalesce(f.size, 0) FROM {JOINED}"
                    f" WHERE {places} AND {loud}",
                    values,
                )
            rows.sort()
            files = [Waiting(identity, size) for _, identity, size in rows]
            self._unquiet[asked] = files
        return files

    def quiet(self, mapping_id: int, within: Sequence[str] = (), *, keep: bool = False) -> Quiet:
        """How many files are in sync without a closer look, and their bytes.

        Args:
            mapping_id: Whose.
            within: Only those at and below these paths; none: all.
            keep: Files that are gone are kept on the server.
        """
        known = here = size = 0
        with self._database.reading() as connection:
            for places, values in _batches(mapping_id, within):
                row = connection.execute(
                    f"SELECT count(*), count(*) FILTER (WHERE {_HERE_OR_TIDIED}),"
                    " coalesce(sum(f.size), 0)"
                    f" FROM file f WHERE {places}",
                    values,
                ).fetchone()
                known, here, size = known + row[0], here + row[1], size + row[2]
            others = self.unquiet(mapping_id, within, keep=keep)
            freed = self._freed(mapping_id, within, FREED)
            lost = self._freed(mapping_id, within, f"f.size IS NULL AND {FREED} IS NOT TRUE")
            gone = known - here if keep else freed
            kept = self._kept(mapping_id, within) if gone and keep else 0
            loud = len(others) - lost if keep else len(others)
        size -= sum(file.size for file in others)
        return Quiet(known - gone - loud, size + self._in_logs(mapping_id, within), kept, freed)

    def _freed(self, mapping_id: int, within: Sequence[str], condition: str) -> int:
        """How many files a person freed for which this holds."""
        if not self._database.value("SELECT EXISTS (SELECT 1 FROM freed)"):
            return 0
        return sum(
            self._database.value(
                f"SELECT count(*) FROM {JOINED} WHERE {places} AND d.name IS NOT NULL"
                f" AND {condition}",
                values,
            )
            for places, values in _batches(mapping_id, within)
        )

    def _in_logs(self, mapping_id: int, within: Sequence[str]) -> int:
        """Bytes that the snapshots on the server have more than their databases have here."""
        return sum(
            self._database.value(
                "SELECT coalesce(sum(f.synced_bytes - f.size), 0) FROM file f"
                f" WHERE {places} AND f.format = '{SQLITE}' AND {UNCHANGED}",
                values,
            )
            for places, values in _batches(mapping_id, within)
        )

    def _kept(self, mapping_id: int, within: Sequence[str]) -> int:
        """Of the files that are gone, those that were sent and that no list misses."""
        return sum(
            self._database.value(
                f"SELECT count(*) FROM {JOINED} WHERE {places} AND f.size IS NULL"
                " AND d.name IS NULL AND f.synced_at_ns IS NOT NULL AND (r.modified_at IS NOT NULL"
                f" OR {LISTED} <= f.synced_sequence)",
                values,
            )
            for places, values in _batches(mapping_id, within)
        )

    def sent_unfinished(self, mapping_id: int) -> list[SentUnfinished]:
        """The files whose synced version was sent unfinished, and that are as they were then."""
        rows = self._database.rows(
            "SELECT f.directory, f.name, f.synced_unfinished FROM file f WHERE f.mapping_id = ?"
            f" AND f.synced_unfinished IS NOT NULL AND {UNCHANGED}",
            (mapping_id,),
        )
        return sorted(SentUnfinished(joined(d, n), name) for d, n, name in rows)

    def count(self, mapping_id: int) -> int:
        """How many files are known, the gone ones included."""
        question = "SELECT count(*) FROM file WHERE mapping_id = ?"
        return int(self._database.value(question, (mapping_id,)))

    def paths(self, mapping_id: int) -> Iterator[str]:
        """Every known path, the gone ones included, some at a time."""
        last = 0
        while True:
            rows = self._database.rows(
                "SELECT id, directory, name FROM file WHERE id > ? AND +mapping_id = ?"
                " ORDER BY id LIMIT ?",
                (last, mapping_id, _PATHS_AT_ONCE),
            )
            if not rows:
                return
            last = rows[-1][0]
            yield from (joined(directory, name) for _, directory, name in rows)

    def knows(self, mapping_id: int, path: str) -> bool:
        """Whether anything was ever seen at or below a path; an empty one is the root."""
        [[places, values]] = _batches(mapping_id, [path])
        question = f"SELECT EXISTS (SELECT 1 FROM file f WHERE {places})"
        return bool(self._database.value(question, values))

    def records(self, identities: Sequence[int]) -> list[FileRecord]:
        """The records of these files, in this order; those forgotten meanwhile are left out."""
        rows = self._database.rows(f"{RECORD} WHERE f.id IN ({marks(identities)})", identities)
        by_id = {row[0]: row for row in rows}
        return [file_record(by_id[identity]) for identity in identities if identity in by_id]

    def record_at(self, mapping_id: int, path: str) -> FileRecord | None:
        """The record of one path."""
        row: tuple[Any, ...] | None
        row = self._database.row(
            f"{RECORD} WHERE f.mapping_id = ? AND f.directory = ? AND f.name = ?",
            (mapping_id, *split(path)),
        )
        return None if row is None else file_record(row)


def _batches(mapping_id: int, within: Sequence[str]) -> Iterator[tuple[str, list[_Value]]]:
    """Conditions for a mapping's files at and below some paths; no file fits two of them."""
    chosen = set(within)
    if not chosen or "" in chosen:
        yield "f.mapping_id = ?", [mapping_id]
        return
    outermost = [path for path in sorted(chosen) if chosen.isdisjoint(parents(path))]
    for start in range(0, len(outermost), _MOST_PATHS):
        pairs = [_at_or_below(mapping_id, path) for path in outermost[start : start + _MOST_PATHS]]
        question = " UNION ALL ".join(pair[0] for pair in pairs)
        yield f"f.id IN ({question})", [value for pair in pairs for value in pair[1]]


def _at_or_below(mapping_id: int, path: str) -> tuple[str, list[_Value]]:
    """A question for the ids of the file at a path and of the files below it."""
    below, values = _in_or_below(mapping_id, path)
    at = f"SELECT id FROM file WHERE {AT_PATH}"
    return f"{at} UNION ALL {below}", [mapping_id, *split(path), *values]


def _in_or_below(mapping_id: int, directory: str) -> tuple[str, list[_Value]]:
    """A question for the ids of the files in a directory and in those below it.

    Each part is a range of one index; SQLite would not use the index for an OR.
    """
    start = "SELECT id FROM file WHERE mapping_id = ? AND directory"
    between = f"{start} > ? AND directory < ?"
    return f"{start} = ? UNION ALL {between} UNION ALL {between}", [
        *(mapping_id, stored(directory)),
        *(value for bounds in below(directory) for value in (mapping_id, *bounds)),
    ]
