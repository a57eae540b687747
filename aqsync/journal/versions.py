"""Every content that this machine has sent, or may have sent, under a remote name."""

from __future__ import annotations

from aqsync.journal.database import Database


class Versions:
    """The table of past versions, and the versions that files have now."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def of(self, eid: str, remote_name: str) -> dict[bytes, int]:
        """The SHA-256 of each version sent to this name, with its size in bytes.

        Of past versions only the newest 32, from any mapping. They permit replacing the server's
        file, but not removing it.
        """
        rows = self._database.rows(
            "SELECT p.sha256, p.size FROM past_version p JOIN experiment e ON e.uuid = p.uuid"
            " WHERE e.eid = ? AND p.name = ?"
            " UNION SELECT synced_sha256, coalesce(synced_bytes, synced_size) FROM file"
            " WHERE eid = ? AND remote_name = ? AND synced_sha256 IS NOT NULL"
            " UNION SELECT sent_sha256, sent_size FROM file"
            " WHERE eid = ? AND remote_name = ? AND sent_sha256 IS NOT NULL",
            (eid, remote_name) * 3,
        )
        return dict(rows)

    def prune(self, most: int) -> int:
        """Forget the oldest past versions beyond so many; returns how many were forgotten."""
        return self._database.write(
            "DELETE FROM past_version WHERE number <="
            " (SELECT number FROM past_version ORDER BY number DESC LIMIT 1 OFFSET ?)",
            (most,),
        )
