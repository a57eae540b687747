"""Experiments that come from another server, as they were there, and notes of what was brought.

The notes tell what an import has put here, so that a later one goes on where it stopped, brings
what has changed at the source, and leaves alone what has been changed here.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from enum import Enum, auto
from typing import NamedTuple
from uuid import UUID

from aqsync.server.catalog.catalog import Experiment, add_tags, find_experiment
from aqsync.server.catalog.database import Connection, Database, marks, transaction
from aqsync.server.catalog.task_records import Task, parameters_text
from aqsync.server.catalog.times import to_microseconds
from aqsync.server.portions import portions

_AT_ONCE = 200
_EID = re.compile(r"(\d{8})-([1-9]\d{0,8})")


class Entered(Enum):
    """What became of an experiment that was to be entered."""

    NEW = auto()
    SAME = auto()
    RENEWED = auto()
    """It is as an earlier import has left it, and was brought up to date."""
    DIFFERS = auto()
    """It was changed here, or was never imported; it stays as it is."""
    TAKEN = auto()
    """Another one was given its EID since it was asked for clashes; nothing was entered."""


class Clash(NamedTuple):
    """An experiment here that another one would meet."""

    eid: str
    uuid: UUID
    here_eid: str
    here_uuid: UUID


@dataclass(frozen=True, slots=True)
class FileNote:
    """What an import has put here under a name.

    Args:
        modified_at: The time of the version at its source, in microseconds since 1970.
        kept_at: Its time here.
        sha256: Of its content.
        compared: Whether what was stored was read again, and was this.
    """

    modified_at: int
    kept_at: int
    sha256: bytes
    compared: bool


class Imports:
    """What comes from other servers. Any thread may call. A change is on the disk on return.

    Args:
        database: Where it is kept.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    @transaction
    def clashes(self, coming: Sequence[tuple[UUID, str]]) -> list[Clash]:
        """Return which of some experiments have the EID or the UUID of another one that is here.

        Args:
            coming: UUIDs and EIDs.
        """
        found: list[Clash] = []
        with self._database.reading() as database:
            for chunk in portions(coming, _AT_ONCE):
                some = marks(chunk)
                rows = database.execute(
                    f"SELECT uuid, eid FROM experiment WHERE uuid IN ({some}) OR eid IN ({some})",
                    [str(uuid) for uuid, _ in chunk] + [eid for _, eid in chunk],
                ).fetchall()
                found += _clashes(chunk, [(UUID(uuid), str(eid)) for uuid, eid in rows])
        return found

    @transaction
    def enter(self, coming: Experiment) -> Entered:
        """Enter an experiment with everything that it has, or bring it up to date.

        The numbers of later EIDs of its day are higher than its own.
        """
        digest = _digest(coming)
        with self._database.changing() as database:
            row = database.execute(
                "SELECT number FROM experiment WHERE uuid = ?" + self._database.dialect.locked,
                (str(coming.uuid),),
            ).fetchone()
            if row is None:
                _count_on(database, coming.eid)
                entered = _insert(database, coming)
                if entered is None:
                    return Entered.TAKEN
                _note_fields(database, entered, digest)
                return Entered.NEW
            number = int(row[0])
            here = _digest(find_experiment(database, number))
            if here == digest:
                return Entered.SAME
            if here != _noted(database, number):
                return Entered.DIFFERS
            _update(database, number, coming)
            _note_fields(database, number, digest)
            return Entered.RENEWED

    @transaction
    def enter_tasks(self, tasks: Iterable[tuple[Task, str | None, str | None]]) -> None:
        """Enter tasks that have ended, each with what it wrote to stdout and to stderr."""
        with self._database.changing() as database:
            for task, out, err in tasks:
                _enter_task(database, task, out, err)

    @transaction
    def files(self, experiment: UUID) -> dict[str, FileNote]:
        """Return, by name, what imports have put into an experiment."""
        with self._database.reading() as database:
            rows = database.execute(
                "SELECT name, modified_at, kept_at, sha256, compared FROM imported_file"
                " JOIN experiment ON experiment.number = imported_file.experiment WHERE uuid = ?",
                (str(experiment),),
            ).fetchall()
        return {
            name: FileNote(modified_at, kept_at, bytes(sha256), bool(compared))
            for name, modified_at, kept_at, sha256, compared in rows
        }

    @transaction
    def note_files(self, experiment: UUID, notes: Sequence[tuple[str, FileNote]]) -> None:
        """Note what is about to be put into an experiment, or was compared there."""
        with self._database.changing() as database:
            for name, note in notes:
                database.execute(
                    "INSERT INTO imported_file"
                    " SELECT number, ?, ?, ?, ?, ? FROM experiment WHERE uuid = ?"
                    " ON CONFLICT (experiment, name) DO UPDATE SET"
                    " modified_at = excluded.modified_at, kept_at = excluded.kept_at,"
                    " sha256 = excluded.sha256, compared = excluded.compared",
                    (
                        *(name, note.modified_at, note.kept_at, note.sha256, int(note.compared)),
                        str(experiment),
                    ),
                )


