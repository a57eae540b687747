"""Compares, file by file, what is here with what the server lists."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from enum import StrEnum
from typing import Any, NamedTuple

from aqsync.journal.database import Database
from aqsync.journal.rows import JOINED, LISTED, UNCHANGED, below, joined, loaded, marks, stored
from aqsync.layout.manifest import is_manifest_name

_BATCH = 1_000
"""Rows fetched at once, so that memory stays small and others can use the journal between."""
_OF_A_STORE = (".zarray", ".zgroup", "zarr.json")
"""The metadata of zarr, of its releases 2 and 3."""


class SyncStatus(StrEnum):
    """How a file here compares with the name that the server lists for it."""

    IN_SYNC = "in sync"
    LOCAL_ONLY = "local only"
    REMOTE_ONLY = "remote only"
    DIFFERS_THERE = "differs on the server"
    """It has not changed here since its upload; a comparison found other content there."""
    PROVISIONAL = "provisional"
    """It keeps changing here, and a version of it that was sent meanwhile is there."""
    DIFFERS = "differs"
    """Changed here, or not compared yet."""
    UNKNOWN = "unknown"
    """The server's list was never fetched."""


class LocalFile(NamedTuple):
    """A file that is here, or was."""

    status: SyncStatus
    path: str
    size: int
    """In bytes; of one that is gone, that of what was sent."""
    mtime_ns: int
    eid: str | None
    remote_name: str
    listed_at: str | None
    """The server's time of what it lists under the remote name; None: it lists nothing."""
    sent_unfinished: str | None
    """Its format, if it was sent although that said that its writer had not closed it."""


class FolderCount(NamedTuple):
    """The files of one folder, and of those below it, that stand alike."""

    status: SyncStatus
    files: int
    bytes: int


class RemoteFile(NamedTuple):
    """A name on the server that no file here has."""

    remote_name: str
    listed_at: str
    mapping: str | None
    """Of a file that was here once and is gone: its mapping."""
    path: str | None
    """And its path."""


_UNCHANGED = f"({UNCHANGED}) IS TRUE"

_NOT_IN_SYNC = f"""
    CASE WHEN f.synced_provisional THEN '{SyncStatus.PROVISIONAL}' ELSE '{SyncStatus.DIFFERS}' END
"""

# What was accepted after the list was fetched is on the server, though the list lacks it.
_STATUS = f"""CASE
    WHEN f.eid IS NULL THEN '{SyncStatus.LOCAL_ONLY}'
    WHEN e.uuid IS NULL AND f.eid GLOB 'new:*' THEN '{SyncStatus.LOCAL_ONLY}'
    WHEN f.synced_sequence >= {LISTED} THEN
        CASE WHEN {_UNCHANGED} THEN '{SyncStatus.IN_SYNC}' ELSE {_NOT_IN_SYNC} END
    WHEN {LISTED} = 0 THEN '{SyncStatus.UNKNOWN}'
    WHEN r.modified_at IS NULL THEN '{SyncStatus.LOCAL_ONLY}'
    WHEN {_UNCHANGED} AND r.modified_at = f.synced_modified_at THEN '{SyncStatus.IN_SYNC}'
    WHEN {_UNCHANGED} AND r.modified_at = f.compared_modified_at THEN '{SyncStatus.DIFFERS_THERE}'
    WHEN r.modified_at = f.synced_modified_at THEN {_NOT_IN_SYNC}
    ELSE '{SyncStatus.DIFFERS}'
END"""


_STANDING = f"CASE WHEN f.size IS NULL THEN '{SyncStatus.REMOTE_ONLY}' ELSE {_STATUS} END"
"""The same, also of a file that is gone and of whose name the server has something."""

_SIZE = "coalesce(f.size, f.synced_size, 0)"

_KNOWN = f"""
    SELECT f.directory, f.name, {_SIZE}, f.mtime_ns, f.eid, f.remote_name, r.modified_at,
        CASE WHEN {_UNCHANGED} THEN f.synced_unfinished END, {_STANDING}
    FROM {JOINED} WHERE f.mapping_id = ? AND f.kind = 0
"""

_SHOWN = """
    (f.size IS NOT NULL OR r.modified_at IS NOT NULL AND NOT EXISTS (
        SELECT 1 FROM file o WHERE o.eid = f.eid AND o.remote_name = f.remote_name
        AND o.size IS NOT NULL AND o.kind = 0))
"""
"""A file that is here, or whose name is on the server while no file here has it."""


