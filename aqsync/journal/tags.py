"""Tags that synced files have earned for their experiments, and which of them were applied."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

from aqsync.journal.database import Database
from aqsync.journal.outcomes import earn
from aqsync.journal.rows import joined, marks, words


class Tags:
    """The table of tags.

    A tag is applied once: a person who removes it on the server afterwards does so on purpose.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def unapplied(self) -> dict[str, list[str]]:
        """By EID, the tags that were earned and are not known to be on the server."""
        rows = self._database.rows(
            "SELECT eid, tag FROM tag WHERE applied_at_ns IS NULL ORDER BY eid, earned_at_ns, tag"
        )
        by_eid: dict[str, list[str]] = {}
        for eid, tag in rows:
            by_eid.setdefault(eid, []).append(tag)
        return by_eid

    def applied(self, eid: str, tags: Sequence[str], now_ns: int) -> None:
        """These tags are on the server."""
        self._database.write_each(
            "UPDATE tag SET applied_at_ns = ?, failure_message = NULL, failure_hint = NULL"
            " WHERE eid = ? AND tag = ?",
            ((now_ns, eid, tag) for tag in tags),
        )

    def failed(self, eid: str, tags: Sequence[str], message: str, hint: str) -> None:
        """These tags could not be applied."""
        self._database.write_each(
            "UPDATE tag SET failure_message = ?, failure_hint = ? WHERE eid = ? AND tag = ?",
            ((words(message), words(hint), eid, tag) for tag in tags),
        )

    def failures(
        self, mapping_ids: Collection[int] | None = None
    ) -> list[tuple[str, str, str, str]]:
        """EID, tag, message and hint of tags that could not be applied.

        Args:
            mapping_ids: Whose files; None: anybody's.
        """
        whose = ""
        if mapping_ids is not None:
            whose = f" AND +file.mapping_id IN ({marks(mapping_ids)})"
        return self._database.rows(
            "SELECT eid, tag, failure_message, failure_hint FROM tag"
            " WHERE applied_at_ns IS NULL AND failure_message IS NOT NULL"
            f" AND EXISTS (SELECT 1 FROM file WHERE file.eid = tag.eid{whose})"
            " ORDER BY eid, tag",
            tuple(mapping_ids or ()),
        )

    def forget_refused(self, mapping_id: int) -> None:
        """Forget refused tags of a mapping's experiments, since its rules have changed.

        Rules that still give them must give them again, so the rules of all mappings count as new.
        """
        with self._database.writing() as connection:
            forgotten = connection.execute(
                "DELETE FROM tag WHERE applied_at_ns IS NULL AND failure_message IS NOT NULL"
                " AND eid IN (SELECT eid FROM file WHERE mapping_id = ?)",
                (mapping_id,),
            )
            if forgotten.rowcount:
                connection.execute("UPDATE mapping SET tag_rules = ''")

    def earn(self, tags: Iterable[tuple[str, str]], now_ns: int) -> None:
        """Note pairs of EID and tag."""
        with self._database.writing() as connection:
            earn(connection, tags, now_ns)

    def synced_paths(self, mapping_id: int) -> list[tuple[str, str]]:
        """EID and path of every synced file, for when the rules have changed."""
        rows = self._database.rows(
            "SELECT eid, directory, name FROM file"
            " WHERE mapping_id = ? AND synced_at_ns IS NOT NULL AND eid IS NOT NULL"
            " AND NOT synced_provisional",
            (mapping_id,),
        )
        return [(eid, joined(directory, name)) for eid, directory, name in rows]
