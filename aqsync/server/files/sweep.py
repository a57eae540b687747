"""The sweep: removes blobs that are nobody's, and never one that is being written or read.

Every step can be broken off anywhere and done again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from aqsync.server.catalog.database import Connection, Database, transaction
from aqsync.server.files.blobs import BlobStore
from aqsync.server.files.file_rows import note_removed
from aqsync.server.portions import portions

GRACE_US = 600 * 1_000_000
"""How long a blob stays after its file was replaced or removed: who has just found its name opens
it within this time, and takes a lease if reading it will take longer."""
ORPHAN_US = 24 * 3600 * 1_000_000
"""How old a blob is that has neither a row nor a lease when that is noted."""
KEPT_US = 7 * 24 * 3600 * 1_000_000
"""How long it stays from then on: if the database was restored from a backup, a newer one may turn
up that names the blob."""
_TURN_US = 900 * 1_000_000
_EACH_US = 24 * 3600 * 1_000_000
_AT_ONCE = 500

_UNUSED = """
SELECT blob, size FROM removed_blob WHERE removed_at <= ?
AND NOT EXISTS (SELECT 1 FROM blob_lease WHERE blob_lease.blob = removed_blob.blob)
AND NOT EXISTS (SELECT 1 FROM file WHERE file.blob = removed_blob.blob)
ORDER BY removed_at LIMIT ?
"""


class Sweep:
    """Removes what is nobody's. Of all servers of one database, one at a time does.

    Args:
        database: Has the rows, the leases and what was removed.
        blobs: What is swept.
        clock: Tells the time in microseconds since 1970.
    """

    def __init__(self, database: Database, blobs: BlobStore, clock: Callable[[], int]) -> None:
        self._database = database
        self._blobs = blobs
        self._clock = clock

    def run(self) -> None:
        """Do everything that is due, if it is this server's turn.

        Raises:
            BlobsAway: The blobs cannot be reached now.
            OSError: The disk failed.
        """
        if not self._take("turn", _TURN_US):
            return
        try:
            while self._note_files_without_experiment():
                pass
            self._note_expired()
            if self._take("listing", _EACH_US):
                self._list()
            while self._remove_some():
                self._keep("turn", _TURN_US)
        finally:
            self._keep("turn", 0)

    def _list(self) -> None:
        """Note what is nobody's; if that fails, the next turn tries again."""
        try:
            self._note_orphans()
        except BaseException:
            self._keep("listing", 0)
            raise

    @transaction
    def _take(self, what: str, lasts_us: int) -> bool:
        """Take what only one server does at a time, or again after a while; tell if that worked."""
        now = self._clock()
        with self._database.changing() as database:
            database.execute(
                "INSERT INTO sweep (what, until) VALUES (?, 0) ON CONFLICT (what) DO NOTHING",
                (what,),
            )
            taken = database.execute(
                "UPDATE sweep SET until = ? WHERE what = ? AND until <= ?",
                (now + lasts_us, what, now),
            )
            return taken.rowcount == 1

    @transaction
    def _keep(self, what: str, lasts_us: int) -> None:
        """Keep what was taken for a while longer; for 0, give it back."""
        with self._database.changing() as database:
            database.execute(
                "UPDATE sweep SET until = ? WHERE what = ?", (self._clock() + lasts_us, what)
            )

    @transaction
    def _note_files_without_experiment(self) -> int:
        """Turn rows whose experiment was removed into removed blobs; some at a time."""
        with self._database.changing() as database:
            rows = database.execute(
                "SELECT blob, size FROM file WHERE experiment IS NULL LIMIT ?", (_AT_ONCE,)
            ).fetchall()
            note_removed(database, rows, self._clock())
            database.executemany("DELETE FROM file WHERE blob = ?", [(blob,) for blob, _ in rows])
        return len(rows)

    @transaction
    def _note_expired(self) -> None:
        """Turn what a server wrote that is gone into removed blobs.

        With its lease gone, no row can be given such a blob any more (`FileRows.put`).
        """
        now = self._clock()
        with self._database.changing() as database:
            rows = database.execute(
                "SELECT id, blob, writing FROM blob_lease WHERE until <= ?", (now,)
            ).fetchall()
            database.executemany(
                "DELETE FROM blob_lease WHERE id = ? AND until <= ?",
                [(lease, now) for lease, _, _ in rows],
            )
            gone = [blob for lease, blob, writing in rows if writing and not _held(database, lease)]
            unnamed = [blob for blob in gone if not _is_known(database, blob)]
            note_removed(database, [(blob, None) for blob in unnamed], now)

    def _note_orphans(self) -> None:
        """Turn old blobs that nothing names into removed ones."""
        latest = self._clock() - ORPHAN_US
        old = (found for found in self._blobs.found() if found.changed_at <= latest)
        for some in portions(old, _AT_ONCE):
            self._note_unnamed({found.key for found in some})
            self._keep("turn", _TURN_US)

    @transaction
    def _note_unnamed(self, keys: Iterable[str]) -> None:
        now = self._clock()
        with self._database.changing() as database:
            unnamed = [key for key in sorted(keys) if not _is_known(database, key)]
            note_removed(database, [(key, None) for key in unnamed], now + KEPT_US - GRACE_US)

    def _remove_some(self) -> int:
        """Remove some blobs after their grace; tell how many."""
        rows = self._unused()
        self._blobs.remove(rows)
        self._forget([(blob,) for blob, _ in rows])
        return len(rows)

    @transaction
    def _unused(self) -> list[tuple[str, int | None]]:
        with self._database.reading() as database:
            found = database.execute(_UNUSED, (self._clock() - GRACE_US, _AT_ONCE)).fetchall()
        return [(blob, size) for blob, size in found]

    @transaction
    def _forget(self, blobs: list[tuple[str]]) -> None:
        with self._database.changing() as database:
            database.executemany("DELETE FROM removed_blob WHERE blob = ?", blobs)


def _held(database: Connection, lease: str) -> bool:
    """Tell whether a lease is there: it was renewed since it was looked at."""
    found = database.execute("SELECT 1 FROM blob_lease WHERE id = ?", (lease,))
    return found.fetchone() is not None


def _is_known(database: Connection, blob: str) -> bool:
    found = database.execute(
        "SELECT 1 FROM file WHERE blob = ? UNION ALL SELECT 1 FROM removed_blob WHERE blob = ?"
        " UNION ALL SELECT 1 FROM blob_lease WHERE blob = ?",
        (blob, blob, blob),
    )
    return found.fetchone() is not None
