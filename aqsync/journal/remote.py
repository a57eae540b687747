"""The mirror: experiments, their file lists as last fetched, and the server's own state."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from sqlite3 import Connection
from typing import Any

from aqsync.journal.database import Database
from aqsync.journal.observations import FORGET_REMOTE_SIDE
from aqsync.journal.outcomes import next_sequence, plausible
from aqsync.journal.rows import explained, marks, words
from aqsync.layout.identity import is_key
from aqsync.model import Problem, Reason, ServerProblem, explanation_of

NOT_MADE = "an experiment of its own"
"""What stands in the place of an EID until there is one."""

_OR_REMOVABLE = """
    OR file.synced_at_ns IS NOT NULL AND (
        file.synced_sequence >=
            coalesce((SELECT listed_sequence FROM experiment e WHERE e.eid = file.eid), 0)
        OR EXISTS (SELECT 1 FROM remote_file r WHERE r.eid = file.eid
            AND r.name = file.remote_name
            AND r.modified_at = coalesce(file.synced_modified_at, r.modified_at)))
"""
_PROBLEM = "problem_code, problem_message, problem_hint, problem_since_ns"
_NO_PROBLEM = """
    problem_code = NULL, problem_message = NULL, problem_hint = NULL, problem_since_ns = NULL,
    problem_looks = 0, problem_again_ns = NULL
