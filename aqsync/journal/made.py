"""Folders that get an experiment each, and what was written to these experiments."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from sqlite3 import Connection
from typing import NamedTuple

from aqsync.journal.database import Database
from aqsync.journal.rows import below, joined, loaded, stored, words
from aqsync.layout.identity import identity_of
from aqsync.model import MadeWords


class MadeFolder(NamedTuple):
    """A folder that has, or will have, an experiment of its own."""

    identity: str
    folder: str | None
    """Its path; None while another folder has it."""
    inode: int
    """0: unknown."""


class LastSeen(NamedTuple):
    """A file as it was when it was last there."""

    path: str
    size: int
    mtime_ns: int
    ctime_ns: int
    inode: int


class Made(NamedTuple):
    """What was written to an experiment that made itself."""

    title: str | None
    """As it was last written; None: a person has changed it since."""
    description: str | None
    cuts: tuple[str, ...]
    folder: str
    """The folder's path."""
    was: str
    """The path that these words tell of."""
    seen: str
    """How the file stood that did not tell everything; empty: none was read."""


class OwnExperiment(NamedTuple):
    """A folder of a mapping, and its experiment as people know it."""

    folder: str
    eid: str | None
    """None: it is not made yet."""
    problem: str | None
    """Why it cannot be used."""
    cuts: tuple[str, ...]
    doubles: tuple[str, ...]
    """The EIDs of younger experiments with the same tag."""


