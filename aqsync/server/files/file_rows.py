"""The files of experiments as rows of the database; the row makes a blob a file."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from uuid import UUID

from aqsync.server import rules
from aqsync.server.catalog.database import Connection, Database, TransactionLost, marks, transaction
from aqsync.server.catalog.experiment_number import number_of
from aqsync.server.errors import FileRefused
from aqsync.server.files.blobs import BlobsAway
from aqsync.server.files.expected import ABSENT, check_expected
from aqsync.server.files.leases import Lease, end_lease
from aqsync.server.files.store import (
    EXPERIMENT_MISSING,
    FILE_MISSING,
    NO_FILES,
    By,
    FileFacts,
    listed_time,
)
from aqsync.server.portions import portions

_AT_ONCE = 500
"""Values in one statement; SQLite takes no more than some 32,000, and older ones 999."""
OF_EXPERIMENT = "experiment = (SELECT number FROM experiment WHERE uuid = ?)"
"""The condition that a row belongs to the experiment with this UUID."""


@dataclass(frozen=True, slots=True)
class NewFile:
    """A blob that is whole and safe, to become a file.

    Args:
        blob: Its key.
        size: In bytes.
        sha256: Of all its bytes.
        lease: What has kept it from the sweep; None for one that came quickly.
    """

    blob: str
    size: int
    sha256: bytes
    lease: Lease | None


@dataclass(frozen=True, slots=True)
class Times:
    """Which time a file gets.

    Args:
        now: The time now, in microseconds since 1970.
        free: The same, or a little later, as no other file has got it.
        given: When it was stored elsewhere; None for one that is stored now.
    """

    now: int
    free: int
    given: int | None = None

    def after(self, replaced: int | None) -> int:
        """Return the time of a file that replaces one of another time, or none."""
        if self.given is not None and self.given != replaced:
            return self.given
        return self.free if replaced is None else max(self.free, replaced + 1)


@dataclass(frozen=True, slots=True)
class _Row:
    blob: str
    size: int
    stored_at: int
    owner: str | None


class FileRows:
    """The rows of all files. Any thread may call; every method is one transaction.

    Args:
        database: Where they are.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._locked = database.dialect.locked

    @transaction
    def has_experiment(self, uuid: UUID) -> bool:
        """Tell whether there is such an experiment."""
        with self._database.reading() as database:
            return number_of(database, uuid) is not None

    @transaction
    def whose(self, uuid: UUID, name: str) -> tuple[int, str | None] | None:
        """Return when a file was stored, and by whom, if that is known; None if there is none."""
        with self._database.reading() as database:
            row = database.execute(
                f"SELECT stored_at, owner FROM file WHERE {OF_EXPERIMENT}"  # noqa: S608 - of constants
                " AND name = ?",
                (str(uuid), name),
            ).fetchone()
        return None if row is None else (row[0], row[1])

    @transaction
    def find(self, uuid: UUID, name: str) -> tuple[str, FileFacts] | None:
        """Return a file's blob and facts; None if there is no such file."""
        with self._database.reading() as database:
            row = database.execute(
                f"SELECT blob, size, stored_at, sha256 FROM file WHERE {OF_EXPERIMENT}"  # noqa: S608 - of constants
                " AND name = ?",
                (str(uuid), name),
            ).fetchone()
        if row is None:
            return None
        blob, size, stored_at, sha256 = row
        return blob, FileFacts(size, stored_at, bytes(sha256))

    def require(self, uuid: UUID, name: str) -> tuple[str, FileFacts]:
        """Return a file's blob and facts.

        Raises:
            FileRefused: The experiment or the file is not there.
        """
        found = self.find(uuid, name)
        if found is None:
            raise FileRefused(
                404, FILE_MISSING if self.has_experiment(uuid) else EXPERIMENT_MISSING
            )
        return found

    @transaction
    def times(self, uuid: UUID) -> list[tuple[str, int]]:
        """Return the names of an experiment's files, sorted, and when each was stored."""
        with self._database.reading() as database:
            rows = database.execute(
                f"SELECT name, stored_at FROM file WHERE {OF_EXPERIMENT}",  # noqa: S608 - of constants
                (str(uuid),),
            ).fetchall()
        # By code points, which not every collation of a database does.
        rows.sort()
        return [(name, stored_at) for name, stored_at in rows]

    @transaction
    def sizes(self, uuid: UUID, names: Sequence[str]) -> dict[str, int]:
        """Return the sizes of those files that are there, in bytes."""
        with self._database.reading() as database:
            number = number_of(database, uuid)
            return {name: row.size for name, row in _rows(database, number, names, "")}

    @transaction
    def bytes_in_all(self) -> int:
        """Return how many bytes all files have."""
        with self._database.reading() as database:
            ((total,),) = database.execute("SELECT coalesce(sum(size), 0) FROM file")
        return int(total)

    @transaction
    def put(
        self,
        new: NewFile,
        place: tuple[UUID, str],
        expected: str | None,
        by: By,
        times: Times,
    ) -> tuple[int, int]:
        """Give a blob its experiment and name.

        Args:
            new: The blob.
            place: The experiment and the name.
            expected: What must be there, as in `FileStore.check`; None replaces anything.
            by: Who does it.
            times: When it was stored, and what the time is now.

        Returns:
            The file's time, and how many bytes it has replaced.

        Raises:
            FileRefused: See `FileStore.keep`.
        """
        uuid, name = place
        with self._database.changing() as database:
            number, is_noted = _number_for(database, uuid, new.blob)
            if is_noted or (new.lease is not None and not end_lease(database, new.lease)):
                # The sweep has taken it for one whose server died, and may remove the blob.
                raise BlobsAway
            old = dict(_rows(database, number, [name], self._locked)).get(name)
            if expected is not None:
                check_expected(expected, ABSENT if old is None else listed_time(old.stored_at))
            if old is None:
                stored_at, replaced = times.after(None), 0
                _insert(database, number, name, new, by.owner, stored_at)
            else:
                by.require(name, old.owner)
                stored_at, replaced = times.after(old.stored_at), old.size
                database.execute(
                    "UPDATE file SET blob = ?, size = ?, sha256 = ?, stored_at = ?, owner = ?"
                    " WHERE experiment = ? AND name = ?",
                    (new.blob, new.size, new.sha256, stored_at, by.owner, number, name),
                )
                note_removed(database, [(old.blob, old.size)], times.now)
        return stored_at, replaced

    @transaction
    def delete(
        self, uuid: UUID, names: Sequence[str], expected: str | None, by: By, now: int
    ) -> int:
        """Remove files: all of them, or none when one is not there.

        Returns:
            How many bytes they had.

        Raises:
            FileRefused: See `FileStore.delete`.
        """
        with self._database.changing() as database:
            number = number_of(database, uuid)
            if number is None:
                raise FileRefused(404, EXPERIMENT_MISSING)
            found = dict(_rows(database, number, names, self._locked))
            for name in names:
                row = found.get(name)
                if expected is not None:
                    check_expected(expected, ABSENT if row is None else listed_time(row.stored_at))
                if row is not None:
                    by.require(name, row.owner)
            missing = [name for name in names if name not in found]
            if missing and not _had_files(database, number):
                raise FileRefused(400, NO_FILES)
            if missing:
                raise FileRefused(409, f"File(s) not found - {rules.joined(missing)}")
            for some in portions(names, _AT_ONCE):
                database.execute(
                    "DELETE FROM file WHERE experiment = ?"  # noqa: S608 - marks
                    f" AND name IN ({marks(some)})",
                    (number, *some),
                )
            database.execute("INSERT INTO had_files VALUES (?) ON CONFLICT DO NOTHING", (number,))
            note_removed(database, [(row.blob, row.size) for row in found.values()], now)
        return sum(row.size for row in found.values())