"""
"""Assignments that forget why an experiment could not be used."""
_AT_ONCE = 500
"""Values in one question."""


@dataclass(frozen=True, slots=True)
class ExperimentRecord:
    """One experiment that files are mapped to."""

    eid: str
    uuid: str | None
    """None: the server has not been asked, or does not know it."""
    listed_sequence: int
    listed_at_ns: int | None
    problem: Problem | None
    looks: int
    """How often it was searched for without success."""
    again_ns: int | None
    """When it is searched for again, if it cannot be used."""
    address: str | None = None
    """Address of the server that it was found on; None: an older release did not store it."""
    shown_eid: str | None = None
    """The EID of an experiment that made itself, whose `eid` is a key."""


class Remote:
    """The tables of experiments, remote files and the server's state.

    UUIDs are also kept in memory, as every upload reads one. So only one `Remote` may write to a
    journal.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._uuids: dict[str, str] = {}

    def next_sequence(self) -> int:
        """A number above all earlier ones."""
        with self._database.writing() as connection:
            return next_sequence(connection)

    def experiments(self, among: Collection[str] | None = None) -> dict[str, ExperimentRecord]:
        """The experiments that are known, by EID.

        Args:
            among: Only those of these EIDs; None: all. There may be thousands.
        """
        question = (
            "SELECT eid, uuid, listed_sequence, listed_at_ns,"
            f" problem_looks, problem_again_ns, address, shown_eid, {_PROBLEM} FROM experiment"
        )
        if among is None:
            return _records(self._database.rows(question))
        found = dict[str, ExperimentRecord]()
        for some in _in_turns(among):
            rows = self._database.rows(f"{question} WHERE eid IN ({marks(some)})", some)
            found |= _records(rows)
        return found

    def keys_of(self, uuids: Collection[str]) -> dict[str, str]:
        """By UUID, the keys of those of these experiments that made themselves."""
        found = dict[str, str]()
        for some in _in_turns(uuids):
            rows = self._database.rows(
                f"SELECT uuid, eid FROM experiment WHERE uuid IN ({marks(some)})", some
            )
            found |= {uuid: eid for uuid, eid in rows if is_key(eid)}
        return found

    def problems(self) -> dict[str, tuple[Problem, int | None]]:
        """Why experiments cannot be used, by EID, and when each is looked for again."""
        rows = self._database.rows(
            f"SELECT eid, problem_again_ns, {_PROBLEM} FROM experiment"
            " WHERE problem_message IS NOT NULL"
        )
        return {
            eid: (problem, again_ns)
            for eid, again_ns, *columns in rows
            if (problem := _problem(columns)) is not None
        }

    def unusable(self) -> dict[str, int]:
        """The experiments that cannot be used, by EID, and when each is looked for again.

        One that the server did not make is not among them: a file tries that again.
        """
        return {
            eid: again_ns or 0
            for eid, (problem, again_ns) in self.problems().items()
            if problem.reason is not Reason.EXPERIMENT_NOT_MADE
        }

    def uuid(self, eid: str) -> str:
        """The UUID of an experiment that was found.

        Raises:
            KeyError: It was not.
        """
        known = self._uuids.get(eid)
        if known is not None:
            return known
        with self._database.reading() as connection:  # its lock keeps writers out
            row = connection.execute(
                "SELECT uuid FROM experiment WHERE eid = ? AND uuid IS NOT NULL", (eid,)
            ).fetchone()
            if row is None:
                raise KeyError(eid)
            return self._uuids.setdefault(eid, str(row[0]))

    def mapped_eids(
        self,
        mapping_ids: Collection[int],
        *,
        only_here: bool = False,
        only_removable: bool = False,
    ) -> set[str]:
        """The experiments that known files of these mappings go to.

        Args:
            mapping_ids: Whose.
            only_here: Only files that are here count.
            only_removable: And those that are gone, if their copies may have to be removed.
        """
        if not mapping_ids:
            return set()
        which = ""
        if only_here or only_removable:
            which = f" AND (file.size IS NOT NULL {_OR_REMOVABLE if only_removable else ''})"
        # Hops from one EID to the next in the index, however many files lie between;
        # "+" keeps SQLite from walking through all files of a mapping instead.
        rows = self._database.rows(
            "WITH RECURSIVE hop (eid) AS (SELECT min(eid) FROM file UNION ALL"
            " SELECT (SELECT min(eid) FROM file WHERE eid > hop.eid) FROM hop"
            " WHERE hop.eid IS NOT NULL) SELECT eid FROM hop WHERE EXISTS"
            " (SELECT 1 FROM file WHERE file.eid = hop.eid"
            f" AND +mapping_id IN ({marks(mapping_ids)}){which})",
            tuple(mapping_ids),
        )
        return {eid for (eid,) in rows}

    def freed_eids(self, mapping_ids: Collection[int]) -> set[str]:
        """The experiments in which the only copies of files of these mappings are."""
        rows = self._database.rows(
            "SELECT eid FROM experiment e WHERE uuid IN (SELECT uuid FROM freed) AND EXISTS"
            " (SELECT 1 FROM freed d CROSS JOIN file f ON f.eid = e.eid AND f.remote_name = d.name"
            f" WHERE d.uuid = e.uuid AND +f.mapping_id IN ({marks(mapping_ids)}))",
            tuple(mapping_ids),
        )
        return {eid for (eid,) in rows}

    def names(self, eid: str) -> dict[str, str]:
        """The names that an experiment's newest list shows, with the server's times."""
        rows = self._database.rows(
            "SELECT name, modified_at FROM remote_file WHERE eid = ?", (eid,)
        )
        return dict(rows)

    def shown(self, eid: str) -> str:
        """An EID as people know it; of an experiment that is not made yet, words for it."""
        if not is_key(eid):
            return eid
        row = self._database.row("SELECT shown_eid FROM experiment WHERE eid = ?", (eid,))
        return NOT_MADE if row is None or row[0] is None else str(row[0])

    def key_shown_as(self, eid: str) -> str:
        """What the tables know an experiment by that people know by this EID."""
        row = self._database.row("SELECT eid FROM experiment WHERE shown_eid = ?", (eid,))
        return eid if row is None else str(row[0])

    def found(
        self,
        uuids: Mapping[str, str],
        address: str | None = None,
        shown: Mapping[str, str] | None = None,
    ) -> None:
        """The server knows these experiments; another UUID than before is another experiment.

        Args:
            uuids: By EID.
            address: The server's, without the scheme.
            shown: By key, the EIDs of experiments that made themselves.
        """
        shown = shown or {}
        with self._database.writing() as connection:
            for eid, uuid in uuids.items():
                row = connection.execute(
                    "SELECT uuid, problem_message, address, shown_eid, asked_at_ns"
                    " FROM experiment WHERE eid = ?",
                    (eid,),
                ).fetchone()
                if row == (uuid, None, address, shown.get(eid), None):
                    continue
                if row is not None and row[0] is not None and row[0] != uuid:
                    _forget_contents(connection, eid)
                connection.execute(
                    "INSERT INTO experiment (eid, uuid, address, shown_eid) VALUES (?, ?, ?, ?)"
                    " ON CONFLICT (eid) DO UPDATE SET uuid = excluded.uuid,"
                    " shown_eid = excluded.shown_eid, asked_at_ns = NULL,"
                    f" address = excluded.address, {_NO_PROBLEM}",
                    (eid, uuid, address, shown.get(eid)),
                )
            self._uuids.clear()

    def unmake(self, keys: Iterable[str]) -> None:
        """Forget which experiments these are: each is made when a file of it is to be sent."""
        with self._database.writing() as connection:
            for key in keys:
                _forget_contents(connection, key)
                connection.execute(
                    "UPDATE experiment SET uuid = NULL, address = NULL, shown_eid = NULL,"
                    f" asked_at_ns = NULL, {_NO_PROBLEM} WHERE eid = ?",
                    (key,),
                )
                connection.execute("DELETE FROM made_experiment WHERE eid = ?", (key,))
                connection.execute("DELETE FROM double_experiment WHERE eid = ?", (key,))
            self._uuids.clear()

    def believe_only(self, address: str) -> None:
        """Forget what is known of experiments that were found on a server at another address.

        For the copy that a command reads: nobody knows whether the experiments exist on the other
        server until it is asked.
        """
        with self._database.writing() as connection:
            rows = connection.execute(
                "SELECT eid FROM experiment WHERE address <> ?", (address,)
            ).fetchall()
            for (eid,) in rows:
                _forget_contents(connection, eid)

    def not_found(
        self, problems: Mapping[str, Problem], again_ns: Mapping[str, int] | None = None
    ) -> None:
        """The server does not know these experiments; an older problem keeps its age.

        Args:
            problems: What is wrong, by EID.
            again_ns: When each is searched for again, by EID; those that are missing: at once.
        """
        self._database.write_each(
            f"INSERT INTO experiment (eid, {_PROBLEM}, problem_again_ns, problem_looks)"
            " VALUES (?, ?, ?, ?, ?, ?, 1) ON CONFLICT (eid) DO UPDATE SET"
            " problem_code = excluded.problem_code,"
            " problem_message = excluded.problem_message, problem_hint = excluded.problem_hint,"
            " problem_since_ns = coalesce(problem_since_ns, excluded.problem_since_ns),"
            " problem_again_ns = excluded.problem_again_ns, problem_looks = problem_looks + 1",
            (
                (eid, *explained(problem.why), problem.since_ns, (again_ns or {}).get(eid))
                for eid, problem in problems.items()
            ),
        )

    def digest(self, uuids: Sequence[str]) -> bytes | None:
        """The digest of the last answer to a question for just these experiments' lists."""
        row = self._database.row("SELECT digest FROM listing WHERE uuids = ?", (",".join(uuids),))
        return None if row is None else row[0]

    def unchanged(self, eids: Collection[str], sequence: int, now_ns: int) -> None:
        """The lists of these experiments have not changed."""
        with self._database.writing() as connection:
            for eid in eids:
                if _is_news(connection, eid, sequence):
                    _listed(connection, eid, sequence, now_ns)

    def listed(
        self,
        lists: Mapping[str, Sequence[tuple[str, str]]],
        asked: tuple[Sequence[str], bytes],
        sequence: int,
        now_ns: int,
    ) -> None:
        """New file lists.

        Args:
            lists: By EID, each whole, names with the server's times.
            asked: The UUIDs that were asked for together, and the answer's digest.
            sequence: Taken before the server was asked: what was uploaded later may be missing.
            now_ns: When the answer was there.
        """
        uuids, digest = asked
        with self._database.writing() as connection:
            late = {eid for eid in lists if not _is_news(connection, eid, sequence)}
            for eid, files in lists.items():
                if eid in late:
                    continue
                escaped = [(words(name), words(at)) for name, at in files]
                if _replace_list(connection, eid, escaped, sequence, now_ns):
                    _forget_digests(connection, eid)
                _listed(connection, eid, sequence, now_ns)
            # Else lists that are missing, or known from a later answer, would seem unchanged.
            if len(lists) == len(uuids) and not late:
                connection.execute(
                    "INSERT OR REPLACE INTO listing (uuids, digest) VALUES (?, ?)",
                    (",".join(uuids), digest),
                )

    def server_problem(self) -> ServerProblem | None:
        """Why the server cannot be used now; None if it can."""
        row = self._database.row(
            "SELECT code, message, hint, denied, since_ns, count, probe_at_ns, ordered"
            " FROM server_problem"
        )
        if row is None:
            return None
        *why, denied, since_ns, count, probe_at_ns, ordered = row
        return ServerProblem(
            explanation_of(*why), bool(denied), since_ns, count, probe_at_ns, bool(ordered)
        )

    def set_server_problem(self, problem: ServerProblem | None) -> None:
        """The server's state changed."""
        with self._database.writing() as connection:
            connection.execute("DELETE FROM server_problem")
            if problem is not None:
                connection.execute(
                    "INSERT INTO server_problem"
                    " (code, message, hint, denied, since_ns, count, probe_at_ns, ordered)"
                    " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                    (
                        *explained(problem.why),
                        int(problem.denied),
                        problem.since_ns,
                        problem.count,
                        problem.probe_at_ns,
                        int(problem.ordered),
                    ),
                )