class MadeExperiments:
    """The tables of such folders and experiments."""

    def __init__(self, database: Database) -> None:
        self._database = database

    # Folders

    def folders(self, mapping_id: int) -> list[MadeFolder]:
        """Every folder of a mapping that is known."""
        rows = self._database.rows(
            "SELECT identity, folder, inode FROM made_folder WHERE mapping_id = ?", (mapping_id,)
        )
        return [
            MadeFolder(identity, None if folder is None else loaded(folder), inode)
            for identity, folder, inode in rows
        ]

    def place_of(self, key: str) -> tuple[str, str] | None:
        """The mapping's name and the folder that a key belongs to; None: nowhere now."""
        row = self._database.row(
            "SELECT m.name, f.folder FROM made_folder f JOIN mapping m ON m.id = f.mapping_id"
            " WHERE f.identity = ? AND f.folder IS NOT NULL",
            (identity_of(key),),
        )
        return None if row is None else (row[0], loaded(row[1]))

    def own(self, mapping_id: int) -> list[OwnExperiment]:
        """Every folder of a mapping with its experiment, by path."""
        rows = self._database.rows(
            "SELECT f.folder, e.shown_eid, e.problem_message, x.cuts, (SELECT"
            " json_group_array(d.shown_eid) FROM double_experiment d WHERE d.eid = e.eid)"
            " FROM made_folder f LEFT JOIN experiment e ON e.eid = 'new:' || f.identity"
            " LEFT JOIN made_experiment x ON x.eid = e.eid"
            " WHERE f.mapping_id = ? AND f.folder IS NOT NULL",
            (mapping_id,),
        )
        return sorted(
            OwnExperiment(
                loaded(folder),
                eid,
                problem,
                tuple(json.loads(cuts or "[]")),
                tuple(json.loads(doubles)),
            )
            for folder, eid, problem, cuts, doubles in rows
        )

    def note_folder(self, mapping_id: int, made: MadeFolder) -> None:
        """A folder that is new, or has another inode now."""
        self._database.write(
            "INSERT INTO made_folder (mapping_id, identity, folder, inode) VALUES (?, ?, ?, ?)"
            " ON CONFLICT (mapping_id, identity) DO UPDATE SET inode = excluded.inode",
            (
                mapping_id,
                made.identity,
                None if made.folder is None else stored(made.folder),
                made.inode,
            ),
        )

    def take(self, mapping_id: int, identity: str) -> bool:
        """Let no folder of a mapping get this identity; false if one has it already."""
        with self._database.writing() as connection:
            taken = connection.execute(
                "INSERT OR IGNORE INTO made_folder (mapping_id, identity, inode) VALUES (?, ?, 0)",
                (mapping_id, identity),
            )
        return taken.rowcount > 0

    def renamed(self, mapping_id: int, moved: Mapping[str, MadeFolder]) -> None:
        """Folders have another path now, and so have their files.

        Args:
            mapping_id: Whose.
            moved: By the path now, the folder as it was known. Of other folders that were known
                there nothing is known any more.
        """
        with self._database.writing() as connection:
            files = [
                (stored(place + directory[len(made.folder) :]), identity)
                for place, made in moved.items()
                if made.folder is not None
                for identity, directory in _files_below(connection, mapping_id, made.folder)
            ]
            # Two may have changed places, so all leave theirs first.
            connection.executemany(
                "UPDATE made_folder SET folder = NULL WHERE mapping_id = ? AND identity = ?",
                ((mapping_id, made.identity) for made in moved.values()),
            )
            connection.executemany(
                "UPDATE file SET directory = CAST('/' || id AS BLOB) WHERE id = ?",
                ((identity,) for _, identity in files),
            )
            for place in moved:
                connection.execute(
                    "UPDATE made_folder SET folder = NULL WHERE mapping_id = ? AND folder = ?",
                    (mapping_id, stored(place)),
                )
                connection.executemany(
                    "DELETE FROM file WHERE id = ?",
                    [(identity,) for identity, _ in _files_below(connection, mapping_id, place)],
                )
            connection.executemany(
                "UPDATE made_folder SET folder = ? WHERE mapping_id = ? AND identity = ?",
                ((stored(place), mapping_id, made.identity) for place, made in moved.items()),
            )
            connection.executemany("UPDATE file SET directory = ? WHERE id = ?", files)

    def last_seen(self, mapping_id: int, folder: str) -> Iterator[LastSeen]:
        """The files of a folder as they were when they were last there."""
        rows = self._database.rows(
            "SELECT directory, name, coalesce(size, synced_size), mtime_ns, ctime_ns, inode"
            f" FROM file WHERE mapping_id = ? AND kind = 0 AND {_BELOW}",
            (mapping_id, *_bounds(folder)),
        )
        for directory, name, size, *rest in rows:
            if size is not None:
                yield LastSeen(joined(directory, name), size, *rest)

    # Experiments

    def asked(self, key: str, now_ns: int | None) -> None:
        """The server is about to be asked to make an experiment; None: it has answered."""
        self._database.write(
            "INSERT INTO experiment (eid, asked_at_ns) VALUES (?, ?)"
            " ON CONFLICT (eid) DO UPDATE SET asked_at_ns = excluded.asked_at_ns",
            (key, now_ns),
        )

    def made(
        self, key: str, now_ns: int, words: MadeWords, folder: str, *, whole: bool, seen: str
    ) -> None:
        """The server has made an experiment with these words."""
        self._database.write(
            "INSERT OR REPLACE INTO made_experiment (eid, made_at_ns, title, description, cuts,"
            " words_folder, words_whole, words_seen) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (key, now_ns, *_columns(words), stored(folder), int(whole), seen),
        )

    def found(self, key: str, now_ns: int, folder: str) -> None:
        """An experiment was found: if this journal has not made it, its words are a person's."""
        self._database.write(
            "INSERT OR IGNORE INTO made_experiment (eid, made_at_ns, looked_again, cuts,"
            " words_folder, words_whole) VALUES (?, ?, 1, '[]', ?, 1)",
            (key, now_ns, stored(folder)),
        )

    def to_look_for_again(self, before_ns: int, now_ns: int) -> list[str]:
        """The keys of experiments that were made before a time and not looked for since.

        With them those made later than now, as it seems.
        """
        rows = self._database.rows(
            "SELECT eid FROM made_experiment"
            " WHERE NOT looked_again AND (made_at_ns <= ? OR made_at_ns > ?)",
            (before_ns, now_ns),
        )
        return [key for (key,) in rows]

    def titles(self) -> dict[str, str]:
        """By EID, the titles that experiments have which made themselves, as last written."""
        return dict(
            self._database.rows(
                "SELECT e.shown_eid, x.title FROM made_experiment x JOIN experiment e"
                " ON e.eid = x.eid WHERE e.shown_eid IS NOT NULL AND x.title IS NOT NULL"
            )
        )

    def to_reword(self) -> dict[str, Made]:
        """By key, the experiments whose title or description may be out of date."""
        rows = self._database.rows(
            "SELECT x.eid, x.title, x.description, x.cuts, f.folder, x.words_folder,"
            " x.words_seen"
            " FROM made_folder f JOIN made_experiment x ON x.eid = 'new:' || f.identity"
            " JOIN experiment e ON e.eid = x.eid"
            " WHERE f.folder IS NOT NULL AND (x.words_folder <> f.folder OR NOT x.words_whole)"
            " AND e.uuid IS NOT NULL AND e.problem_message IS NULL"
        )
        return {
            key: Made(title, text, tuple(json.loads(cuts)), loaded(folder), loaded(was), seen)
            for key, title, text, cuts, folder, was, seen in rows
        }

    def reworded(self, key: str, written: Made, *, whole: bool, seen: str) -> None:
        """What stands there now as it was written from here."""
        self._database.write(
            "UPDATE made_experiment SET title = ?, description = ?, cuts = ?, words_folder = ?,"
            " words_whole = ?, words_seen = ? WHERE eid = ?",
            (
                written.title,
                written.description,
                json.dumps(written.cuts),
                stored(written.folder),
                int(whole),
                seen,
                key,
            ),
        )

    def looked_again(self, key: str) -> None:
        """An experiment was looked for once more."""
        self._database.write("UPDATE made_experiment SET looked_again = 1 WHERE eid = ?", (key,))

    def doubles(self) -> dict[str, list[tuple[str, str]]]:
        """By key, EID and UUID of younger experiments with the same tag."""
        rows = self._database.rows(
            "SELECT eid, shown_eid, uuid FROM double_experiment ORDER BY eid, shown_eid"
        )
        found: dict[str, list[tuple[str, str]]] = {}
        for key, *double in rows:
            found.setdefault(key, []).append((double[0], double[1]))
        return found

    def set_doubles(self, key: str, doubles: Mapping[str, str]) -> None:
        """The younger experiments with the same tag, EIDs by UUID."""
        with self._database.writing() as connection:
            connection.execute("DELETE FROM double_experiment WHERE eid = ?", (key,))
            connection.executemany(
                "INSERT INTO double_experiment (eid, uuid, shown_eid) VALUES (?, ?, ?)",
                ((key, uuid, words(eid)) for uuid, eid in doubles.items()),
            )


_BELOW = """
    (directory = ? OR (directory > ? AND directory < ?) OR (directory > ? AND directory < ?))
"""


def _bounds(folder: str) -> tuple[str | bytes, ...]:
    return (stored(folder), *(bound for bounds in below(folder) for bound in bounds))


def _files_below(connection: Connection, mapping_id: int, folder: str) -> Iterator[tuple[int, str]]:
    """The ids and directories of the files in a folder, at any depth."""
    rows = connection.execute(
        f"SELECT id, directory FROM file WHERE mapping_id = ? AND {_BELOW}",
        (mapping_id, *_bounds(folder)),
    )
    for identity, directory in rows:
        yield identity, loaded(directory)


def _columns(made: MadeWords) -> tuple[str, str, str]:
    return words(made.title), words(made.description), json.dumps(made.cuts)
