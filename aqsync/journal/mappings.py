"""What is known of each mapping as a whole."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import NamedTuple

from aqsync.journal.database import Database
from aqsync.journal.rows import explained, loaded, stored
from aqsync.model import Problem, explanation_of


class RootIdentity(NamedTuple):
    """Which directory a root is, or the top of a disk mounted below it, whatever it is called.

    Two that differ may still be the same directory: ask `is_same`.
    """

    device: int
    inode: int
    """0: stored by a release that did not know it."""
    file_system: int = 0
    """The file system's own number (`f_fsid`); 0: unknown."""

    def is_same(self, other: RootIdentity) -> bool:
        """Whether both are one directory.

        A device may be numbered anew whenever it is mounted, and another disk may get the number
        of the one before. The file system's own number stays with the disk, where there is one.
        """
        if 0 not in {self.inode, other.inode} and self.inode != other.inode:
            return False
        if self.file_system and other.file_system:
            return self.file_system == other.file_system
        return self.device == other.device


@dataclass(frozen=True, slots=True)
class MappingRecord:
    """One mapping."""

    id: int
    root: RootIdentity | None
    """None: never scanned."""
    selection_rules: str
    target_rules: str
    tag_rules: str
    scanned_at_ns: int | None
    complete_at_ns: int | None
    """When everything was last found in sync."""
    newest_undoubted: int | None
    """While another directory stands in the root's place, and until the right one is back: the
    last file that was known before. None: there is no doubt."""
    left_out: int
    """Files that no pattern of ``include`` took when everything was last looked at."""
    newest_looked_at: int | None
    """While a look has written only a part of what it sees, and until one has come to its end: the
    last file that was known before. None: there is no such look."""