def _in_turns(values: Collection[str]) -> Iterator[tuple[str, ...]]:
    """SQLite takes only so many values in one question."""
    ordered = tuple(sorted(values))
    for start in range(0, len(ordered), _AT_ONCE):
        yield ordered[start : start + _AT_ONCE]


def _records(rows: Iterable[Sequence[Any]]) -> dict[str, ExperimentRecord]:
    return {
        eid: ExperimentRecord(
            eid, uuid, sequence, at_ns, _problem(problem), looks, again_ns, address, shown_eid
        )
        for eid, uuid, sequence, at_ns, looks, again_ns, address, shown_eid, *problem in rows
    }


def _problem(columns: Sequence[Any]) -> Problem | None:
    """What the columns of `_PROBLEM` say; None: the experiment can be used."""
    code, message, hint, since_ns = columns
    return None if message is None else Problem(explanation_of(code, message, hint), since_ns)


def _forget_digests(connection: Connection, eid: str) -> None:
    """An experiment's list has changed, so digests of earlier answers about it do not count."""
    connection.execute(
        "DELETE FROM listing WHERE instr(uuids, (SELECT uuid FROM experiment WHERE eid = ?))",
        (eid,),
    )


def _forget_contents(connection: Connection, eid: str) -> None:
    _forget_digests(connection, eid)
    connection.execute(
        f"UPDATE file SET {FORGET_REMOTE_SIDE} WHERE eid = ?",
        (eid,),
    )
    connection.execute("DELETE FROM remote_file WHERE eid = ?", (eid,))
    connection.execute(
        "UPDATE mapping SET complete_at_ns = NULL"
        " WHERE id IN (SELECT mapping_id FROM file WHERE eid = ?)",
        (eid,),
    )
    connection.execute("UPDATE tag SET applied_at_ns = NULL WHERE eid = ?", (eid,))
    connection.execute(
        "UPDATE experiment SET listed_sequence = 0, listed_at_ns = NULL WHERE eid = ?", (eid,)
    )