class Comparisons:
    """Questions about what is here and what the server lists, at once."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def local(self, mapping_id: int, only: SyncStatus | None = None) -> Iterator[LocalFile]:
        """The files of a mapping that are here, by directory and name.

        Args:
            mapping_id: Whose.
            only: Only those with this status; `DIFFERS` includes `DIFFERS_THERE` and
                `PROVISIONAL`; None: all.
        """
        directory: str | bytes = ""
        name: str | bytes = ""
        wanted = "" if only is None else f"AND {_STATUS} IN ('{only}')"
        if only is SyncStatus.DIFFERS:
            more = f"'{SyncStatus.DIFFERS_THERE}', '{SyncStatus.PROVISIONAL}'"
            wanted = f"AND {_STATUS} IN ('{only}', {more})"
        while True:
            rows = self._database.rows(
                f"{_KNOWN} AND f.size IS NOT NULL AND (f.directory, f.name) > (?, ?) {wanted}"
                " ORDER BY f.directory, f.name LIMIT ?",
                (mapping_id, directory, name, _BATCH),
            )
            yield from map(_local_file, rows)
            if len(rows) < _BATCH:
                return
            directory, name = rows[-1][:2]

    def in_folder(self, mapping_id: int, folder: str, after: str, most: int) -> list[LocalFile]:
        """The files of a folder itself that are here, or gone and on the server, by name.

        Args:
            mapping_id: Whose.
            folder: Its path; empty: the root.
            after: Only those after this name; empty: from the first.
            most: How many.
        """
        rows = self._database.rows(
            f"{_KNOWN} AND {_SHOWN} AND f.directory = ? AND f.name > ? ORDER BY f.name LIMIT ?",
            (mapping_id, stored(folder), stored(after), most),
        )
        return list(map(_local_file, rows))

    def folders_in(self, mapping_id: int, folder: str) -> dict[str, list[FolderCount]]:
        """How the files in and below each folder of a folder stand, by its name.

        Args:
            mapping_id: Whose.
            folder: Its path; empty: the root.
        """
        found: dict[str, Counter[SyncStatus]] = {}
        sizes: dict[str, Counter[SyncStatus]] = {}
        start = f"{folder}/" if folder else ""
        # All texts come before all blobs, and no path is longer than this one.
        everything: list[tuple[str | bytes, str | bytes]] = [("", b""), (b"", b"\xff" * 5000)]
        for first, last in below(folder) if folder else everything:
            rows = self._database.rows(
                f"SELECT f.directory, {_STANDING} AS status, count(*), sum({_SIZE}) FROM {JOINED}"
                " WHERE f.mapping_id = ? AND f.directory > ? AND f.directory < ?"
                f" AND {_SHOWN} AND f.kind = 0 GROUP BY f.directory, status",
                (mapping_id, first, last),
            )
            for directory, status, files, size in rows:
                name = loaded(directory).removeprefix(start).partition("/")[0]
                found.setdefault(name, Counter())[SyncStatus(status)] += files
                sizes.setdefault(name, Counter())[SyncStatus(status)] += size
        return {
            name: [
                FolderCount(status, counts[status], sizes[name][status])
                for status in SyncStatus
                if counts[status]
            ]
            for name, counts in sorted(found.items())
        }

    def stores(self, mapping_id: int, crowd: int) -> set[str]:
        """Directories whose files make sense only together.

        These are the stores of zarr, known by their metadata, and directories with at least
        `crowd` files.
        """
        rows = self._database.rows(
            "SELECT directory FROM file WHERE mapping_id = ? AND size IS NOT NULL"
            " GROUP BY directory"
            f" HAVING count(*) >= ? OR max(name IN ({marks(_OF_A_STORE)}))",
            (mapping_id, crowd, *_OF_A_STORE),
        )
        return {loaded(directory) for (directory,) in rows}

    def remote_only(self, eid: str, mapping_ids: Collection[int]) -> Iterator[RemoteFile]:
        """The names in an experiment's list that no file here has, in order.

        Args:
            eid: The experiment.
            mapping_ids: The mappings whose files count.
        """
        whose = f"+file.mapping_id IN ({marks(mapping_ids)})"
        ours = f"file.eid = r.eid AND file.remote_name = r.name AND {whose}"
        last = ""
        while True:
            rows = self._database.rows(
                "SELECT r.name, r.modified_at, m.name, f.directory, f.name"
                " FROM remote_file r LEFT JOIN file f ON f.id ="
                f" (SELECT min(file.id) FROM file WHERE {ours} AND file.size IS NULL)"
                " LEFT JOIN mapping m ON m.id = f.mapping_id"
                " WHERE r.eid = ? AND r.name > ? AND NOT EXISTS"
                f" (SELECT 1 FROM file WHERE {ours} AND file.size IS NOT NULL"
                " AND file.kind = 0) ORDER BY r.name LIMIT ?",
                (*mapping_ids, eid, last, *mapping_ids, _BATCH),
            )
            for last, listed_at, mapping, directory, name in rows:
                if is_manifest_name(last):
                    continue  # it tells of the experiment's files, and is none of them
                path = None if mapping is None else joined(directory, name)
                yield RemoteFile(last, listed_at, mapping, path)
            if len(rows) < _BATCH:
                return


def _local_file(row: Sequence[Any]) -> LocalFile:
    directory, name, *facts, status = row
    return LocalFile(SyncStatus(status), joined(directory, name), *facts)
