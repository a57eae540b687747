"""What the server does not allow: files refused lately, and whole experiments.

An entry for the EID ``""`` concerns every experiment.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from aqsync.journal.database import Database
from aqsync.journal.observations import Waiting
from aqsync.journal.rows import UNSYNCED, explained
from aqsync.model import Action, Explanation, Reason, Refusal

EVERYWHERE = ""
"""Stands for every experiment."""
IN_A_ROW = 3
"""After so many refused files in a row, all files of the experiment count as refused."""
_EXPERIMENTS = 3
"""After so many refused experiments, all experiments count as refused."""

Key = tuple[str, Action]


class Candidate(NamedTuple):
    """A file that may be tried, to find out whether the refusal still holds."""

    mapping: str
    file: Waiting


class Refusals:
    """The tables of refusals.

    They are also kept in memory: they are empty most of the time, and every upload reads them. So
    only one `Refusals` may write to a journal.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._current: dict[Key, Refusal] | None = None
        self._lately: dict[Key, bool] | None = None
        """Experiments with files refused since one was last accepted there; True: and since one was
        last accepted anywhere."""

    def current(self) -> Mapping[Key, Refusal]:
        """What is refused as a whole, by EID and action."""
        found = self._current
        if found is None:
            with self._database.reading() as connection:  # its lock keeps writers out
                rows = connection.execute(
                    "SELECT eid, action, message, hint, since_ns, tries, again_ns FROM refusal"
                ).fetchall()
                found = {
                    (eid, Action(action)): Refusal(
                        Explanation(Reason.NOT_ALLOWED, message, hint), *rest
                    )
                    for eid, action, message, hint, *rest in rows
                }
                self._current = found
        return found

    def refused(self, eid: str, action: Action, file_id: int) -> tuple[int, bool]:
        """One file was refused.

        Returns:
            How many different files of the experiment were refused since one was last accepted; and
            whether so many were refused in so many experiments, with none accepted anywhere, that
            the cause cannot be the experiments.
        """
        with self._database.writing() as connection:
            self._lately = None
            connection.execute(
                "INSERT OR REPLACE INTO refused_file (eid, action, file_id, in_a_row)"
                " VALUES (?, ?, ?, 1)",
                (eid, action.value, file_id),
            )
            here = connection.execute(
                "SELECT count(*) FROM refused_file WHERE eid = ? AND action = ?",
                (eid, action.value),
            ).fetchone()[0]
            experiments, files = connection.execute(
                "SELECT count(*), coalesce(sum(files), 0) FROM"
                " (SELECT min(count(*), ?) AS files FROM refused_file"
                " WHERE action = ? AND in_a_row GROUP BY eid)",
                (IN_A_ROW, action.value),
            ).fetchone()
        return here, experiments >= _EXPERIMENTS and files >= _EXPERIMENTS * IN_A_ROW

    def set(self, eid: str, action: Action, refusal: Refusal) -> None:
        """The server refuses all files of an experiment, or of all with `EVERYWHERE`."""
        with self._database.writing() as connection:
            connection.execute(
                "INSERT OR REPLACE INTO refusal"
                " (eid, action, message, hint, since_ns, tries, again_ns)"
                " VALUES (?, ?, ?, ?, ?, ?, ?)",
                (
                    eid,
                    action.value,
                    *explained(refusal.why)[1:],
                    refusal.since_ns,
                    refusal.tries,
                    refusal.again_ns,
                ),
            )
            self._current = None

    def accepted(self, eid: str, action: Action) -> list[str]:
        """Something was accepted.

        Returns:
            Where it ends a refusal: the EID, `EVERYWHERE`, both or neither.
        """
        lately = self._refused_lately()
        if (eid, action) not in lately and not any(lately.values()) and not self.current():
            return []
        healed = [each for each in (eid, EVERYWHERE) if (each, action) in self.current()]
        with self._database.writing() as connection:
            connection.execute(
                "DELETE FROM refused_file WHERE eid = ? AND action = ?", (eid, action.value)
            )
            connection.execute(
                "UPDATE refused_file SET in_a_row = 0 WHERE action = ?", (action.value,)
            )
            connection.execute(
                "DELETE FROM refusal WHERE eid IN (?, ?) AND action = ?",
                (eid, EVERYWHERE, action.value),
            )
            if EVERYWHERE in healed:  # single experiments need not wait as long
                connection.execute(
                    "UPDATE refusal SET again_ns = 0 WHERE action = ?", (action.value,)
                )
            self._current = self._lately = None
        return healed

    def _refused_lately(self) -> dict[Key, bool]:
        found = self._lately
        if found is None:
            with self._database.reading() as connection:  # its lock keeps writers out
                rows = connection.execute(
                    "SELECT eid, action, max(in_a_row) FROM refused_file GROUP BY eid, action"
                ).fetchall()
                found = {(eid, Action(action)): bool(in_a_row) for eid, action, in_a_row in rows}
                self._lately = found
        return found

    def end_pauses(self, now_ns: int) -> None:
        """End the pauses, as a person asked: one file each may try now."""
        if self.current():
            with self._database.writing() as connection:
                connection.execute("UPDATE refusal SET again_ns = ?, tries = 1", (now_ns,))
                self._current = None

    def forget_idle(self) -> list[Key]:
        """End the refusals that no file waits for: the next file finds out by itself.

        Returns:
            The EID and action of those that stay.
        """
        idle = [key for key in self.current() if not self.candidates(key, 1)]
        if idle:
            with self._database.writing() as connection:
                connection.executemany(
                    "DELETE FROM refusal WHERE eid = ? AND action = ?",
                    ((eid, action.value) for eid, action in idle),
                )
                self._current = None
        return list(self.current())

    def candidates(self, key: Key, most: int) -> list[Candidate]:
        """Some files that may be tried; those that were not refused themselves come first.

        Args:
            key: The EID and action that are refused.
            most: How many.
        """
        eid, action = key
        there = "IS NULL" if action is Action.REMOVE else "IS NOT NULL"
        where, values = ("f.eid = ?", (eid,)) if eid != EVERYWHERE else ("f.eid IS NOT NULL", ())
        if action is Action.SEND:
            where += f" AND {UNSYNCED}"
        rows = self._database.rows(
            "SELECT m.name, f.id, coalesce(f.size, 0) FROM file f"
            f" JOIN mapping m ON m.id = f.mapping_id WHERE {where} AND f.size {there}"
            " ORDER BY f.failure_message IS NOT NULL, f.since_ns LIMIT ?",
            (*values, most),
        )
        return [Candidate(mapping, Waiting(identity, size)) for mapping, identity, size in rows]
