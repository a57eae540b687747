"""Which files would be removed from the server, and what prevents it."""

from __future__ import annotations

from typing import NamedTuple

from aqsync.journal.database import Database
from aqsync.journal.rows import JOINED, QUIET, UNCHANGED, joined
from aqsync.model import SECOND_NS, Twin

AT_ONCE_NS = 3600 * SECOND_NS
"""Removals within this time count together."""
LATELY_NS = 24 * 3600 * SECOND_NS
"""A mapping without a scan for this long may no longer be configured."""
_SLACK_NS = 60 * SECOND_NS
"""How far a disk's clock may be ahead of ours."""

# CROSS JOIN: otherwise SQLite assumes few groups by size and compares each file with every size.
# That takes a minute when a folder of ten thousand files was renamed.
#
# `unsent`: files that are here, and whose present version the last list does not show. It is still
# to be sent, or a server has lost what it accepted, or others have removed or replaced it there.
# `content` is the digest of the present version, where that was sent.
_TWINS = f"""
WITH unsent AS MATERIALIZED (
    SELECT m.name AS mapping, f.directory, f.name, f.failure_message, f.inode, f.size, f.ctime_ns,
        CASE WHEN {UNCHANGED} THEN f.synced_sha256 END AS content
    FROM {JOINED} JOIN mapping m ON m.id = f.mapping_id
    WHERE f.size IS NOT NULL AND f.kind = 0 AND f.eid IS NOT NULL
    AND (f.mapping_id = :id OR m.scanned_at_ns > :lately_ns)
    AND {QUIET} IS NOT TRUE
), alike AS MATERIALIZED (
    SELECT mapping, directory, name, failure_message, size, min(ctime_ns) AS ctime_ns
    FROM unsent WHERE size > 0 AND content IS NULL GROUP BY size
), equal AS MATERIALIZED (
    SELECT mapping, directory, name, failure_message, content, min(ctime_ns) AS ctime_ns
    FROM unsent WHERE size > 0 AND content IS NOT NULL GROUP BY content
), gone AS MATERIALIZED (
    SELECT id, inode, synced_inode, synced_size, synced_sha256, since_ns FROM file
    WHERE mapping_id = :id AND size IS NULL AND synced_at_ns IS NOT NULL
)
SELECT g.id, a.mapping, a.directory, a.name, a.failure_message
FROM alike a CROSS JOIN gone g ON g.synced_size = a.size
WHERE a.ctime_ns <= g.since_ns + :slack_ns
UNION ALL SELECT g.id, e.mapping, e.directory, e.name, e.failure_message
FROM equal e CROSS JOIN gone g ON g.synced_sha256 = e.content
WHERE e.ctime_ns <= g.since_ns + :slack_ns
UNION ALL SELECT g.id, u.mapping, u.directory, u.name, u.failure_message
FROM gone g JOIN unsent u ON u.inode = g.synced_inode
UNION ALL SELECT g.id, u.mapping, u.directory, u.name, u.failure_message
FROM gone g JOIN unsent u ON u.inode = g.inode
"""


class Removable(NamedTuple):
    """How much of a mapping would be removed from the server, or has just been."""

    gone: int
    known: int
    """Synced, and still here or listed by the server; `gone` included."""


class Removals:
    """Questions about files that are gone here, and the table of what was removed lately."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def removable(self, mapping_id: int, now_ns: int) -> Removable:
        """How many files are gone whose remote copy is still listed, and of how many.

        Files whose copy was removed in the last hour, unless a person forced it, count in both. So
        a folder that is deleted slowly counts as deleted at once.
        """
        with self._database.reading() as connection:
            gone, known = connection.execute(
                "SELECT count(*) FILTER (WHERE f.size IS NULL), count(*)"
                f" FROM {JOINED} WHERE f.mapping_id = ? AND f.synced_at_ns IS NOT NULL"
                " AND (f.size IS NOT NULL OR r.name IS NOT NULL AND d.name IS NULL)",
                (mapping_id,),
            ).fetchone()
            removed = connection.execute(
                "SELECT count(*) FROM removal WHERE mapping_id = ? AND at_ns BETWEEN ? AND ?",
                (mapping_id, now_ns - AT_ONCE_NS, now_ns + AT_ONCE_NS),
            ).fetchone()[0]
        return Removable(gone + removed, known + removed)

    def twins(self, mapping_id: int, now_ns: int) -> dict[int, Twin]:
        """By id of a file that is gone, one that may be it and is not on the server as it is.

        It has the same inode: it was renamed. Or it was there when the other was missed and may be
        a copy: it has the content of the version on the server, or, where its content is not known
        because it was never sent as it is, as many bytes.

        Args:
            mapping_id: Whose files are gone.
            now_ns: The wall clock, nanoseconds since 1970. Mappings without a recent scan do not
                count, as they may no longer be configured.
        """
        rows = self._database.rows(
            _TWINS, {"id": mapping_id, "lately_ns": now_ns - LATELY_NS, "slack_ns": _SLACK_NS}
        )
        return {
            gone: Twin(mapping, joined(directory, name), failure or "")
            for gone, mapping, directory, name, failure in rows
        }