class Mappings:
    """The tables of mappings and of their problems."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def get(self, name: str) -> MappingRecord:
        """The record of a mapping, made if it is new."""
        found = self.find(name)
        if found is None:
            self._database.write("INSERT INTO mapping (name) VALUES (?)", (name,))
            found = self.find(name)
        assert found is not None  # noqa: S101 - just made
        return found

    def find(self, name: str) -> MappingRecord | None:
        """The record of a mapping, None if it is new."""
        row = self._database.row(
            "SELECT id, root_device, root_inode, root_file_system, selection_rules,"
            " target_rules, tag_rules, scanned_at_ns, complete_at_ns, newest_undoubted,"
            " left_out, newest_looked_at"
            " FROM mapping WHERE name = ?",
            (name,),
        )
        if row is None:
            return None
        identity, device, inode, file_system, *rest = row
        root = None if device is None else RootIdentity(device, inode, file_system)
        return MappingRecord(identity, root, *rest)

    def pin_root(self, mapping_id: int, root: RootIdentity) -> None:
        """From now on this directory is the mapping's root."""
        self._database.write(
            "UPDATE mapping SET root_device = ?, root_inode = ?, root_file_system = ?,"
            " newest_undoubted = NULL WHERE id = ?",
            (*root, mapping_id),
        )

    def doubt_root(self, mapping_id: int, newest: int) -> None:
        """Another directory may stand in the root's place.

        Args:
            mapping_id: Whose.
            newest: The id of the last file that was known before; an earlier doubt keeps its own.
        """
        self._database.write(
            "UPDATE mapping SET newest_undoubted = coalesce(newest_undoubted, ?) WHERE id = ?",
            (newest, mapping_id),
        )

    def looks(self, mapping_id: int, newest: int) -> None:
        """A look at the disk writes a part of what it sees, and more is to come.

        Args:
            mapping_id: Whose.
            newest: The id of the last file that was known before; an earlier look that did not come
                to its end keeps its own.
        """
        self._database.write(
            "UPDATE mapping SET newest_looked_at = coalesce(newest_looked_at, ?) WHERE id = ?",
            (newest, mapping_id),
        )

    def looked(self, mapping_id: int) -> None:
        """A look at the disk, and any before it, has written all of what it saw."""
        self._database.write(
            "UPDATE mapping SET newest_looked_at = NULL WHERE id = ?", (mapping_id,)
        )

    def accept(self, mapping_id: int, places: dict[str, RootIdentity]) -> None:
        """A person accepts the root (the empty path) and the disks mounted below it as they are.

        It counts for these directories alone: what stands in their place at the next look, if it
        is another one, was not accepted.
        """
        self._set_places("accepted", mapping_id, places)

    def accepted(self, mapping_id: int) -> dict[str, RootIdentity]:
        """What a person has accepted since the root was last looked at."""
        return self._places("accepted", mapping_id)

    def accepted_is_known(self, mapping_id: int, places: dict[str, RootIdentity]) -> None:
        """The root was looked at: this acceptance has done its work, a later one has not."""
        self._database.write_each(
            "DELETE FROM accepted WHERE mapping_id = ? AND path = ?"
            " AND device = ? AND inode = ? AND file_system = ?",
            ((mapping_id, stored(path), *identity) for path, identity in places.items()),
        )

    def mounts(self, mapping_id: int) -> dict[str, RootIdentity]:
        """The tops of the disks that are mounted below the root, by path."""
        return self._places("mount", mapping_id)

    def set_mounts(self, mapping_id: int, mounts: dict[str, RootIdentity]) -> None:
        """Remember these, and no others."""
        if self.mounts(mapping_id) != mounts:
            self._set_places("mount", mapping_id, mounts)

    def _places(self, table: str, mapping_id: int) -> dict[str, RootIdentity]:
        rows = self._database.rows(
            f"SELECT path, device, inode, file_system FROM {table} WHERE mapping_id = ?",
            (mapping_id,),
        )
        return {loaded(path): RootIdentity(*identity) for path, *identity in rows}

    def _set_places(self, table: str, mapping_id: int, places: dict[str, RootIdentity]) -> None:
        with self._database.writing() as connection:
            connection.execute(f"DELETE FROM {table} WHERE mapping_id = ?", (mapping_id,))
            connection.executemany(
                f"INSERT INTO {table} (mapping_id, path, device, inode, file_system)"
                " VALUES (?, ?, ?, ?, ?)",
                ((mapping_id, stored(path), *identity) for path, identity in places.items()),
            )

    def scanned(self, mapping_id: int, selection_rules: str, left_out: int, now_ns: int) -> None:
        """A scan of the whole root has ended; all that is known was selected by these rules."""
        self._database.write(
            "UPDATE mapping SET selection_rules = ?, left_out = ?, scanned_at_ns = ? WHERE id = ?",
            (selection_rules, left_out, now_ns, mapping_id),
        )

    def retargeted(self, mapping_id: int, target_rules: str) -> None:
        """Everything known has the target that these rules give it."""
        self._database.write(
            "UPDATE mapping SET target_rules = ? WHERE id = ?", (target_rules, mapping_id)
        )

    def tagged(self, mapping_id: int, tag_rules: str) -> None:
        """Every synced file has earned its tags under these rules."""
        self._database.write(
            "UPDATE mapping SET tag_rules = ? WHERE id = ?", (tag_rules, mapping_id)
        )

    def complete(self, mapping_id: int, now_ns: int) -> None:
        """Everything was in sync."""
        self._database.write(
            "UPDATE mapping SET complete_at_ns = ? WHERE id = ?", (now_ns, mapping_id)
        )

    def watch(self, mapping_id: int) -> Problem | None:
        """Why the events of a mapping's root cannot be trusted; None: they can."""
        row = self._database.row(
            "SELECT watch_code, watch_message, watch_hint, watch_since_ns FROM mapping"
            " WHERE id = ? AND watch_message IS NOT NULL",
            (mapping_id,),
        )
        return None if row is None else Problem(explanation_of(*row[:3]), row[3])

    def set_watch(self, mapping_id: int, problem: Problem | None) -> None:
        """Why the events of a mapping's root cannot be trusted; what persists keeps its age."""
        before = self.watch(mapping_id)
        if problem is not None and before is not None and before.reason is problem.reason:
            problem = replace(problem, since_ns=before.since_ns)
        told = _watch_columns(problem)
        if told == _watch_columns(before):
            return
        self._database.write(
            "UPDATE mapping SET watch_code = ?, watch_message = ?, watch_hint = ?,"
            " watch_since_ns = ? WHERE id = ?",
            (*told, mapping_id),
        )

    def troubles(self, mapping_id: int) -> dict[str, Problem]:
        """Directories that could not be looked at, by path; the root's is the empty path."""
        rows = self._database.rows(
            "SELECT path, code, message, hint, since_ns FROM trouble WHERE mapping_id = ?"
            " ORDER BY path",
            (mapping_id,),
        )
        return {loaded(path): Problem(explanation_of(*why), since) for path, *why, since in rows}

    def set_troubles(self, mapping_id: int, troubles: dict[str, Problem]) -> None:
        """Replace the troubles of a mapping; what persists keeps its age."""
        before = self.troubles(mapping_id)
        told = {path: explained(trouble.why) for path, trouble in troubles.items()}
        if told == {path: explained(trouble.why) for path, trouble in before.items()}:
            return
        with self._database.writing() as connection:
            connection.execute("DELETE FROM trouble WHERE mapping_id = ?", (mapping_id,))
            connection.executemany(
                "INSERT INTO trouble (mapping_id, path, code, message, hint, since_ns)"
                " VALUES (?, ?, ?, ?, ?, ?)",
                (
                    (mapping_id, stored(path), *why, before.get(path, troubles[path]).since_ns)
                    for path, why in told.items()
                ),
            )


def _watch_columns(problem: Problem | None) -> tuple[str | int | None, ...]:
    if problem is None:
        return None, None, None, None
    return *explained(problem.why), problem.since_ns