def _is_news(connection: Connection, eid: str, sequence: int) -> bool:
    """Whether no list that was asked for later is known: requests may overtake each other."""
    row = connection.execute(
        "SELECT listed_sequence FROM experiment WHERE eid = ?", (eid,)
    ).fetchone()
    return row is None or row[0] < sequence


def _listed(connection: Connection, eid: str, sequence: int, now_ns: int) -> None:
    connection.execute(
        f"UPDATE experiment SET listed_sequence = ?, listed_at_ns = ?, {_NO_PROBLEM} WHERE eid = ?",
        (sequence, now_ns, eid),
    )
    _settle_uploads(connection, eid, sequence)


def _replace_list(
    connection: Connection, eid: str, files: Sequence[tuple[str, str]], sequence: int, now_ns: int
) -> bool:
    """Store a list; returns whether anything has changed."""
    before = dict(
        connection.execute("SELECT name, modified_at FROM remote_file WHERE eid = ?", (eid,))
    )
    changed = [(eid, name, at) for name, at in files if before.pop(name, None) != at]
    connection.executemany(
        "INSERT OR REPLACE INTO remote_file (eid, name, modified_at) VALUES (?, ?, ?)", changed
    )
    connection.executemany(
        "DELETE FROM remote_file WHERE eid = ? AND name = ?", ((eid, name) for name in before)
    )
    connection.executemany(
        "UPDATE file SET removed_at_ns = ? WHERE eid = ? AND remote_name = ?"
        " AND synced_at_ns IS NOT NULL AND synced_sequence < ?",
        ((now_ns, eid, name, sequence) for name in before),
    )
    return bool(changed or before)


def _settle_uploads(connection: Connection, eid: str, sequence: int) -> None:
    """Learn the times of our uploads from the first list that shows them."""
    rows = connection.execute(
        "SELECT f.id, r.modified_at, f.synced_not_before, f.synced_not_after,"
        " r.modified_at IS f.synced_replaced FROM file f"
        " JOIN remote_file r ON r.eid = f.eid AND r.name = f.remote_name"
        " WHERE f.eid = ? AND f.synced_listed = 0 AND f.synced_sequence < ?",
        (eid, sequence),
    ).fetchall()
    connection.executemany(
        "UPDATE file SET synced_listed = 1, synced_modified_at = coalesce(synced_modified_at, ?)"
        " WHERE id = ?",
        (
            # A version that was listed before the upload is not the upload.
            (None if stood or not plausible(modified_at, *bounds) else modified_at, identity)
            for identity, modified_at, *bounds, stood in rows
        ),
    )