def note_removed(database: Connection, blobs: Sequence[tuple[str, int | None]], now: int) -> None:
    """Note that blobs are nobody's any more, for the sweep."""
    database.executemany(
        "INSERT INTO removed_blob (blob, size, removed_at) VALUES (?, ?, ?)"
        " ON CONFLICT (blob) DO UPDATE SET removed_at = excluded.removed_at",
        [(blob, size, now) for blob, size in blobs],
    )


def _number_for(database: Connection, uuid: UUID, blob: str) -> tuple[int, bool]:
    """Return an experiment's number, and whether a blob is noted as nobody's."""
    row = database.execute(
        "SELECT number, EXISTS (SELECT 1 FROM removed_blob WHERE blob = ?)"
        " FROM experiment WHERE uuid = ?",
        (blob, str(uuid)),
    ).fetchone()
    if row is None:
        raise FileRefused(404, EXPERIMENT_MISSING)
    return int(row[0]), bool(row[1])


def _rows(
    database: Connection, number: int | None, names: Sequence[str], locked: str
) -> Iterator[tuple[str, _Row]]:
    # In one order, so that two that lock several rows do not wait for each other.
    for some in portions(sorted(names), _AT_ONCE):
        rows = database.execute(
            "SELECT name, blob, size, stored_at, owner FROM file WHERE experiment = ?"  # noqa: S608
            f" AND name IN ({marks(some)}) ORDER BY name{locked}",
            (number, *some),
        ).fetchall()
        for name, *rest in rows:
            yield name, _Row(*rest)


def _had_files(database: Connection, number: int) -> bool:
    """Tell whether there are files in an experiment, or ever were."""
    found = database.execute(
        "SELECT 1 FROM file WHERE experiment = ? UNION ALL"
        " SELECT 1 FROM had_files WHERE experiment = ? LIMIT 1",
        (number, number),
    )
    return found.fetchone() is not None


def _insert(
    database: Connection, number: int, name: str, new: NewFile, owner: str | None, stored_at: int
) -> None:
    inserted = database.execute(
        "INSERT INTO file (experiment, name, blob, size, sha256, stored_at, owner)"
        " VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (experiment, name) DO NOTHING",
        (number, name, new.blob, new.size, new.sha256, stored_at, owner),
    )
    if not inserted.rowcount:
        # Another one has put a file there since: what it is to be compared with is there now.
        raise TransactionLost