def _clashes(
    coming: Sequence[tuple[UUID, str]], here: Sequence[tuple[UUID, str]]
) -> Iterable[Clash]:
    by_uuid, by_eid = dict(here), {eid: uuid for uuid, eid in here}
    for uuid, eid in coming:
        if by_uuid.get(uuid, eid) != eid:
            yield Clash(eid, uuid, by_uuid[uuid], uuid)
        elif by_eid.get(eid, uuid) != uuid:
            yield Clash(eid, uuid, eid, by_eid[eid])


def _digest(experiment: Experiment) -> bytes:
    """SHA-256 of what an experiment has; a tag has no case, and no place among others."""
    fields = asdict(experiment) | {"tags": sorted(tag.lower() for tag in experiment.tags)}
    return hashlib.sha256(json.dumps(fields, default=str, sort_keys=True).encode()).digest()


def _count_on(database: Connection, eid: str) -> None:
    """Let new EIDs of this one's day have higher numbers, also when it will have been removed."""
    if (found := _EID.fullmatch(eid)) is not None:
        database.execute(
            "INSERT INTO last_eid VALUES (?, ?) ON CONFLICT (day) DO UPDATE SET number ="
            " CASE WHEN excluded.number > last_eid.number THEN excluded.number"
            " ELSE last_eid.number END",
            (found[1], int(found[2])),
        )


def _insert(database: Connection, coming: Experiment) -> int | None:
    row = database.execute(
        "INSERT INTO experiment (uuid, eid, title, description, created_by, created_at,"
        " updated_at) VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING RETURNING number",
        (
            *(str(coming.uuid), coming.eid, coming.title, coming.description, coming.created_by),
            *(to_microseconds(coming.created_at), to_microseconds(coming.updated_at)),
        ),
    ).fetchone()
    if row is None:
        return None
    add_tags(database, int(row[0]), coming.tags)
    return int(row[0])


def _update(database: Connection, number: int, coming: Experiment) -> None:
    database.execute(
        "UPDATE experiment SET title = ?, description = ?, created_by = ?, created_at = ?,"
        " updated_at = ? WHERE number = ?",
        (
            *(coming.title, coming.description, coming.created_by),
            *(to_microseconds(coming.created_at), to_microseconds(coming.updated_at), number),
        ),
    )
    database.execute("DELETE FROM experiment_tag WHERE experiment = ?", (number,))
    add_tags(database, number, coming.tags)


def _note_fields(database: Connection, number: int, digest: bytes) -> None:
    database.execute(
        "INSERT INTO imported_experiment VALUES (?, ?)"
        " ON CONFLICT (experiment) DO UPDATE SET fields = excluded.fields",
        (number, digest),
    )


def _noted(database: Connection, number: int) -> bytes | None:
    row = database.execute(
        "SELECT fields FROM imported_experiment WHERE experiment = ?", (number,)
    ).fetchone()
    return None if row is None else bytes(row[0])


def _enter_task(database: Connection, task: Task, out: str | None, err: str | None) -> None:
    ended = None if task.ended_at is None else to_microseconds(task.ended_at)
    database.execute(
        "INSERT INTO task (uuid, experiment, extension, action, parameters, created_by,"
        " received_at, status, ended_at, std_out, std_err, result_code)"
        " SELECT ?, number, ?, ?, ?, ?, ?, ?, ?, ?, ?, ? FROM experiment WHERE uuid = ?"
        " ON CONFLICT (uuid) DO UPDATE SET status = excluded.status,"
        " ended_at = excluded.ended_at, std_out = excluded.std_out, std_err = excluded.std_err,"
        " result_code = excluded.result_code WHERE task.experiment = excluded.experiment",
        (
            *(str(task.uuid), task.extension, task.action, parameters_text(task.parameters)),
            *(task.created_by, to_microseconds(task.received_at), task.status.value, ended),
            *(out, err, task.result_code, str(task.experiment)),
        ),
    )
