"""Folders in which nothing is, for manifests: a tree that comes back has them too."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping

from aqsync.journal.database import Database
from aqsync.journal.rows import loaded, stored


class EmptyFolders:
    """The table of empty folders."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def of(self, mapping_id: int) -> dict[str, str | None]:
        """By path, the empty folders of a mapping, and the experiments that they belong to."""
        rows = self._database.rows(
            "SELECT path, eid FROM empty_folder WHERE mapping_id = ?", (mapping_id,)
        )
        return {loaded(path): eid for path, eid in rows}

    def among(self, mapping_id: int, paths: Iterable[str]) -> dict[str, str | None]:
        """The same, of these paths only."""
        question = "SELECT path, eid FROM empty_folder WHERE mapping_id = ? AND path = ?"
        found = (self._database.row(question, (mapping_id, stored(path))) for path in paths)
        return {loaded(row[0]): row[1] for row in found if row is not None}

    def note(self, mapping_id: int, found: Mapping[str, str | None], gone: Collection[str]) -> None:
        """Folders were found to be empty, and others are not, or are gone.

        Args:
            mapping_id: Whose.
            found: By path, the experiment that what comes into it would belong to.
            gone: Paths.
        """
        if not (found or gone):
            return
        with self._database.writing() as connection:
            connection.executemany(
                "DELETE FROM empty_folder WHERE mapping_id = ? AND path = ?",
                ((mapping_id, stored(path)) for path in (*gone, *found)),
            )
            connection.executemany(
                "INSERT INTO empty_folder (mapping_id, path, eid) VALUES (?, ?, ?)",
                ((mapping_id, stored(path), eid) for path, eid in found.items()),
            )

    def of_experiment(self, eid: str) -> Iterator[tuple[str, str]]:
        """Mappings, and paths of their empty folders that belong to an experiment."""
        rows = self._database.rows(
            "SELECT m.name, e.path FROM empty_folder e JOIN mapping m ON m.id = e.mapping_id"
            " WHERE e.eid = ? ORDER BY m.name, e.path",
            (eid,),
        )
        return ((mapping, loaded(path)) for mapping, path in rows)
